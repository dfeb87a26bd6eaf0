#include "gateway/ingest_window.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_ingest_service.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::gateway {
namespace {

using ::testing::ElementsAre;
using testing::HasCode;
using testing::HasReason;
using ::testing::IsEmpty;

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";

class IngestWindowTest : public ::testing::Test {
 protected:
  static constexpr IngestWindow::Limits kLimits = {.deliveries = 4, .bytes = 1000};

  static v1::Delivery Delivery(uint64_t id, size_t padding = 0) {
    v1::Delivery delivery;
    delivery.set_id(id);
    delivery.set_source(std::string(padding, 'x'));
    delivery.mutable_incident()->set_id(absl::StrCat("i-", id));
    return delivery;
  }
  static v1::Delivery TracedDelivery(uint64_t id) {
    v1::Delivery delivery = Delivery(id);
    delivery.set_traceparent(absl::StrCat("00-", kTraceId, "-00f067aa0ba902b7-01"));
    return delivery;
  }

  absl::Status Add(uint64_t id, size_t padding = 0) {
    ReceiptCallback callback = [this, id](absl::StatusOr<v1::Receipt> result) {
      EXPECT_TRUE(told_.emplace(id, std::move(result)).second) << id << " was told twice";
    };
    return window_.Add(EncodeDelivery(Delivery(id, padding)), now_,
                       now_ + absl::Seconds(static_cast<int64_t>(id)), &callback, &lost_);
  }
  // Ids of what is sent next.
  std::vector<uint64_t> Next() {
    std::string message;
    resent_ = window_.NextRequest(now_, &message);
    v1::IngestRequest request;
    EXPECT_TRUE(request.ParseFromString(message));
    std::vector<uint64_t> ids;
    for (const auto& delivery : request.deliveries()) ids.push_back(delivery.id());
    return ids;
  }
  void Receive(const v1::Receipt& receipt) {
    std::vector<SettledDelivery> settled;
    window_.OnReceipt(receipt, now_, &settled, &lost_);
    TellAll(std::move(settled));
  }
  void Abandon(uint64_t id) {
    std::vector<SettledDelivery> settled;
    window_.Abandon(id, absl::DeadlineExceededError("not yet"), &settled);
    TellAll(std::move(settled));
    // What comes after that is told to nobody.
    EXPECT_EQ(told_.erase(id), 1U);
  }
  void Accept(uint64_t id) { Receive(testing::AcceptedReceipt(Delivery(id), id)); }
  void Reject(uint64_t id, const absl::Status& status) {
    Receive(testing::RejectedReceipt(Delivery(id), status));
  }
  bool Done(uint64_t id) const { return told_.contains(id); }
  std::vector<std::string> LostIds() const {
    std::vector<std::string> ids;
    for (const LostDelivery& lost : lost_) ids.push_back(lost.incident_id);
    return ids;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  IngestWindow window_{kLimits};
  std::map<uint64_t, absl::StatusOr<v1::Receipt>> told_;
  std::vector<LostDelivery> lost_;
  size_t resent_ = 0;
};

TEST_F(IngestWindowTest, SendsOnceWhatIsAddedLowestIdFirst) {
  ASSERT_OK(Add(2));
  ASSERT_OK(Add(1));
  EXPECT_THAT(Next(), ElementsAre(1, 2));
  EXPECT_EQ(resent_, 0U);
  EXPECT_THAT(Next(), IsEmpty());
  ASSERT_OK(Add(3));
  EXPECT_THAT(Next(), ElementsAre(3));
}

TEST_F(IngestWindowTest, MessageIsTheEncodedRequestOfTheDeliveries) {
  ASSERT_OK(Add(1));
  ASSERT_OK(Add(2, 300));
  std::string message;
  window_.NextRequest(now_, &message);
  v1::IngestRequest expected;
  *expected.add_deliveries() = Delivery(1);
  *expected.add_deliveries() = Delivery(2, 300);
  EXPECT_EQ(message, expected.SerializeAsString());
}

TEST_F(IngestWindowTest, ReceiptEndsADelivery) {
  ASSERT_OK(Add(1));
  Next();
  Accept(1);
  ASSERT_TRUE(Done(1));
  ASSERT_OK(told_.at(1));
  EXPECT_EQ(told_.at(1)->accepted().sequence(), 1U);
  EXPECT_TRUE(window_.empty());
  EXPECT_EQ(window_.bytes(), 0U);
  // A second one, and one that nobody waits for, is nothing.
  Accept(1);
  Accept(99);
}

TEST_F(IngestWindowTest, BrokenStreamMakesAllWithoutReceiptBeSentAgainInOrder) {
  for (const uint64_t id : std::initializer_list<uint64_t>{1, 2, 3}) ASSERT_OK(Add(id));
  EXPECT_THAT(Next(), ElementsAre(1, 2, 3));
  Accept(2);
  ASSERT_OK(Add(4));
  window_.OnStreamEnd();
  EXPECT_THAT(Next(), ElementsAre(1, 3, 4));
  EXPECT_EQ(resent_, 2U);
  window_.OnStreamEnd();
  EXPECT_THAT(Next(), ElementsAre(1, 3, 4));
  EXPECT_FALSE(Done(1));
}

TEST_F(IngestWindowTest, RejectedForNowIsSentAgainWhenTheHubSaid) {
  ASSERT_OK(Add(1));
  Next();
  Reject(1, WithRetryDelay(absl::UnavailableError("later"), absl::Seconds(3)));
  EXPECT_FALSE(Done(1));
  EXPECT_THAT(window_.Rejection(1), HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(window_.NextRetryTime(), now_ + absl::Seconds(3));
  now_ += absl::Seconds(3) - absl::Nanoseconds(1);
  EXPECT_THAT(Next(), IsEmpty());
  // A new stream does not shorten the delay.
  window_.OnStreamEnd();
  EXPECT_THAT(Next(), IsEmpty());
  now_ += absl::Nanoseconds(1);
  EXPECT_THAT(Next(), ElementsAre(1));
  EXPECT_EQ(resent_, 1U);
  EXPECT_OK(window_.Rejection(1));
  EXPECT_EQ(window_.NextRetryTime(), absl::InfiniteFuture());
}

TEST_F(IngestWindowTest, DelayWithoutTheHubsWordGrowsAndIsBounded) {
  ASSERT_OK(Add(1));
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(Next(), ElementsAre(1));
    Reject(1, absl::ResourceExhaustedError("full"));
    const absl::Duration delay = window_.NextRetryTime() - now_;
    EXPECT_GE(delay, absl::ZeroDuration());
    EXPECT_LE(delay, kRetryDelayFirst * (1 << std::min(i, 10)));
    EXPECT_LE(delay, kRetryDelayMax);
    now_ = window_.NextRetryTime();
  }
  Next();
  Reject(1, WithRetryDelay(absl::UnavailableError("x"), absl::Hours(9)));
  EXPECT_EQ(window_.NextRetryTime(), now_ + kRetryDelayMax);
}

TEST_F(IngestWindowTest, FinalRejectionIsTheSendersResult) {
  ASSERT_OK(Add(1));
  Next();
  Reject(1, ReasonError(absl::StatusCode::kInvalidArgument, "FIELD_INVALID", "bad"));
  ASSERT_TRUE(Done(1));
  EXPECT_THAT(told_.at(1), HasReason("FIELD_INVALID"));
  EXPECT_TRUE(window_.empty());
  EXPECT_TRUE(lost_.empty());
}

TEST_F(IngestWindowTest, FinalRejectionWithoutAWaiterIsReportedAsLost) {
  ASSERT_OK(Add(1));
  Next();
  Abandon(1);
  Reject(1, absl::InternalError("a bug"));
  EXPECT_THAT(LostIds(), ElementsAre("i-1"));
  EXPECT_THAT(lost_[0].cause, HasCode(absl::StatusCode::kInternal));
  EXPECT_TRUE(window_.empty());
}

TEST_F(IngestWindowTest, ReceiptThatSaysNothingIsNoSuccess) {
  for (const uint64_t id : std::initializer_list<uint64_t>{1, 2}) ASSERT_OK(Add(id));
  Next();
  v1::Receipt nothing;
  nothing.set_id(1);
  Receive(nothing);
  Reject(2, absl::OkStatus());
  EXPECT_THAT(told_.at(1), HasCode(absl::StatusCode::kInternal));
  EXPECT_THAT(told_.at(2), HasCode(absl::StatusCode::kInternal));
}

TEST_F(IngestWindowTest, FullOfWaitingSendersRefuses) {
  for (const uint64_t id : std::initializer_list<uint64_t>{1, 2, 3, 4}) ASSERT_OK(Add(id));
  EXPECT_THAT(Add(5), HasReason("OVERLOADED"));
  EXPECT_EQ(window_.size(), 4U);
  EXPECT_TRUE(lost_.empty());
}

TEST_F(IngestWindowTest, FullPushesOutTheOldestThatIsAnsweredAndNoMore) {
  for (const uint64_t id : std::initializer_list<uint64_t>{1, 2, 3, 4}) ASSERT_OK(Add(id));
  Next();
  Abandon(3);
  Abandon(2);
  ASSERT_OK(Add(5));
  EXPECT_THAT(LostIds(), ElementsAre("i-2"));
  ASSERT_OK(Add(6));
  EXPECT_THAT(LostIds(), ElementsAre("i-2", "i-3"));
  EXPECT_THAT(Add(7), HasReason("OVERLOADED"));
  EXPECT_THAT(Next(), ElementsAre(5, 6));
}

TEST_F(IngestWindowTest, BytesAreBoundedAndNothingIsPushedOutInVain) {
  ASSERT_OK(Add(1, 300));
  ASSERT_OK(Add(2, 300));
  Abandon(1);
  // Even without 1 there would be no room.
  EXPECT_THAT(Add(3, 700), HasReason("OVERLOADED"));
  EXPECT_TRUE(lost_.empty());
  ASSERT_OK(Add(4, 600));
  EXPECT_THAT(LostIds(), ElementsAre("i-1"));
  EXPECT_LE(window_.bytes(), kLimits.bytes);
  Accept(2);
  Accept(4);
  EXPECT_EQ(window_.bytes(), 0U);
}

TEST_F(IngestWindowTest, WaitingForARetryCanBePushedOut) {
  for (const uint64_t id : std::initializer_list<uint64_t>{1, 2, 3, 4}) ASSERT_OK(Add(id));
  Next();
  Reject(1, WithRetryDelay(absl::UnavailableError("later"), absl::Seconds(1)));
  Abandon(1);
  ASSERT_OK(Add(5));
  EXPECT_THAT(LostIds(), ElementsAre("i-1"));
  EXPECT_EQ(window_.NextRetryTime(), absl::InfiniteFuture());
  now_ += absl::Seconds(2);
  EXPECT_THAT(Next(), ElementsAre(5));
}

TEST_F(IngestWindowTest, AbandonedIsStillSent) {
  ASSERT_OK(Add(1));
  Abandon(1);
  EXPECT_EQ(window_.NextDeadline().deadline, absl::InfiniteFuture());
  EXPECT_THAT(Next(), ElementsAre(1));
  window_.OnStreamEnd();
  EXPECT_THAT(Next(), ElementsAre(1));
  Accept(1);
  EXPECT_TRUE(window_.empty());
  EXPECT_FALSE(Done(1));
}

TEST_F(IngestWindowTest, TheNextDeadlineIsTheNearestOfThoseThatAreAwaited) {
  EXPECT_EQ(window_.NextDeadline().deadline, absl::InfiniteFuture());
  for (const uint64_t id : std::initializer_list<uint64_t>{3, 1, 2}) ASSERT_OK(Add(id));
  EXPECT_EQ(window_.NextDeadline().id, 1U);
  EXPECT_EQ(window_.NextDeadline().start, now_);
  EXPECT_EQ(window_.NextDeadline().deadline, now_ + absl::Seconds(1));
  window_.SetDeadline(1, now_ + absl::Seconds(9));
  EXPECT_EQ(window_.NextDeadline().id, 2U);
  Abandon(2);
  EXPECT_EQ(window_.NextDeadline().id, 3U);
  Accept(3);
  EXPECT_EQ(window_.NextDeadline().id, 1U);
  Accept(1);
  EXPECT_EQ(window_.NextDeadline().deadline, absl::InfiniteFuture());
}

TEST_F(IngestWindowTest, AbandonAllTellsEveryWaiterAndKeepsTheDeliveries) {
  for (const uint64_t id : std::initializer_list<uint64_t>{1, 2}) ASSERT_OK(Add(id));
  std::vector<SettledDelivery> settled;
  window_.AbandonAll(absl::UnavailableError("draining"), &settled);
  TellAll(std::move(settled));
  for (const uint64_t id : std::initializer_list<uint64_t>{1, 2}) {
    ASSERT_TRUE(Done(id));
    EXPECT_THAT(told_.at(id), HasCode(absl::StatusCode::kUnavailable));
  }
  EXPECT_EQ(window_.size(), 2U);
  EXPECT_THAT(window_.IncidentIds(1), ElementsAre("i-1"));
}

TEST(IngestWindowLimitsTest, OneRequestIsBoundedInDeliveriesAndBytes) {
  IngestWindow window({.deliveries = 10'000, .bytes = size_t{64} << 20});
  std::vector<LostDelivery> lost;
  uint64_t id = 0;
  const auto add = [&](size_t size) {
    v1::Delivery delivery;
    delivery.set_id(++id);
    delivery.mutable_unmapped()->set_raw(std::string(size, 'x'));
    ReceiptCallback callback = [](const absl::StatusOr<v1::Receipt>&) {};
    EXPECT_OK(window.Add(EncodeDelivery(delivery), absl::InfinitePast(), absl::InfiniteFuture(),
                         &callback, &lost));
  };
  const auto next = [&window] {
    std::string message;
    window.NextRequest(absl::InfinitePast(), &message);
    EXPECT_LE(message.size(), kRequestBytesMax);
    v1::IngestRequest request;
    EXPECT_TRUE(request.ParseFromString(message));
    return static_cast<size_t>(request.deliveries_size());
  };
  for (size_t i = 0; i < kDeliveriesPerRequestMax + 1; ++i) add(1);
  EXPECT_EQ(next(), kDeliveriesPerRequestMax);
  EXPECT_EQ(next(), 1U);
  for (int i = 0; i < 3; ++i) add(size_t{3} << 20);
  EXPECT_EQ(next(), 1U);
  EXPECT_EQ(next(), 1U);
  EXPECT_EQ(next(), 1U);
  EXPECT_EQ(next(), 0U);
}

TEST_F(IngestWindowTest, WhatIsGivenUpIsStillKnownByItsTrace) {
  ReceiptCallback callback = [](const absl::StatusOr<v1::Receipt>&) {};
  ASSERT_OK(window_.Add(EncodeDelivery(TracedDelivery(1)), now_, now_ + absl::Seconds(1), &callback,
                        &lost_));
  std::vector<SettledDelivery> settled;
  window_.Abandon(1, absl::DeadlineExceededError("not yet"), &settled);
  Next();
  Reject(1, absl::InternalError("no"));
  ASSERT_EQ(lost_.size(), 1U);
  EXPECT_EQ(lost_[0].trace_id, kTraceId);
}

}  // namespace
}  // namespace incidenthub::gateway
