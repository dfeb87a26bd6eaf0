// Request ids: a command that is sent again is answered as it was, and does nothing.

#include "server/domain/request_id.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/core_fixture.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::AckUntil;
using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using testing::HasCode;
using testing::HasReason;
using testing::ResolveOf;
using testing::UnackOf;
using testing::WithRequestId;

class RequestIdTest : public CoreTest {
 protected:
  Outcome Ask(Command command) {
    std::vector<Command> commands;
    commands.push_back(std::move(command));
    return Submit(std::move(commands))->Wait().at(0);
  }
};

TEST_F(RequestIdTest, ARepeatIsAnsweredAsChangedWithTheIncidentAsItIsNow) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  const v1::AckRequest ack = WithRequestId(AckOf("a"), "r-1");
  EXPECT_EQ(Commit(ack).sequence, 2U);
  Commit(UnackOf("a"));
  const Committed again = Commit(ack);
  EXPECT_TRUE(again.changed);
  EXPECT_EQ(again.sequence, 3U);
  EXPECT_EQ(again.incident->state(), v1::STATE_OPEN);
  EXPECT_EQ(store_->applied(), 3U) << "no event";
}

TEST_F(RequestIdTest, ItsEventSaysWhichRequestAsked) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  Commit(WithRequestId(AckOf("a"), "r-1"));
  const auto events = store_->ReadEvents(1, {.events = 1, .bytes = 1});
  ASSERT_OK(events);
  v1::Event event;
  ASSERT_TRUE(event.ParseFromString(*events->at(0).bytes));
  EXPECT_EQ(event.action().request_id(), "r-1");
}

TEST_F(RequestIdTest, InOneBatchToo) {
  Start();
  const std::vector<Outcome> outcomes =
      Submit({DeliveryBuilder("a").Build(), DeliveryBuilder("b").Build(),
              WithRequestId(AckOf("a"), "r-1"), WithRequestId(AckOf("a"), "r-1"),
              WithRequestId(AckOf("b"), "r-1"), WithRequestId(UnackOf("a"), "r-1"),
              WithRequestId(ResolveOf("a"), "r-2"), WithRequestId(AckOf("a"), "r-1")})
          ->Wait();
  EXPECT_EQ(CommittedOf(outcomes[2]).sequence, 3U);
  EXPECT_EQ(CommittedOf(outcomes[3]).sequence, 3U);
  EXPECT_TRUE(CommittedOf(outcomes[3]).changed);
  EXPECT_THAT(outcomes[4], HasReason("REQUEST_ID_REUSED"));
  EXPECT_THAT(outcomes[5], HasReason("REQUEST_ID_REUSED"));
  EXPECT_EQ(CommittedOf(outcomes[6]).sequence, 4U);
  const Committed last = CommittedOf(outcomes[7]);
  EXPECT_TRUE(last.changed) << "not INCIDENT_RESOLVED: it is not decided anew";
  EXPECT_EQ(last.incident->state(), v1::STATE_RESOLVED);
  EXPECT_EQ(store_->applied(), 4U);
}

TEST_F(RequestIdTest, ForAnotherCommandAnIdIsRefused) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  Commit(WithRequestId(AckUntil("a", At(60)), "r-1"));
  v1::AckRequest other_note = WithRequestId(AckUntil("a", At(60)), "r-1");
  other_note.set_note("another");
  for (const Command& command : std::vector<Command>{
           WithRequestId(AckUntil("a", At(61)), "r-1"), WithRequestId(AckOf("a"), "r-1"),
           other_note, WithRequestId(AckOf("a", "eve"), "r-1"),
           WithRequestId(AckOf("nobody-knows"), "r-1"), WithRequestId(UnackOf("a"), "r-1"),
           WithRequestId(ResolveOf("a"), "r-1"), WithRequestId(AckOf("a", "ada", "zz"), "r-1")}) {
    const Outcome outcome = Ask(command);
    EXPECT_THAT(outcome, HasCode(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(outcome, HasReason("REQUEST_ID_REUSED"));
  }
  EXPECT_EQ(store_->applied(), 2U);
}

TEST_F(RequestIdTest, FieldsAreLookedAtBeforeItAndEtagAndExpireTimeAfterIt) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  v1::AckRequest ack = WithRequestId(AckUntil("a", At(60)), "r-1");
  ack.set_etag("1");
  EXPECT_TRUE(Commit(ack).changed);
  clock_.Set(At(59));
  EXPECT_TRUE(Commit(ack).changed) << "its etag is no longer the incident's";
  v1::AckRequest invalid = ack;
  invalid.clear_actor();
  EXPECT_THAT(Ask(invalid), HasReason("FIELD_INVALID"));
  Commit(UnackOf("a"));
  clock_.Set(At(61));
  EXPECT_TRUE(Commit(ack).changed) << "its expire_time is past";
}

TEST_F(RequestIdTest, WhatChangedNothingOrWasRefusedIsNotRemembered) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  EXPECT_FALSE(Commit(WithRequestId(UnackOf("a"), "r-1")).changed);
  EXPECT_THAT(Ask(WithRequestId(AckOf("nobody-knows"), "r-1")), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_TRUE(Commit(WithRequestId(AckOf("a"), "r-1")).changed);
}

TEST_F(RequestIdTest, ItSurvivesALossOfPower) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  const v1::ResolveRequest resolve = WithRequestId(ResolveOf("a"), "r-1");
  Commit(resolve);
  CrashHub();
  Start();
  EXPECT_TRUE(Commit(resolve).changed);
  EXPECT_THAT(Ask(WithRequestId(AckOf("a"), "r-1")), HasReason("REQUEST_ID_REUSED"));
  EXPECT_EQ(store_->applied(), 2U);
}

TEST_F(RequestIdTest, AfterADayAnIdIsFreeAgainAndItsEntryLeaves) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  Commit(WithRequestId(AckOf("a"), "r-1"));
  clock_.Advance(kRequestIdAge - absl::Nanoseconds(1));
  EXPECT_THAT(Ask(WithRequestId(UnackOf("a"), "r-1")), HasReason("REQUEST_ID_REUSED"));
  clock_.Advance(absl::Nanoseconds(1));
  EXPECT_EQ(Commit(WithRequestId(UnackOf("a"), "r-1")).sequence, 3U);
  EXPECT_THAT(Ask(WithRequestId(AckOf("a"), "r-1")), HasReason("REQUEST_ID_REUSED"))
      << "it is the id of the Unack now";
  sequencer_.reset();
  EXPECT_EQ(database_.Dump(Table::kRequests).size(), 1U);
  EXPECT_EQ(database_.Dump(Table::kRequestIds).size(), 1U);
}

TEST_F(RequestIdTest, WhatIsTooOldLeavesInSmallSteps) {
  Start();
  constexpr size_t kCount = 20;
  for (size_t i = 0; i < kCount; ++i) {
    const std::string id = absl::StrCat("i-", i);
    Commit(DeliveryBuilder(id).Build());
    Commit(WithRequestId(AckOf(id), absl::StrCat("r-", i)));
  }
  clock_.Advance(kRequestIdAge);
  for (size_t i = 1; i <= 3; ++i) {
    Commit(DeliveryBuilder(absl::StrCat("later-", i)).Build());
    sequencer_.reset();
    EXPECT_EQ(database_.Dump(Table::kRequests).size(),
              kCount - i * size_t{RequestIds::kRemovedPerEventMax});
    EXPECT_EQ(store_->request_ids().size(), database_.Dump(Table::kRequestIds).size());
    Start();
  }
}

}  // namespace
}  // namespace incidenthub
