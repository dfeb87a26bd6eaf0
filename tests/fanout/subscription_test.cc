#include "server/fanout/subscription.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fanout/resume_token.h"
#include "tests/fanout/fake_event_source.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using internal::v1::ResumeToken;
using testing::EqualsProto;
using testing::FakeEventSource;
using testing::HasCode;
using Kind = Subscription::Outgoing::Kind;
using Outgoing = Subscription::Outgoing;

constexpr uint64_t kGeneration = 0xA1;
constexpr size_t kLargeRing = 1'000'000;

class SubscriptionTest : public ::testing::Test {
 protected:
  explicit SubscriptionTest(size_t ring_bytes = kLargeRing) : source_(ring_bytes) {}

  Subscription Begin(const Subscription::Start& start, ReadLimits limits = kBatchLimits) {
    return Begin(start, SubscribeOptions{.limits = limits});
  }
  Subscription Begin(const Subscription::Start& start, const SubscribeOptions& options) {
    return Subscription(&source_, &generations_, start, options);
  }
  // Begins with the token of a message that a client got.
  Subscription Resume(const std::string& token, ReadLimits limits = kBatchLimits) {
    const auto decoded = DecodeResumeToken(token);
    EXPECT_OK(decoded);
    return Begin(*decoded, limits);
  }

  static Outgoing Next(Subscription* subscription) {
    auto outgoing = subscription->Next(/*may_read_store=*/true);
    EXPECT_OK(outgoing);
    return outgoing.ok() ? *std::move(outgoing) : Outgoing();
  }
  static std::vector<Sequence> SequencesOf(const Outgoing& outgoing) {
    EXPECT_EQ(outgoing.kind, Kind::kBatch);
    std::vector<Sequence> sequences;
    for (const auto& entry : outgoing.entries) sequences.push_back(entry.event.sequence);
    return sequences;
  }
  static ResumeToken TokenOf(const Subscription& subscription) {
    const auto token = DecodeResumeToken(subscription.Token());
    EXPECT_OK(token);
    return *token;
  }
  // Runs until there is nothing to send; returns the kinds sent.
  static std::vector<Kind> Drain(Subscription* subscription) {
    std::vector<Kind> kinds;
    while (true) {
      const Outgoing outgoing = Next(subscription);
      if (outgoing.kind == Kind::kNothing || kinds.size() > 1000) return kinds;
      kinds.push_back(outgoing.kind);
    }
  }

  FakeEventSource source_;
  Generations generations_{{{kGeneration, 1}}};
};

class SubscriptionOnATinyRingTest : public SubscriptionTest {
 protected:
  SubscriptionOnATinyRingTest() : SubscriptionTest(1) {}
};

TEST_F(SubscriptionTest, OnAnEmptyHubASnapshotIsOpenedAndItsEnd) {
  Subscription subscription = Begin(Subscription::Snapshot());
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  const Outgoing end = Next(&subscription);
  EXPECT_EQ(end.kind, Kind::kSnapshotEnd);
  EXPECT_EQ(end.sequence, 0U);
  EXPECT_EQ(Next(&subscription).kind, Kind::kNothing);
  EXPECT_EQ(subscription.Head(), 0U);
}

TEST_F(SubscriptionTest, ASnapshotIsTheNewestOfEachIncidentThenEveryEvent) {
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("b");
  source_.CommitAndPublish("a");
  Subscription subscription = Begin(Subscription::Snapshot());
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  const Outgoing snapshot = Next(&subscription);
  EXPECT_EQ(SequencesOf(snapshot), (std::vector<Sequence>{2, 3}));
  for (const auto& entry : snapshot.entries) EXPECT_EQ(entry.membership, v1::MEMBERSHIP_ENTERED);
  const Outgoing end = Next(&subscription);
  EXPECT_EQ(end.kind, Kind::kSnapshotEnd);
  EXPECT_EQ(end.sequence, 3U);
  EXPECT_EQ(Next(&subscription).kind, Kind::kNothing);

  source_.CommitAndPublish("a");
  source_.CommitAndPublish("c");
  const Outgoing events = Next(&subscription);
  EXPECT_EQ(SequencesOf(events), (std::vector<Sequence>{4, 5}));
  EXPECT_EQ(events.entries[0].membership, v1::MEMBERSHIP_UPDATED);
  EXPECT_EQ(events.entries[1].membership, v1::MEMBERSHIP_ENTERED);
}

TEST_F(SubscriptionTest, FromNowHandsOutOnlyWhatComesAfter) {
  source_.CommitAndPublish("a");
  Subscription subscription = Begin(Subscription::FromNow());
  source_.CommitAndPublish("a");
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{2}));
  EXPECT_EQ(Next(&subscription).kind, Kind::kNothing);
}

