// Telling the source about a resolve: what its answers, and its silence, do to the incident.

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/lifecycle.h"
#include "tests/domain/lifecycle_support.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::EventOf;
using testing::Life;
using testing::Stamp;
using v1::Upstream;

constexpr Upstream::State kStates[] = {Upstream::STATE_UNSPECIFIED, Upstream::STATE_PENDING,
                                       Upstream::STATE_ACCEPTED,    Upstream::STATE_CONFIRMED,
                                       Upstream::STATE_UNCONFIRMED, Upstream::STATE_CANCELLED,
                                       Upstream::STATE_FAILED};

v1::Delivery Active(int64_t seconds) {
  return DeliveryBuilder("i-1").UpdateTime(At(seconds)).Build();
}

// Resolved by a responder, with the source to be told.
Life Resolved() {
  Life life;
  life.upstream_enabled = true;
  life.Deliver(Active(10));
  EXPECT_OK(life.Resolve(testing::ResolveOf("i-1", "eve")));
  life.now = At(2000);
  return life;
}

UpstreamOutcome Outcome(const Life& life, Upstream::State state) {
  UpstreamOutcome outcome;
  outcome.request_sequence = life.incident().upstream().request_sequence();
  outcome.state = state;
  outcome.attempts = 3;
  outcome.http_status = 202;
  return outcome;
}

TEST(LifecycleUpstreamTest, AResolveIsPendingUnderTheSequenceOfItsEvent) {
  const Life life = Resolved();
  EXPECT_EQ(life.incident().upstream().state(), Upstream::STATE_PENDING);
  EXPECT_EQ(life.incident().upstream().request_sequence(), life.event().sequence());
  EXPECT_EQ(life.incident().upstream().attempts(), 0U);
}

TEST(LifecycleUpstreamTest, EachAnswerFollowsOnlyFromWhereItCan) {
  for (const Upstream::State held : kStates) {
    for (const Upstream::State told : kStates) {
      SCOPED_TRACE(absl::StrCat(Upstream::State_Name(held), " -> ", Upstream::State_Name(told)));
      Life life = Resolved();
      life.SetUpstream(held);
      const bool follows =
          (held == Upstream::STATE_PENDING &&
           (told == Upstream::STATE_ACCEPTED || told == Upstream::STATE_CONFIRMED ||
            told == Upstream::STATE_FAILED)) ||
          (held == Upstream::STATE_ACCEPTED &&
           (told == Upstream::STATE_CONFIRMED || told == Upstream::STATE_UNCONFIRMED));
      v1::Incident expected = life.incident();
      const Sequence previous = life.event().sequence();
      const Decision decision = life.TellUpstream(Outcome(life, told));
      if (!follows) {
        EXPECT_TRUE(std::holds_alternative<Unchanged>(decision));
        continue;
      }
      const NewEvent made = EventOf(decision);
      EXPECT_EQ(made.event.type(), v1::EVENT_TYPE_UPSTREAM_UPDATED);
      EXPECT_EQ(made.event.previous_sequence(), previous);
      EXPECT_EQ(made.event.upstream_result().http_status(), 202U);
      EXPECT_EQ(made.event.upstream_result().request_sequence(),
                expected.upstream().request_sequence());
      expected.mutable_upstream()->set_state(told);
      expected.mutable_upstream()->set_attempts(3);
      *expected.mutable_upstream()->mutable_update_time() = Stamp(At(2000));
      expected.set_sequence(made.event.sequence());
      expected.set_etag(made.event.incident().etag());
      EXPECT_THAT(made.event.incident(), EqualsProto(expected)) << "nothing else changed";
    }
  }
}

TEST(LifecycleUpstreamTest, ALateAnswerToAnOlderResolveIsNothing) {
  Life life = Resolved();
  const UpstreamOutcome late = Outcome(life, Upstream::STATE_FAILED);
  life.Deliver(
      DeliveryBuilder("i-1").UpdateTime(At(20)).EventType("incident#reopen", At(20)).Build());
  EXPECT_EQ(life.incident().upstream().state(), Upstream::STATE_CANCELLED);
  EXPECT_TRUE(std::holds_alternative<Unchanged>(life.TellUpstream(late)));
  ASSERT_OK(life.Resolve(testing::ResolveOf("i-1", "eve")));
  EXPECT_TRUE(std::holds_alternative<Unchanged>(life.TellUpstream(late)));
  EXPECT_EQ(life.incident().upstream().state(), Upstream::STATE_PENDING);
}

TEST(LifecycleUpstreamTest, AFailureSaysWhyUntilItIsTriedAgain) {
  Life life = Resolved();
  UpstreamOutcome failed = Outcome(life, Upstream::STATE_FAILED);
  failed.error = "no";
  life.TellUpstream(failed);
  EXPECT_EQ(life.incident().upstream().last_error(), "no");
  const Sequence first = life.incident().upstream().request_sequence();
  ASSERT_OK(life.Resolve(testing::ResolveOf("i-1", "eve")));
  EXPECT_EQ(life.incident().upstream().state(), Upstream::STATE_PENDING);
  EXPECT_EQ(life.incident().upstream().last_error(), "");
  EXPECT_EQ(life.incident().upstream().attempts(), 0U);
  EXPECT_GT(life.incident().upstream().request_sequence(), first);
}

TEST(LifecycleUpstreamTest, TheSourcesOwnCloseConfirmsAndAnswersAfterItAreNothing) {
  Life life = Resolved();
  const UpstreamOutcome accepted = Outcome(life, Upstream::STATE_ACCEPTED);
  life.Deliver(DeliveryBuilder("i-1").UpdateTime(At(20)).Inactive().Build());
  EXPECT_EQ(life.incident().upstream().state(), Upstream::STATE_CONFIRMED);
  EXPECT_TRUE(std::holds_alternative<Unchanged>(life.TellUpstream(accepted)));
}

TEST(LifecycleUpstreamTest, ASourceThatIsNotToldHasNoneOfIt) {
  Life life;
  const NewEvent opened = EventOf(life.Deliver(Active(10)));
  EXPECT_FALSE(opened.callback_due);
  const auto acknowledged = life.Ack(testing::AckOf("i-1", "eve"));
  ASSERT_OK(acknowledged);
  EXPECT_FALSE(EventOf(*acknowledged).comment_due);
  ASSERT_OK(life.Resolve(testing::ResolveOf("i-1", "eve")));
  EXPECT_FALSE(life.incident().has_upstream());
}

TEST(LifecycleUpstreamTest, TheFirstArrivalIsCalledBackAndAnAcknowledgementCommentedOnOnce) {
  Life life;
  life.upstream_enabled = true;
  EXPECT_TRUE(EventOf(life.Deliver(Active(10))).callback_due);
  EXPECT_FALSE(EventOf(life.Deliver(Active(20))).callback_due);
  const auto acknowledged = life.Ack(testing::AckOf("i-1", "eve"));
  ASSERT_OK(acknowledged);
  EXPECT_TRUE(EventOf(*acknowledged).comment_due);
  EXPECT_FALSE(EventOf(*acknowledged).callback_due);
  v1::AckRequest longer = testing::AckOf("i-1", "eve");
  *longer.mutable_expire_time() = Stamp(At(5000));
  EXPECT_TRUE(std::holds_alternative<Unchanged>(*life.Ack(longer)))
      << "it had no end, which no other end can be later than";
}

}  // namespace
}  // namespace incidenthub
