#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fanout/event_labels.h"
#include "server/fanout/resume_token.h"
#include "server/fanout/subscription.h"
#include "tests/fanout/fake_event_source.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using ::testing::ElementsAre;
using testing::FakeEventSource;
using testing::HasCode;
using testing::HasReason;
using ::testing::Pair;
using Kind = Subscription::Outgoing::Kind;
using Outgoing = Subscription::Outgoing;
using v1::STATE_OPEN;
using v1::STATE_RESOLVED;

constexpr auto kEntered = v1::MEMBERSHIP_ENTERED;
constexpr auto kUpdated = v1::MEMBERSHIP_UPDATED;
constexpr auto kLeft = v1::MEMBERSHIP_LEFT;

class SubscriptionMatchersTest : public ::testing::Test {
 protected:
  explicit SubscriptionMatchersTest(size_t ring_bytes = 1'000'000) : source_(ring_bytes) {}

  Subscription Begin(const Subscription::Start& start, bool latest_only = false,
                     ReadLimits limits = kBatchLimits) {
    return Subscription(&source_, &generations_, start,
                        {.matchers = open_, .latest_only = latest_only, .limits = limits});
  }
  Subscription Resume(const Subscription& earlier, bool latest_only = false) {
    return Begin(*DecodeResumeToken(earlier.Token()), latest_only);
  }
  // Memberships and sequences of everything until there is nothing; all but batches are passed
  // over.
  static std::vector<std::pair<v1::Membership, Sequence>> Drain(Subscription* subscription) {
    std::vector<std::pair<v1::Membership, Sequence>> told;
    for (int steps = 0; steps < 1000; ++steps) {
      const auto outgoing = subscription->Next(/*may_read_store=*/true);
      EXPECT_OK(outgoing);
      if (!outgoing.ok() || outgoing->kind == Kind::kNothing) return told;
      for (const auto& entry : outgoing->entries) {
        told.emplace_back(entry.membership, entry.event.sequence);
      }
    }
    ADD_FAILURE() << "it never comes to an end";
    return told;
  }
  static Sequence PositionOf(const Subscription& subscription) {
    return DecodeResumeToken(subscription.Token())->position();
  }

  FakeEventSource source_;
  Generations generations_{{{0xA1, 1}}};
  const std::shared_ptr<const Matchers> open_ =
      std::make_shared<const Matchers>(*Matchers::Parse({"state=open"}));
};

class SubscriptionMatchersTinyRingTest : public SubscriptionMatchersTest {
 protected:
  SubscriptionMatchersTinyRingTest() : SubscriptionMatchersTest(1) {}
};

TEST_F(SubscriptionMatchersTest, ASnapshotHoldsWhatMatchesAndNothingHasLeftIt) {
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("b", STATE_RESOLVED);
  source_.CommitAndPublish("c", STATE_OPEN);
  source_.CommitAndPublish("c", STATE_RESOLVED);
  Subscription subscription = Begin(Subscription::Snapshot());
  EXPECT_THAT(Drain(&subscription), ElementsAre(Pair(kEntered, 1)));
  EXPECT_EQ(PositionOf(subscription), 4U);
}

TEST_F(SubscriptionMatchersTest, MembershipComparesAnEventWithTheOneBefore) {
  Subscription subscription = Begin(Subscription::Snapshot());
  Drain(&subscription);
  source_.CommitAndPublish("a", STATE_RESOLVED);
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("a", STATE_RESOLVED);
  source_.CommitAndPublish("a", STATE_RESOLVED);
  source_.CommitAndPublish("b", STATE_OPEN);
  EXPECT_THAT(Drain(&subscription),
              ElementsAre(Pair(kEntered, 2), Pair(kUpdated, 3), Pair(kLeft, 4), Pair(kEntered, 6)));
}