TEST_F(SubscriptionTest, FromNowOnAnEmptyHubIsNoSnapshotEither) {
  Subscription subscription = Begin(Subscription::FromNow());
  EXPECT_EQ(Drain(&subscription), (std::vector<Kind>{Kind::kOpened}));
  Subscription resumed = Resume(subscription.Token());
  source_.CommitAndPublish("a");
  EXPECT_EQ(Drain(&resumed), (std::vector<Kind>{Kind::kOpened, Kind::kBatch}));
}

TEST_F(SubscriptionTest, AnEventThatIsAppliedAndNotYetPublishedWaits) {
  source_.CommitAndPublish("a");
  Subscription subscription = Begin(Subscription::FromNow());
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  source_.Commit("a");
  EXPECT_EQ(Next(&subscription).kind, Kind::kNothing);
  source_.Publish();
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{2}));
}

TEST_F(SubscriptionTest, AnIncidentThatMovesDuringTheScanIsInTheSnapshot) {
  for (const char* id : {"a", "b", "c", "d"}) source_.CommitAndPublish(id);
  Subscription subscription = Begin(Subscription::Snapshot(), {.events = 2, .bytes = 1'000'000});
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{1, 2}));
  // Ahead of the cursor, behind it, and new.
  source_.CommitAndPublish("d");
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("e");
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{3}));
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{5, 6}));
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{7}));
  const Outgoing end = Next(&subscription);
  EXPECT_EQ(end.kind, Kind::kSnapshotEnd);
  EXPECT_EQ(end.sequence, 7U);
}

TEST_F(SubscriptionTest, TheSnapshotDoesNotEndBeforeWhatMovedIsPublished) {
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("b");
  Subscription subscription = Begin(Subscription::Snapshot());
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  source_.Commit("a");  // Leaves the scan's range; nobody was told yet.
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{2}));
  EXPECT_EQ(Next(&subscription).kind, Kind::kNothing);
  source_.Publish();
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{3}));
  EXPECT_EQ(Next(&subscription).kind, Kind::kSnapshotEnd);
}

TEST_F(SubscriptionTest, ASnapshotCutOffHalfWayGoesOnWhereItWas) {
  for (const char* id : {"a", "b", "c"}) source_.CommitAndPublish(id);
  Subscription first = Begin(Subscription::Snapshot(), {.events = 1, .bytes = 1'000'000});
  Next(&first);
  EXPECT_EQ(SequencesOf(Next(&first)), (std::vector<Sequence>{1}));
  source_.CommitAndPublish("a");
  Subscription second = Resume(first.Token());
  EXPECT_EQ(Next(&second).kind, Kind::kOpened);
  const Outgoing rest = Next(&second);
  EXPECT_EQ(SequencesOf(rest), (std::vector<Sequence>{2, 3}));
  EXPECT_EQ(rest.entries[0].membership, v1::MEMBERSHIP_ENTERED) << "the client began empty";
  EXPECT_EQ(SequencesOf(Next(&second)), (std::vector<Sequence>{4}));
  EXPECT_EQ(Next(&second).kind, Kind::kSnapshotEnd);
}

TEST_F(SubscriptionTest, ASnapshotCutOffBeforeItsEndWasSentEndsOnTheNextStream) {
  source_.CommitAndPublish("a");
  Subscription first = Begin(Subscription::Snapshot());
  Next(&first);
  Next(&first);
  Subscription second = Resume(first.Token());
  EXPECT_EQ(Drain(&second), (std::vector<Kind>{Kind::kOpened, Kind::kSnapshotEnd}));
  Subscription third = Resume(second.Token());
  EXPECT_EQ(Drain(&third), (std::vector<Kind>{Kind::kOpened})) << "and only once";
}

TEST_F(SubscriptionTest, TheTokenOfOpenedAloneBeginsAtTheSamePlace) {
  source_.CommitAndPublish("a");
  Subscription first = Begin(Subscription::Snapshot());
  Next(&first);
  source_.CommitAndPublish("b");
  Subscription second = Resume(first.Token());
  EXPECT_EQ(Drain(&second),
            (std::vector<Kind>{Kind::kOpened, Kind::kBatch, Kind::kBatch, Kind::kSnapshotEnd}));
}

