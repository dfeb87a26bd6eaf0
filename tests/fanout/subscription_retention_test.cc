// What a subscription does where retention has dropped what it was to send: compacted catch-up, the
// end of a stream that requires history, tombstones, and the reset where even those are gone.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/generation.h"
#include "server/domain/matcher.h"
#include "server/fanout/resume_token.h"
#include "server/fanout/subscription.h"
#include "tests/fanout/fake_event_source.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using ::testing::ElementsAre;
using testing::FakeEventSource;
using testing::HasReason;
using ::testing::IsEmpty;
using Kind = Subscription::Outgoing::Kind;
using Outgoing = Subscription::Outgoing;

constexpr uint64_t kGeneration = 7;

class SubscriptionRetentionTest : public ::testing::Test {
 protected:
  void Open(const Subscription::Start& start, SubscribeOptions options = {}) {
    subscription_ =
        std::make_unique<Subscription>(&source_, &generations_, start, std::move(options));
    EXPECT_EQ(Next().kind, Kind::kOpened);
  }
  void Resume(const std::string& token, SubscribeOptions options = {}) {
    const auto decoded = DecodeResumeToken(token);
    ASSERT_OK(decoded);
    Open(*decoded, std::move(options));
  }
  // Of a client that has followed everything so far.
  std::string TokenHere() {
    Subscription subscription(&source_, &generations_, Subscription::FromNow());
    return subscription.Token();
  }
  Outgoing Next() {
    const auto outgoing = subscription_->Next(/*may_read_store=*/true);
    EXPECT_OK(outgoing);
    return outgoing.value_or(Outgoing());
  }
  // What is sent until there is no more, a line each.
  std::vector<std::string> Drain() {
    std::vector<std::string> lines;
    for (Outgoing outgoing = Next(); outgoing.kind != Kind::kNothing; outgoing = Next()) {
      switch (outgoing.kind) {
        case Kind::kCompacted:
          lines.push_back(absl::StrCat("compacted ", outgoing.from, "-", outgoing.sequence));
          break;
        case Kind::kSnapshotEnd:
          lines.push_back(absl::StrCat("end ", outgoing.sequence));
          break;
        case Kind::kReset:
          lines.emplace_back("reset");
          break;
        default:
          break;
      }
      for (const auto& entry : outgoing.entries) lines.push_back(Line(entry));
    }
    return lines;
  }
  std::string Line(const Outgoing::Entry& entry) const {
    static const std::vector<std::string> kWords = {"?", "entered", "updated", "left"};
    return absl::StrCat(kWords[static_cast<size_t>(entry.membership)], " ",
                        source_.At(entry.event.sequence).incident_id, "@", entry.event.sequence,
                        entry.event.bytes == nullptr ? " brief" : "");
  }
  static SubscribeOptions Require() { return {.require_history = true}; }
  static SubscribeOptions OnlyOpen() {
    return {.matchers = std::make_shared<const Matchers>(*Matchers::Parse({"state=open"}))};
  }

  // No event stays on the ring but the newest.
  FakeEventSource source_{/*ring_bytes=*/1};
  Generations generations_{{{kGeneration, 1}}};
  std::unique_ptr<Subscription> subscription_;
};

TEST_F(SubscriptionRetentionTest, ATokenAtTheFloorGetsEveryEvent) {
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("a");
  const std::string at_floor = TokenHere();
  for (int i = 0; i < 3; ++i) source_.CommitAndPublish("a");
  source_.Trim(2);
  ASSERT_EQ(source_.floor(), 2U);
  Resume(at_floor);
  EXPECT_THAT(Drain(), ElementsAre("updated a@3", "updated a@4", "updated a@5"));
}

