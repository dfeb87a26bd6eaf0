#include "server/domain/lifecycle.h"

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/domain/rank.h"
#include "tests/domain/lifecycle_support.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::EventOf;
using testing::HasReason;
using testing::Life;
using testing::ResolveOf;
using testing::Stamp;

bool IsDuplicateOf(const Decision& decision, Sequence sequence) {
  const auto* duplicate = std::get_if<Duplicate>(&decision);
  return duplicate != nullptr && duplicate->sequence == sequence;
}

TEST(LifecycleTest, AnEventCarriesWhatTheSourceSaid) {
  Life life;
  v1::Delivery delivery = DeliveryBuilder("i-1")
                              .Source("nagios")
                              .UpdateTime(At(5))
                              .EventType("incident#new", At(4))
                              .EventType("incident#new")
                              .ReceiveTime(At(6))
                              .Comment("hello")
                              .Build();
  delivery.mutable_comment()->set_environment("Production");
  const v1::Event event = EventOf(life.Deliver(delivery)).event;
  v1::DeliveryCause cause;
  cause.set_source("nagios");
  *cause.mutable_event_types() = delivery.event_types();
  *cause.mutable_comment() = delivery.comment();
  *cause.mutable_receive_time() = delivery.receive_time();
  EXPECT_THAT(event.delivery(), EqualsProto(cause));
  EXPECT_EQ(event.incident().source(), "nagios");
  v1::Comment comment = delivery.comment();
  *comment.mutable_time() = Stamp(At(5));
  EXPECT_THAT(event.incident().last_comment(), EqualsProto(comment));
}

TEST(LifecycleTest, WhatTheHubSetsIsIgnoredInADelivery) {
  Life life;
  life.Deliver(DeliveryBuilder()
                   .With([](v1::Incident* incident) {
                     incident->set_state(v1::STATE_RESOLVED);
                     incident->mutable_acknowledgement()->set_actor("mallory");
                     incident->mutable_resolution()->set_actor("mallory");
                     incident->mutable_upstream()->set_state(v1::Upstream::STATE_CONFIRMED);
                     incident->set_sequence(99);
                     incident->set_etag("mine");
                     incident->set_source("other");
                   })
                   .Build());
  const v1::Incident& incident = life.incident();
  EXPECT_EQ(incident.state(), v1::STATE_OPEN);
  EXPECT_FALSE(incident.has_acknowledgement());
  EXPECT_FALSE(incident.has_resolution());
  EXPECT_FALSE(incident.has_upstream());
  EXPECT_EQ(incident.sequence(), 5U);
  EXPECT_NE(incident.etag(), "mine");
  EXPECT_EQ(incident.source(), "bigpanda");
}

TEST(LifecycleTest, EveryEventOfAnIncidentHasAnEtagOfItsOwn) {
  Life life;
  std::vector<std::string> etags;
  for (int i = 0; i < 40; ++i) {
    life.Deliver(DeliveryBuilder().UpdateTime(At(i)).Build());
    EXPECT_THAT(etags, ::testing::Not(::testing::Contains(life.incident().etag())));
    etags.push_back(life.incident().etag());
  }
}

TEST(LifecycleTest, ACommentOnlyDeliveryKeepsTheEnvironment) {
  Life life;
  life.Deliver(DeliveryBuilder().UpdateTime(At(1)).Environment("env-1").Build());
  life.Deliver(DeliveryBuilder().Unchanged().UpdateTime(At(2)).Comment("hello").Build());
  EXPECT_EQ(life.event().type(), v1::EVENT_TYPE_UPDATED);
  EXPECT_EQ(life.incident().environment().id(), "env-1");
  EXPECT_EQ(life.incident().last_comment().text(), "hello");
  life.Deliver(DeliveryBuilder().UpdateTime(At(3)).Build());
  EXPECT_EQ(life.incident().environment().id(), "env-1") << "however long ago";
  EXPECT_EQ(life.incident().last_comment().text(), "hello");
}

TEST(LifecycleTest, ALateDeliveryFillsWhatWasNeverSetAndChangesNoState) {
  Life life;
  life.Deliver(DeliveryBuilder().UpdateTime(At(10)).StatusText("Critical").Build());
  life.Deliver(DeliveryBuilder()
                   .Inactive()
                   .UpdateTime(At(5))
                   .StatusText("Ok")
                   .Environment("env-late")
                   .Comment("late")
                   .Build());
  EXPECT_EQ(life.event().type(), v1::EVENT_TYPE_LATE);
  EXPECT_EQ(life.incident().state(), v1::STATE_OPEN);
  EXPECT_EQ(life.incident().status_text(), "Critical");
  EXPECT_EQ(life.incident().environment().id(), "env-late");
  EXPECT_EQ(life.incident().last_comment().text(), "late");
}