TEST_F(SubscriptionOnATinyRingTest, WhatTheRingLostIsReadFromTheStore) {
  for (const char* id : {"a", "b", "c", "d", "e"}) source_.CommitAndPublish(id);
  Subscription subscription = Begin(Subscription::FromNow());
  Next(&subscription);
  for (const char* id : {"a", "b", "c", "d", "e"}) source_.CommitAndPublish(id);
  EXPECT_EQ(subscription.Next(/*may_read_store=*/false)->kind, Kind::kNeedsStore);
  EXPECT_EQ(subscription.Next(/*may_read_store=*/false)->kind, Kind::kNeedsStore)
      << "asking changed nothing";
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{6, 7, 8, 9, 10}));
  EXPECT_EQ(subscription.Next(/*may_read_store=*/false)->kind, Kind::kNothing);
}

TEST_F(SubscriptionOnATinyRingTest, WhatTheStoreHandedOutEarlyIsNotPublishedTwice) {
  source_.CommitAndPublish("a");
  Subscription subscription = Begin(Subscription::FromNow());
  Next(&subscription);
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("b");
  source_.Commit("c");
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{2, 3, 4}));
  EXPECT_EQ(subscription.Head(), 4U) << "never behind what was handed out";
  source_.Publish();
  EXPECT_EQ(Next(&subscription).kind, Kind::kNothing);
}

TEST_F(SubscriptionTest, AScanOfTheStoreIsNeverDoneWithoutLeave) {
  source_.CommitAndPublish("a");
  Subscription subscription = Begin(Subscription::Snapshot());
  EXPECT_EQ(subscription.Next(false)->kind, Kind::kOpened);
  EXPECT_EQ(subscription.Next(false)->kind, Kind::kNeedsStore);
  EXPECT_EQ(subscription.Next(true)->kind, Kind::kBatch);
}

TEST_F(SubscriptionTest, AnErrorOfTheStoreEndsIt) {
  source_.CommitAndPublish("a");
  source_.store_error = absl::DataLossError("a block is damaged");
  Subscription subscription = Begin(Subscription::Snapshot());
  Next(&subscription);
  EXPECT_THAT(subscription.Next(true), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(SubscriptionTest, BatchesEndAtTheirLimitsButHoldAtLeastOneEvent) {
  for (int i = 0; i < 6; ++i) source_.CommitAndPublish("a");
  const size_t bytes = source_.history()[0].event.bytes->size() * 5 / 2;
  Subscription subscription = Begin(Subscription::FromNow(), {.events = 100, .bytes = bytes});
  Next(&subscription);
  for (int i = 0; i < 5; ++i) source_.CommitAndPublish("a");
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{7, 8}));
  EXPECT_EQ(SequencesOf(Next(&subscription)), (std::vector<Sequence>{9, 10}));
  Subscription tiny = Resume(subscription.Token(), {.events = 100, .bytes = 1});
  Next(&tiny);
  EXPECT_EQ(SequencesOf(Next(&tiny)), (std::vector<Sequence>{11}));
}

TEST_F(SubscriptionTest, ATokenOfAnUnknownGenerationIsResetAndTheSnapshotFollows) {
  source_.CommitAndPublish("a");
  ResumeToken token;
  token.set_version(kResumeTokenVersion);
  token.set_generation(0xEE);
  token.set_phase(ResumeToken::PHASE_EVENTS);
  token.set_position(1);
  token.set_since(1);
  Subscription subscription = Begin(token);
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  EXPECT_THAT(TokenOf(subscription), EqualsProto(token))
      << "nothing was dropped yet, so the client's own token is still the right one";
  const Outgoing reset = Next(&subscription);
  EXPECT_EQ(reset.kind, Kind::kReset);
  EXPECT_FALSE(reset.reason.empty());
  const ResumeToken after = TokenOf(subscription);
  EXPECT_EQ(after.generation(), kGeneration);
  EXPECT_EQ(after.position(), 0U);
  EXPECT_EQ(Drain(&subscription), (std::vector<Kind>{Kind::kBatch, Kind::kSnapshotEnd}));

  // Cut off right after the reset: the client is empty, and gets the snapshot without another.
  Subscription resumed = Begin(after);
  EXPECT_EQ(Drain(&resumed), (std::vector<Kind>{Kind::kOpened, Kind::kBatch, Kind::kSnapshotEnd}));
}