TEST_F(SubscriptionRetentionTest, ATokenBelowTheFloorGetsTheNewestOfEachIncidentThatChanged) {
  source_.CommitAndPublish("same");
  source_.CommitAndPublish("a");
  const std::string below = TokenHere();
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("b");
  source_.CommitAndPublish("a");
  source_.Trim(5);
  Resume(below);
  EXPECT_THAT(Drain(), ElementsAre("compacted 3-5", "updated b@4", "updated a@5", "end 5"));
  source_.CommitAndPublish("a");
  EXPECT_THAT(Drain(), ElementsAre("updated a@6")) << "from there on every event";
}

TEST_F(SubscriptionRetentionTest, AnEventThatNothingReplacedDoesNotMoveTheFloor) {
  source_.CommitAndPublish("a");
  const std::string token = TokenHere();
  source_.CommitAndPublish("b");
  source_.CommitAndPublish("c");
  source_.Trim(3);
  ASSERT_EQ(source_.floor(), 0U);
  Resume(token);
  EXPECT_THAT(Drain(), ElementsAre("entered b@2", "entered c@3"));
}

TEST_F(SubscriptionRetentionTest, AStreamThatIsOvertakenIsCompactedAndGoesOn) {
  source_.CommitAndPublish("a");
  Open(Subscription::Snapshot(), {.limits = {.events = 1, .bytes = 1}});
  EXPECT_THAT(Drain(), ElementsAre("entered a@1", "end 1"));
  for (int i = 0; i < 4; ++i) source_.CommitAndPublish("a");
  source_.CommitAndPublish("b");
  EXPECT_EQ(Line(Next().entries.at(0)), "updated a@2");
  source_.Trim(5);
  EXPECT_THAT(Drain(), ElementsAre("compacted 3-6", "updated a@5", "updated b@6", "end 6"));
}

TEST_F(SubscriptionRetentionTest, WhatIsTrimmedWhileItIsReadIsNotMissed) {
  source_.CommitAndPublish("a");
  const std::string token = TokenHere();
  for (int i = 0; i < 3; ++i) source_.CommitAndPublish("a");
  source_.during_read_events = [this] { source_.Trim(4); };
  Resume(token);
  EXPECT_THAT(Drain(), ElementsAre("compacted 2-4", "updated a@4", "end 4"));
}

TEST_F(SubscriptionRetentionTest, ACompactedCatchUpThatWasCutOffGoesOnWhereItWas) {
  source_.CommitAndPublish("a");
  const std::string below = TokenHere();
  for (const char* id : {"a", "b", "c", "d"}) source_.CommitAndPublish(id);
  source_.Trim(5);
  Resume(below, {.limits = {.events = 1, .bytes = 1}});
  EXPECT_EQ(Next().kind, Kind::kCompacted);
  EXPECT_EQ(Line(Next().entries.at(0)), "updated a@2");
  EXPECT_EQ(Line(Next().entries.at(0)), "updated b@3");
  const std::string half_way = subscription_->Token();
  source_.CommitAndPublish("a");
  Resume(half_way);
  EXPECT_THAT(Drain(), ElementsAre("updated c@4", "updated d@5", "updated a@6", "end 6"));
}

TEST_F(SubscriptionRetentionTest, ASnapshotThatWasCutOffAndOvertakenStaysWhole) {
  for (const char* id : {"a", "b", "c"}) source_.CommitAndPublish(id);
  Open(Subscription::Snapshot(), {.limits = {.events = 1, .bytes = 1}});
  EXPECT_EQ(Line(Next().entries.at(0)), "entered a@1");
  source_.CommitAndPublish("b");
  EXPECT_EQ(Line(Next().entries.at(0)), "entered c@3");
  const std::string settling = subscription_->Token();
  for (int i = 0; i < 3; ++i) source_.CommitAndPublish("b");
  source_.Trim(7);
  Resume(settling);
  EXPECT_THAT(Drain(), ElementsAre("compacted 4-7", "updated b@7", "end 7"));
}