TEST(LifecycleTest, AnOlderCommentNeverReplacesANewerOne) {
  Life life;
  life.Deliver(DeliveryBuilder().UpdateTime(At(10)).Comment("new").Build());
  life.Deliver(DeliveryBuilder().UpdateTime(At(5)).Comment("old").Build());
  EXPECT_EQ(life.incident().last_comment().text(), "new");
  EXPECT_EQ(life.event().delivery().comment().text(), "old") << "the event says what came";
  life.Deliver(DeliveryBuilder().UpdateTime(At(20)).Build());
  life.Deliver(DeliveryBuilder().UpdateTime(At(15)).Comment("newer, late").Build());
  EXPECT_EQ(life.event().type(), v1::EVENT_TYPE_LATE);
  EXPECT_EQ(life.incident().last_comment().text(), "newer, late");
}

TEST(LifecycleTest, ATimelessSourcesCriticalOkCriticalIsThreeEvents) {
  Life life;
  const auto report = [](const char* status, int received) {
    DeliveryBuilder builder("nagios/1");
    builder.Source("nagios").Timeless(At(received)).StatusText(status);
    if (std::string(status) == "ok") builder.Inactive();
    return builder.Build();
  };
  EXPECT_EQ(EventOf(life.Deliver(report("critical", 1))).event.type(), v1::EVENT_TYPE_OPENED);
  EXPECT_EQ(EventOf(life.Deliver(report("ok", 2))).event.type(), v1::EVENT_TYPE_RESOLVED);
  const Sequence third = life.next_sequence;
  EXPECT_EQ(EventOf(life.Deliver(report("critical", 3))).event.type(), v1::EVENT_TYPE_REOPENED);
  EXPECT_TRUE(IsDuplicateOf(life.Deliver(report("critical", 4)), third)) << "sent twice";
  EXPECT_EQ(life.events(), 3);
}

TEST(LifecycleTest, ASourceWithTimesThatSendsTheSameAgainIsADuplicateForever) {
  Life life;
  const v1::Delivery critical = DeliveryBuilder().UpdateTime(At(1)).Build();
  life.Deliver(critical);
  life.Deliver(DeliveryBuilder().Inactive().UpdateTime(At(2)).Build());
  EXPECT_TRUE(IsDuplicateOf(life.Deliver(critical), 5));
  EXPECT_EQ(life.events(), 2);
}

TEST(LifecycleTest, ADeliveryThatWasLateIsADuplicateWhenSentAgain) {
  Life life;
  life.Deliver(DeliveryBuilder().UpdateTime(At(10)).Build());
  const v1::Delivery late = DeliveryBuilder().UpdateTime(At(5)).Build();
  life.Deliver(late);
  EXPECT_TRUE(IsDuplicateOf(life.Deliver(late), 10));
}

TEST(LifecycleTest, A64FoldTieAtTheNewestRankAnd16OlderAreRemembered) {
  Life life;
  constexpr int kSent = 120;
  const auto delivery = [](int n) {
    return DeliveryBuilder()
        .UpdateTime(At(1))
        .ChangeTime(At(1))
        .EventType("e", At(1))
        .StatusText(absl::StrCat(n))
        .Build();
  };
  for (int n = 0; n < kSent; ++n) {
    EventOf(life.Deliver(delivery(n)));
    ASSERT_LE(life.state()->bookkeeping.newest().sequences_size(), kNewestDigestsMax);
    ASSERT_LE(life.state()->bookkeeping.older().sequences_size(), kOlderDigestsMax);
  }
  for (int n = kSent - 80; n < kSent; ++n) {
    EXPECT_TRUE(IsDuplicateOf(life.Deliver(delivery(n)), 5 + 5 * static_cast<Sequence>(n))) << n;
  }
  EventOf(life.Deliver(delivery(kSent - 81)));
}

TEST(LifecycleTest, OfEarlierRanksTheLast16AreRemembered) {
  Life life;
  const auto delivery = [](int n) { return DeliveryBuilder().UpdateTime(At(n)).Build(); };
  constexpr int kSent = 40;
  for (int n = 0; n < kSent; ++n) EventOf(life.Deliver(delivery(n)));
  EXPECT_EQ(life.state()->bookkeeping.newest().sequences_size(), 1);
  EXPECT_EQ(life.state()->bookkeeping.older().sequences_size(), 16);
  for (int n = kSent - 17; n < kSent; ++n) {
    EXPECT_TRUE(IsDuplicateOf(life.Deliver(delivery(n)), 5 + 5 * static_cast<Sequence>(n))) << n;
  }
  EXPECT_EQ(EventOf(life.Deliver(delivery(kSent - 18))).event.type(), v1::EVENT_TYPE_LATE);
}