TEST_F(SubscriptionTest, APositionBeyondTheEndOfItsGenerationIsReset) {
  generations_ = Generations({{0xB2, 1}, {kGeneration, 3}});
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("a");
  const auto kinds_of = [this](uint64_t generation, Sequence position, Sequence cut) {
    ResumeToken token;
    token.set_version(kResumeTokenVersion);
    token.set_generation(generation);
    token.set_phase(cut == 0 ? ResumeToken::PHASE_EVENTS : ResumeToken::PHASE_UNSPECIFIED);
    token.set_position(position);
    token.set_cut(cut);
    Subscription subscription = Begin(token);
    return Drain(&subscription);
  };
  const auto with_reset = ::testing::Contains(Kind::kReset);
  EXPECT_THAT(kinds_of(0xB2, 2, 0), ::testing::Not(with_reset));
  EXPECT_THAT(kinds_of(0xB2, 3, 0), with_reset);
  EXPECT_THAT(kinds_of(0xB2, 1, 3), with_reset) << "its scan went further than its position";
  EXPECT_THAT(kinds_of(kGeneration, 3, 0), ::testing::Not(with_reset));
  EXPECT_THAT(kinds_of(kGeneration, 4, 0), ::testing::Not(with_reset)) << "it waits";
}

TEST_F(SubscriptionTest, ATokenOfAnotherVersionIsReset) {
  source_.CommitAndPublish("a");
  ResumeToken token;
  token.set_version(kResumeTokenVersion + 1);
  Subscription subscription = Begin(token);
  EXPECT_EQ(Next(&subscription).kind, Kind::kOpened);
  // What `opened` carries leads to the reset again.
  Subscription again = Resume(subscription.Token());
  EXPECT_EQ(Drain(&again),
            (std::vector<Kind>{Kind::kOpened, Kind::kReset, Kind::kBatch, Kind::kSnapshotEnd}));
}

TEST_F(SubscriptionOnATinyRingTest, ATokenForWhatIsAppliedAndNotYetPublishedIsNotReset) {
  source_.CommitAndPublish("a");
  Subscription first = Begin(Subscription::FromNow());
  Next(&first);
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("a");
  source_.Commit("a");
  EXPECT_EQ(SequencesOf(Next(&first)), (std::vector<Sequence>{2, 3, 4})) << "read from the store";
  Subscription second = Resume(first.Token());
  EXPECT_EQ(Next(&second).kind, Kind::kOpened);
  EXPECT_EQ(Next(&second).kind, Kind::kNothing);
}

TEST_F(SubscriptionTest, ASnapshotThatSettlesOnWhatIsNotYetPublishedIsNotReset) {
  source_.CommitAndPublish("a");
  Subscription first = Begin(Subscription::Snapshot());
  Next(&first);
  source_.Commit("b");
  EXPECT_EQ(SequencesOf(Next(&first)), (std::vector<Sequence>{1}));
  Subscription second = Resume(first.Token());
  EXPECT_EQ(Next(&second).kind, Kind::kOpened);
  EXPECT_EQ(Next(&second).kind, Kind::kNothing);
  source_.Publish();
  EXPECT_EQ(Drain(&second), (std::vector<Kind>{Kind::kBatch, Kind::kSnapshotEnd}));
}

// The client holds `b` and waits for `a`, which moved away from the scan. The hub is put back to
// before that, where `a` stands behind the cursor: to go on would be to miss it.
TEST_F(SubscriptionTest, AScanThatSawMoreThanTheLogStillHoldsIsReset) {
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("b");
  source_.CommitAndPublish("c");
  const FakeEventSource::History backup = source_.history();
  Subscription first = Begin(Subscription::Snapshot(), {.events = 1, .bytes = 1'000'000});
  Next(&first);
  source_.CommitAndPublish("a");
  EXPECT_EQ(SequencesOf(Next(&first)), (std::vector<Sequence>{2}));
  const std::string token = first.Token();

  source_.Restart(backup);
  generations_ = Generations({{kGeneration, 1}, {0xB2, source_.applied() + 1}});
  Subscription second = Resume(token);
  FakeEventSource::Incidents held = {{"b", 2}};
  while (true) {
    const Outgoing outgoing = Next(&second);
    if (outgoing.kind == Kind::kReset) held.clear();
    for (const auto& entry : outgoing.entries) {
      v1::Event event;
      ASSERT_TRUE(event.ParseFromString(*entry.event.bytes));
      held[event.incident().id()] = event.sequence();
    }
    if (outgoing.kind == Kind::kSnapshotEnd) break;
    ASSERT_NE(outgoing.kind, Kind::kNothing);
  }
  EXPECT_EQ(held, source_.IncidentsAsOf(source_.applied()));
}

TEST_F(SubscriptionTest, TokensStayShortHoweverFarTheHubHasCome) {
  Subscription subscription = Begin(Subscription::Snapshot());
  for (int i = 0; i < 3; ++i) {
    EXPECT_LE(subscription.Token().size(), kResumeTokenBytesMax);
    Next(&subscription);
  }
}

}  // namespace
}  // namespace incidenthub