TEST_F(SubscriptionRetentionTest, RequiredHistoryThatIsGoneEndsTheStream) {
  source_.CommitAndPublish("a");
  const std::string below = TokenHere();
  for (int i = 0; i < 3; ++i) source_.CommitAndPublish("a");
  source_.Trim(3);
  Resume(below, Require());
  const auto refused = subscription_->Next(/*may_read_store=*/true);
  EXPECT_THAT(refused, HasReason("HISTORY_COMPACTED"));
  EXPECT_TRUE(absl::IsOutOfRange(refused.status()));
  EXPECT_EQ(subscription_->Token(), below) << "the client has lost nothing by asking";
}

TEST_F(SubscriptionRetentionTest, RequiredHistoryIsRefusedAlsoRightAfterCompacted) {
  source_.CommitAndPublish("a");
  const std::string below = TokenHere();
  for (int i = 0; i < 3; ++i) source_.CommitAndPublish("a");
  source_.Trim(3);
  Resume(below);
  EXPECT_EQ(Next().kind, Kind::kCompacted);
  // Cut off here: nothing of what it stands for was told yet.
  Resume(subscription_->Token(), Require());
  EXPECT_THAT(subscription_->Next(/*may_read_store=*/true), HasReason("HISTORY_COMPACTED"));
}

TEST_F(SubscriptionRetentionTest, RequiredHistoryThatIsThereIsSentWhole) {
  source_.CommitAndPublish("a");
  const std::string below = TokenHere();
  for (const char* id : {"a", "b", "a"}) source_.CommitAndPublish(id);
  Resume(below, {.latest_only = true, .limits = {.events = 1, .bytes = 1}});
  EXPECT_EQ(Line(Next().entries.at(0)), "updated b@3");
  const std::string conflated = subscription_->Token();
  Resume(conflated, Require());
  EXPECT_THAT(Drain(), ElementsAre("updated a@2", "entered b@3", "updated a@4"))
      << "from where the client last was exact";
}

TEST_F(SubscriptionRetentionTest, ATombstoneIsLeft) {
  source_.CommitAndPublish("a", v1::STATE_RESOLVED);
  const std::string token = TokenHere();
  source_.Purge("a");
  source_.Publish();
  Resume(token);
  EXPECT_THAT(Drain(), ElementsAre("left a@2"));
  Open(Subscription::Snapshot());
  EXPECT_THAT(Drain(), ElementsAre("end 2")) << "nobody who begins empty holds it";
}

TEST_F(SubscriptionRetentionTest, ATombstoneIsLeftInACompactedCatchUp) {
  source_.CommitAndPublish("a", v1::STATE_RESOLVED);
  source_.CommitAndPublish("b");
  const std::string below = TokenHere();
  source_.CommitAndPublish("b");
  source_.Purge("a");
  source_.Publish();
  source_.Trim(4);
  Resume(below);
  EXPECT_THAT(Drain(), ElementsAre("compacted 3-4", "updated b@3", "left a@4 brief", "end 4"));
}

TEST_F(SubscriptionRetentionTest, AnIncidentThatComesAnewEnters) {
  source_.CommitAndPublish("a", v1::STATE_RESOLVED);
  const std::string token = TokenHere();
  source_.Purge("a");
  source_.CommitAndPublish("a");
  source_.CommitAndPublish("a");
  Resume(token);
  EXPECT_THAT(Drain(), ElementsAre("left a@2", "entered a@3", "updated a@4"));
}

TEST_F(SubscriptionRetentionTest, WithMatchersATombstoneMatchesNothing) {
  source_.CommitAndPublish("open");
  source_.CommitAndPublish("shut", v1::STATE_RESOLVED);
  Open(Subscription::Snapshot(), OnlyOpen());
  EXPECT_THAT(Drain(), ElementsAre("entered open@1", "end 2"));
  const std::string token = subscription_->Token();
  source_.CommitAndPublish("shut", v1::STATE_RESOLVED);
  EXPECT_THAT(Drain(), ElementsAre("left shut@3")) << "it is not known what the snapshot showed";
  source_.Purge("shut");
  source_.CommitAndPublish("shut");
  EXPECT_THAT(Drain(), ElementsAre("entered shut@5")) << "it was not held, so it does not leave";
  // Who may hold an incident that came anew, and does not match now, is told.
  source_.CommitAndPublish("shut", v1::STATE_RESOLVED);
  source_.Purge("shut");
  source_.CommitAndPublish("shut", v1::STATE_RESOLVED);
  source_.Trim(8);
  Resume(token, OnlyOpen());
  EXPECT_THAT(Drain(), ElementsAre("compacted 3-8", "left shut@8 brief", "end 8"));
}

