#include "server/domain/rank.h"

#include <cstdint>
#include <limits>

#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::Stamp;

int64_t Nanos(int64_t seconds) { return absl::ToUnixNanos(At(seconds)); }

TEST(RankOfTest, TakesUpdateChangeAndNewestEventTime) {
  const Rank rank = RankOf(DeliveryBuilder()
                               .UpdateTime(At(30))
                               .ChangeTime(At(20))
                               .EventType("incident#new", At(5))
                               .EventType("incident#tag", At(10))
                               .EventType("incident#closed", At(7))
                               .ReceiveTime(At(99))
                               .Build(),
                           At(100));
  EXPECT_EQ(rank, (Rank{Nanos(30), Nanos(20), Nanos(10)}));
}

TEST(RankOfTest, WhatIsMissingFallsBackToTheNext) {
  const auto rank_of = [](DeliveryBuilder builder) {
    return RankOf(builder.ReceiveTime(At(99)).Build(), At(100));
  };
  const auto without_update = [](v1::Incident* incident) { incident->clear_update_time(); };
  EXPECT_EQ(rank_of(DeliveryBuilder().UpdateTime(At(30)).EventType("e", At(10))),
            (Rank{Nanos(30), Nanos(10), Nanos(10)}))
      << "no change time";
  EXPECT_EQ(rank_of(DeliveryBuilder().UpdateTime(At(30)).ChangeTime(At(20))),
            (Rank{Nanos(30), Nanos(20), Nanos(99)}))
      << "no event time";
  EXPECT_EQ(
      rank_of(DeliveryBuilder().With(without_update).ChangeTime(At(20)).EventType("e", At(10))),
      (Rank{Nanos(20), Nanos(20), Nanos(10)}))
      << "no update time";
  EXPECT_EQ(rank_of(DeliveryBuilder().With(without_update).EventType("e", At(10))),
            (Rank{Nanos(10), Nanos(10), Nanos(10)}))
      << "only an event time";
  EXPECT_EQ(rank_of(DeliveryBuilder().UpdateTime(At(30))), (Rank{Nanos(30), Nanos(99), Nanos(99)}))
      << "only an update time";
}

TEST(RankOfTest, WithoutAnySourceTimeTheReceiveTimeCountsAndAtLastTheHubs) {
  DeliveryBuilder timeless;
  timeless.Timeless(At(99)).EventType("incident#new");
  EXPECT_EQ(RankOf(timeless.Build(), At(100)), (Rank{Nanos(99), Nanos(99), Nanos(99)}));
  v1::Delivery unreceived = timeless.Build();
  unreceived.clear_receive_time();
  EXPECT_EQ(RankOf(unreceived, At(100)), (Rank{Nanos(100), Nanos(100), Nanos(100)}));
}

TEST(RankTest, ComparesUpdateThenChangeThenEventTime) {
  EXPECT_LT((Rank{1, 9, 9}), (Rank{2, 0, 0}));
  EXPECT_LT((Rank{1, 1, 9}), (Rank{1, 2, 0}));
  EXPECT_LT((Rank{1, 1, 1}), (Rank{1, 1, 2}));
  EXPECT_LT((Rank{-1, 0, 0}), (Rank{0, 0, 0}));
  EXPECT_EQ((Rank{1, 2, 3}), (Rank{1, 2, 3}));
}

TEST(RankTest, SurvivesTheWayIntoTheLog_AndBack) {
  const Rank rank{Nanos(1), -5, std::numeric_limits<int64_t>::max()};
  EXPECT_EQ(FromProto(ToProto(rank)), rank);
}

TEST(HasSourceTimeTest, AnyTimeOfTheSourceCounts) {
  EXPECT_TRUE(HasSourceTime(DeliveryBuilder().Build()));
  EXPECT_FALSE(HasSourceTime(DeliveryBuilder().Timeless(At(1)).Build()));
  EXPECT_FALSE(HasSourceTime(DeliveryBuilder().Timeless(At(1)).EventType("no time").Build()));
  EXPECT_TRUE(HasSourceTime(DeliveryBuilder().Timeless(At(1)).EventType("e", At(2)).Build()));
  EXPECT_TRUE(HasSourceTime(DeliveryBuilder().Timeless(At(1)).ChangeTime(At(2)).Build()));
}

TEST(CarriesReopenTest, OnlyAReopenThatNothingIsNewerThanCounts) {
  const auto carries = [](const DeliveryBuilder& builder) {
    return CarriesReopen(builder.Build());
  };
  EXPECT_FALSE(carries(DeliveryBuilder()));
  EXPECT_FALSE(carries(DeliveryBuilder().EventType("incident#closed", At(1))));
  EXPECT_TRUE(carries(DeliveryBuilder().EventType("incident#reopen", At(1))));
  EXPECT_TRUE(carries(DeliveryBuilder().EventType("incident#reopen"))) << "without a time";
  EXPECT_TRUE(carries(
      DeliveryBuilder().EventType("incident#closed", At(1)).EventType("incident#reopen", At(2))));
  EXPECT_FALSE(carries(
      DeliveryBuilder().EventType("incident#closed", At(2)).EventType("incident#reopen", At(1))));
  EXPECT_FALSE(carries(DeliveryBuilder().EventType("incident#reopened", At(1))));
  EXPECT_TRUE(carries(
      DeliveryBuilder().EventType("incident#reopen", At(1)).EventType("incident#reopen", At(2))));
}

TEST(TimestampTest, SurvivesTheWayThroughNanoseconds_AlsoBefore1970) {
  for (const int64_t nanos : {int64_t{0}, int64_t{1}, int64_t{-1},
                              int64_t{1'767'312'000'123'456'789}, int64_t{-1'000'000'001}}) {
    const google::protobuf::Timestamp time = FromUnixNanos(nanos);
    EXPECT_GE(time.nanos(), 0);
    EXPECT_LT(time.nanos(), 1'000'000'000);
    EXPECT_EQ(ToUnixNanos(time), nanos);
  }
  EXPECT_THAT(ToTimestamp(At(7) + absl::Nanoseconds(3)),
              EqualsProto(Stamp(At(7) + absl::Nanoseconds(3))));
}

TEST(TimestampTest, TimesBeyondTheRangeSaturate) {
  google::protobuf::Timestamp time;
  time.set_seconds(std::numeric_limits<int64_t>::max());
  time.set_nanos(std::numeric_limits<int32_t>::max());
  EXPECT_EQ(ToUnixNanos(time), std::numeric_limits<int64_t>::max());
  time.set_seconds(std::numeric_limits<int64_t>::min());
  time.set_nanos(std::numeric_limits<int32_t>::min());
  EXPECT_EQ(ToUnixNanos(time), std::numeric_limits<int64_t>::min());
  time.set_seconds(int64_t{253'402'300'799});  // The end of year 9999.
  time.set_nanos(0);
  EXPECT_EQ(ToUnixNanos(time), std::numeric_limits<int64_t>::max());
}

}  // namespace
}  // namespace incidenthub