TEST_F(SubscriptionMatchersTinyRingTest, TheEventBeforeIsReadFromTheStoreWithLeaveOnly) {
  Subscription subscription = Begin(Subscription::FromNow());
  source_.CommitAndPublish("a", STATE_OPEN);
  EXPECT_THAT(Drain(&subscription), ElementsAre(Pair(kEntered, 1)));
  source_.CommitAndPublish("a", STATE_RESOLVED);
  EXPECT_EQ(subscription.Next(/*may_read_store=*/false)->kind, Kind::kNeedsStore);
  EXPECT_THAT(Drain(&subscription), ElementsAre(Pair(kLeft, 2)));
}

TEST_F(SubscriptionMatchersTest, WhatTheSnapshotMayNotHaveShownIsUnknown) {
  source_.CommitAndPublish("a", STATE_RESOLVED);
  source_.CommitAndPublish("b", STATE_RESOLVED);
  Subscription subscription = Begin(Subscription::Snapshot());
  EXPECT_THAT(Drain(&subscription), ElementsAre());
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("b", STATE_RESOLVED);
  source_.CommitAndPublish("b", STATE_RESOLVED);
  Subscription resumed = Resume(subscription);
  const auto told = ElementsAre(Pair(kUpdated, 3), Pair(kLeft, 4));
  EXPECT_THAT(Drain(&subscription), told);
  EXPECT_THAT(Drain(&resumed), told) << "the token knows as much as the stream";
}

TEST_F(SubscriptionMatchersTinyRingTest, ALongWayWithoutAMatchIsGoneInBoundedSteps) {
  Subscription subscription =
      Begin(Subscription::FromNow(), /*latest_only=*/false, {.events = 10, .bytes = 1'000'000});
  EXPECT_EQ(subscription.Next(true)->kind, Kind::kOpened);
  for (int i = 0; i < 95; ++i) source_.CommitAndPublish(absl::StrCat("i-", i), STATE_RESOLVED);
  for (Sequence position = 10; position <= 90; position += 10) {
    EXPECT_EQ(subscription.Next(true)->kind, Kind::kSkipped);
    EXPECT_EQ(PositionOf(subscription), position);
  }
  EXPECT_EQ(subscription.Next(true)->kind, Kind::kNothing);
  EXPECT_EQ(PositionOf(subscription), 95U) << "and is not read again by who resumes here";
}

TEST_F(SubscriptionMatchersTest, WithoutLeaveToReadTheStoreAStepIsShort) {
  Subscription subscription = Begin(Subscription::FromNow());
  EXPECT_EQ(subscription.Next(false)->kind, Kind::kOpened);
  for (int i = 0; i < 100; ++i) source_.CommitAndPublish(absl::StrCat("i-", i), STATE_RESOLVED);
  EXPECT_EQ(subscription.Next(false)->kind, Kind::kSkipped);
  EXPECT_EQ(PositionOf(subscription), kLiveEventsMax);
  EXPECT_EQ(subscription.Next(true)->kind, Kind::kNothing);
}

TEST_F(SubscriptionMatchersTest, AnEventIsDecodedOnceForAllWhoHaveMatchers) {
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("a");
  SharedEvent first;
  SharedEvent second;
  ASSERT_TRUE(source_.FindRecent(2, &first));
  ASSERT_TRUE(source_.FindRecent(2, &second));
  EXPECT_EQ(*LabelsOf(first), *LabelsOf(second)) << "the same object";
  Subscription one = Begin(Subscription::FromNow());
  Subscription another = Begin(Subscription::FromNow());
  source_.CommitAndPublish("a");
  Drain(&one);
  ASSERT_TRUE(source_.FindRecent(3, &second));
  const SharedLabels before = second.labels->before();
  EXPECT_EQ(before, *LabelsOf(first)) << "the event's own, that is its successor's before";
  Drain(&another);
  EXPECT_EQ(second.labels->before(), before);
}

TEST_F(SubscriptionMatchersTest, WithoutMatchersNothingIsDecoded) {
  Subscription subscription(&source_, &generations_, Subscription::FromNow());
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("a");
  EXPECT_THAT(Drain(&subscription), ElementsAre(Pair(kEntered, 1), Pair(kUpdated, 2)));
  SharedEvent event;
  ASSERT_TRUE(source_.FindRecent(2, &event));
  EXPECT_EQ(event.labels->before(), nullptr);
}