TEST_F(SubscriptionRetentionTest, AForgottenTombstoneResetsWhoMayHoldTheIncident) {
  source_.CommitAndPublish("a", v1::STATE_RESOLVED);
  const std::string before = TokenHere();
  source_.Purge("a");
  source_.CommitAndPublish("b");
  const std::string after = TokenHere();
  source_.CommitAndPublish("b");
  source_.Trim(3);
  source_.Forget();
  ASSERT_EQ(source_.forgotten(), 2U);
  Resume(before);
  EXPECT_THAT(Drain(), ElementsAre("reset", "entered b@4", "end 4"));
  Resume(after);
  EXPECT_THAT(Drain(), ElementsAre("updated b@4")) << "who had heard of it goes on";
}

TEST_F(SubscriptionRetentionTest, ASnapshotUnderWayIsNotResetByWhatWasForgottenBefore) {
  source_.CommitAndPublish("gone", v1::STATE_RESOLVED);
  source_.Purge("gone");
  for (const char* id : {"a", "b", "c"}) source_.CommitAndPublish(id);
  source_.Trim(2);
  source_.Forget();
  Open(Subscription::Snapshot(), {.limits = {.events = 1, .bytes = 1}});
  EXPECT_EQ(Line(Next().entries.at(0)), "entered a@3");
  EXPECT_THAT(Drain(), ElementsAre("entered b@4", "entered c@5", "end 5"));
}

TEST_F(SubscriptionRetentionTest, ASnapshotUnderWayIsResetByWhatItShowedAndIsForgotten) {
  source_.CommitAndPublish("a", v1::STATE_RESOLVED);
  source_.CommitAndPublish("b");
  source_.CommitAndPublish("c");
  Open(Subscription::Snapshot(), {.limits = {.events = 1, .bytes = 1}});
  EXPECT_EQ(Line(Next().entries.at(0)), "entered a@1");
  source_.Purge("a");
  source_.CommitAndPublish("b");
  source_.Trim(4);
  source_.Forget();
  EXPECT_THAT(Drain(), ElementsAre("reset", "entered c@3", "entered b@5", "end 5"));
}

TEST_F(SubscriptionRetentionTest, LatestOnlyIsNeverCompacted) {
  source_.CommitAndPublish("a");
  const std::string below = TokenHere();
  for (const char* id : {"a", "b", "a"}) source_.CommitAndPublish(id);
  source_.Trim(4);
  Resume(below, {.latest_only = true});
  EXPECT_THAT(Drain(), ElementsAre("updated b@3", "updated a@4"));
}

TEST_F(SubscriptionRetentionTest, ATokenAheadOfTheHubWaitsUntilItIsThere) {
  source_.CommitAndPublish("a");
  FakeEventSource ahead{1};
  ahead.CommitAndPublish("a");
  ahead.CommitAndPublish("b");
  Subscription elsewhere(&ahead, &generations_, Subscription::FromNow());
  Resume(elsewhere.Token());
  EXPECT_TRUE(subscription_->awaiting());
  EXPECT_THAT(Drain(), IsEmpty());
  EXPECT_EQ(subscription_->Token(), elsewhere.Token());
  source_.CommitAndPublish("b");
  EXPECT_FALSE(subscription_->awaiting());
  source_.CommitAndPublish("c");
  EXPECT_THAT(Drain(), ElementsAre("entered c@3"));
}

}  // namespace
}  // namespace incidenthub