TEST(LifecycleTest, RankIsComparedDownToTheEventTime) {
  const auto resolved_then = [](DeliveryBuilder next) {
    Life life;
    life.Deliver(DeliveryBuilder()
                     .Inactive()
                     .UpdateTime(At(10))
                     .ChangeTime(At(10))
                     .EventType("incident#closed", At(10))
                     .Build());
    return EventOf(life.Deliver(next.StatusText("next").Build())).event.type();
  };
  const auto base = [] { return DeliveryBuilder().UpdateTime(At(10)); };
  EXPECT_EQ(resolved_then(base().ChangeTime(At(11)).EventType("e", At(1))),
            v1::EVENT_TYPE_REOPENED);
  EXPECT_EQ(resolved_then(base().ChangeTime(At(10)).EventType("e", At(11))),
            v1::EVENT_TYPE_REOPENED);
  EXPECT_EQ(resolved_then(base().ChangeTime(At(10)).EventType("e", At(10))),
            v1::EVENT_TYPE_UPDATED);
  EXPECT_EQ(resolved_then(base().ChangeTime(At(10)).EventType("e", At(9))), v1::EVENT_TYPE_LATE);
  EXPECT_EQ(resolved_then(base().ChangeTime(At(9)).EventType("e", At(99))), v1::EVENT_TYPE_LATE);
}

TEST(LifecycleTest, AnAcknowledgementIsKeptThroughAResolveAndClearedByAReopening) {
  Life life;
  life.Deliver(DeliveryBuilder().UpdateTime(At(1)).Build());
  ASSERT_OK(life.Ack(AckOf("i-1", "ada")));
  const v1::Acknowledgement acknowledgement = life.incident().acknowledgement();
  life.Deliver(DeliveryBuilder().Inactive().UpdateTime(At(2)).Build());
  EXPECT_EQ(life.incident().state(), v1::STATE_RESOLVED);
  EXPECT_THAT(life.incident().acknowledgement(), EqualsProto(acknowledgement));
  life.Deliver(DeliveryBuilder().UpdateTime(At(3)).Build());
  EXPECT_EQ(life.event().type(), v1::EVENT_TYPE_REOPENED);
  EXPECT_FALSE(life.incident().has_acknowledgement());
  EXPECT_FALSE(life.incident().has_resolution());
}

TEST(LifecycleTest, TheFirstAcknowledgementStays) {
  Life life;
  life.Deliver(DeliveryBuilder().Build());
  ASSERT_OK(life.Ack(AckOf("i-1", "ada")));
  const auto again = life.Ack(AckOf("i-1", "bob"));
  ASSERT_OK(again);
  EXPECT_TRUE(std::holds_alternative<Unchanged>(*again));
  EXPECT_EQ(life.incident().acknowledgement().actor(), "ada");
}

TEST(LifecycleTest, AResponderWhoResolvesFirstStaysTheOneWhoDid) {
  Life life;
  life.Deliver(DeliveryBuilder().UpdateTime(At(1)).Build());
  ASSERT_OK(life.Resolve(ResolveOf("i-1", "bob")));
  life.Deliver(DeliveryBuilder().Inactive().UpdateTime(At(2)).Build());
  EXPECT_EQ(life.event().type(), v1::EVENT_TYPE_UPDATED);
  EXPECT_EQ(life.incident().resolution().origin(), v1::Resolution::ORIGIN_RESPONDER);
  EXPECT_EQ(life.incident().resolution().actor(), "bob");
}

TEST(LifecycleTest, AnEtagMismatchSaysWhichEtagIsCurrent) {
  Life life;
  life.Deliver(DeliveryBuilder().Build());
  const absl::Status status = life.Ack(AckOf("i-1", "ada", "zz")).status();
  EXPECT_THAT(status, HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(life.incident().etag()));
  EXPECT_THAT(std::string(*status.GetPayload("type.googleapis.com/google.rpc.ErrorInfo")),
              ::testing::HasSubstr("current_etag"));
}

TEST(LifecycleTest, ErrorsEchoNoMoreOfAnIdOrEtagThanAStatusHolds) {
  Life life;
  const std::string id(512, 'i');
  life.Deliver(DeliveryBuilder(id).Build());
  const auto size = [](const absl::Status& status) {
    size_t bytes = status.message().size();
    status.ForEachPayload(
        [&bytes](absl::string_view, const absl::Cord& payload) { bytes += payload.size(); });
    return bytes;
  };
  EXPECT_LT(size(IncidentNotFound(id)), 2000U);
  EXPECT_LT(size(life.Ack(AckOf(id, "ada", std::string(100'000, 'e'))).status()), 2000U);
}

}  // namespace
}  // namespace incidenthub
