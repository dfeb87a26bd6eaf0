// Incidents that retention drops, and those that come anew.

#include <variant>

#include "gtest/gtest.h"
#include "server/domain/lifecycle.h"
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
using testing::Life;
using testing::ResolveOf;

bool IsUnchanged(const Decision& decision) { return std::holds_alternative<Unchanged>(decision); }

Decision Purge(const Life& life, Sequence sequence) {
  return DecidePurge(life.state(), sequence, life.Context());
}

TEST(PurgeTest, AResolvedIncidentLeavesNoMoreThanWhoItWas) {
  Life life;
  life.Deliver(DeliveryBuilder().Comment("secret").Padded(100).Build());
  ASSERT_OK(life.Resolve(ResolveOf("i-1")));
  const Sequence newest = life.incident().sequence();
  const NewEvent purged = EventOf(Purge(life, newest));
  EXPECT_EQ(purged.event.type(), v1::EVENT_TYPE_PURGED);
  EXPECT_EQ(purged.event.previous_sequence(), newest);
  EXPECT_EQ(purged.event.system().reason(), v1::SystemCause::REASON_RETENTION);
  v1::Incident remains;
  remains.set_id("i-1");
  remains.set_source("bigpanda");
  remains.set_state(v1::STATE_RESOLVED);
  remains.set_sequence(life.next_sequence);
  remains.set_etag(purged.event.incident().etag());
  EXPECT_THAT(purged.event.incident(), EqualsProto(remains));
  EXPECT_NE(remains.etag(), "");
  EXPECT_FALSE(purged.bookkeeping.has_newest());
}

TEST(PurgeTest, OnlyWhatIsResolvedAndAsItWasFoundIsPurged) {
  EXPECT_TRUE(IsUnchanged(DecidePurge(nullptr, 5, Life().Context())));
  Life life;
  life.Deliver(DeliveryBuilder().Build());
  EXPECT_TRUE(IsUnchanged(Purge(life, life.incident().sequence()))) << "it is open";
  ASSERT_OK(life.Ack(AckOf("i-1")));
  EXPECT_TRUE(IsUnchanged(Purge(life, life.incident().sequence()))) << "it is acknowledged";
  ASSERT_OK(life.Resolve(ResolveOf("i-1")));
  EXPECT_TRUE(IsUnchanged(Purge(life, life.incident().sequence() - 1))) << "it has changed";
  for (const auto upstream : {v1::Upstream::STATE_PENDING, v1::Upstream::STATE_ACCEPTED}) {
    life.SetUpstream(upstream);
    EXPECT_TRUE(IsUnchanged(Purge(life, life.incident().sequence()))) << "its source must be told";
  }
  life.SetUpstream(v1::Upstream::STATE_CONFIRMED);
  EXPECT_FALSE(IsUnchanged(Purge(life, life.incident().sequence())));
}

TEST(PurgeTest, WhatComesAnewFollowsItsTombstone) {
  DecisionContext context = Life().Context();
  context.tombstone = 3;
  const NewEvent opened = EventOf(DecideDelivery(nullptr, DeliveryBuilder().Build(), context));
  EXPECT_EQ(opened.event.type(), v1::EVENT_TYPE_OPENED);
  EXPECT_EQ(opened.event.previous_sequence(), 3U);
  EXPECT_EQ(opened.bookkeeping.first_sequence(), context.sequence);
}

TEST(PurgeTest, APurgedIncidentIsUnknownToWhatBeginsNone) {
  DecisionContext context = Life().Context();
  context.tombstone = 3;
  v1::Delivery delivery = DeliveryBuilder().Inactive().Build();
  delivery.set_ignore_unless_known(true);
  EXPECT_TRUE(std::holds_alternative<Ignored>(DecideDelivery(nullptr, delivery, context)));
}

}  // namespace
}  // namespace incidenthub