TEST_F(SubscriptionMatchersTest, LatestOnlyTellsTheNewestOfEachAndWhoLeftWithoutTheEvent) {
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("b", STATE_OPEN);
  Subscription subscription = Begin(Subscription::Snapshot(), /*latest_only=*/true);
  EXPECT_THAT(Drain(&subscription), ElementsAre(Pair(kEntered, 1), Pair(kEntered, 2)));
  source_.CommitAndPublish("a", STATE_RESOLVED);
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("new", STATE_RESOLVED);
  source_.CommitAndPublish("b", STATE_RESOLVED);
  const auto outgoing = subscription.Next(true);
  ASSERT_OK(outgoing);
  ASSERT_EQ(outgoing->entries.size(), 2U) << "nobody can hold what is new";
  EXPECT_EQ(outgoing->entries[0].membership, kUpdated);
  EXPECT_EQ(outgoing->entries[0].event.sequence, 4U);
  EXPECT_EQ(outgoing->entries[1].membership, kLeft);
  EXPECT_EQ(outgoing->entries[1].event.bytes, nullptr);
  EXPECT_EQ(outgoing->entries[1].event.sequence, 6U);
  EXPECT_EQ(outgoing->entries[1].incident_id, "b");
  EXPECT_EQ(outgoing->entries[1].state, STATE_RESOLVED);
  EXPECT_EQ(subscription.Next(true)->kind, Kind::kNothing);
}

TEST_F(SubscriptionMatchersTest, TheModeMayChangeWithAToken) {
  source_.CommitAndPublish("a", STATE_OPEN);
  Subscription every = Begin(Subscription::Snapshot());
  Drain(&every);
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("a", STATE_RESOLVED);
  Subscription latest = Resume(every, /*latest_only=*/true);
  EXPECT_THAT(Drain(&latest), ElementsAre(Pair(kLeft, 3)));
  source_.CommitAndPublish("a", STATE_OPEN);
  source_.CommitAndPublish("a", STATE_OPEN);
  Subscription again = Resume(latest);
  EXPECT_THAT(Drain(&again), ElementsAre(Pair(kUpdated, 4), Pair(kUpdated, 5)));
}

TEST_F(SubscriptionMatchersTest, AnEventThatDoesNotParseIsDataLoss) {
  const SharedEvent damaged = {1, 0, std::make_shared<const std::string>("\xff\xff")};
  EXPECT_THAT(LabelsOf(damaged), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(SubscriptionMatchersTest, ATokenIsOfItsMatchers) {
  Subscription filtered = Begin(Subscription::Snapshot());
  Drain(&filtered);
  const auto token = DecodeResumeToken(filtered.Token());
  ASSERT_OK(token);
  EXPECT_OK(CheckMatchersOf(*token, open_->hash()));
  EXPECT_THAT(CheckMatchersOf(*token, 0), HasReason("RESUME_TOKEN_OTHER_MATCHERS"));
  EXPECT_THAT(CheckMatchersOf(*token, 1), HasCode(absl::StatusCode::kInvalidArgument));
}

TEST_F(SubscriptionMatchersTest, ATokenFromBeforeThereWereMatchersIsOneWithout) {
  internal::v1::ResumeToken token;
  token.set_version(kResumeTokenVersion);
  token.set_phase(internal::v1::ResumeToken::PHASE_EVENTS);
  EXPECT_OK(CheckMatchersOf(token, Matchers().hash()));
  EXPECT_THAT(CheckMatchersOf(token, open_->hash()), HasReason("RESUME_TOKEN_OTHER_MATCHERS"));
  Subscription plain(&source_, &generations_, Subscription::FromNow());
  EXPECT_EQ(DecodeResumeToken(plain.Token())->matchers_hash(), 0U);
  // One of a layout that this hub cannot read is answered with a reset.
  token.Clear();
  token.set_version(kResumeTokenVersion + 1);
  EXPECT_OK(CheckMatchersOf(token, open_->hash()));
}

}  // namespace
}  // namespace incidenthub
