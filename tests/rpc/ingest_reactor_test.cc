#include "server/rpc/ingest_reactor.h"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using testing::HasCode;
using testing::HasReason;
using testing::IngestCall;
using testing::RpcTest;
using testing::UnmappedDelivery;
using testing::WaitUntil;

constexpr absl::Duration kPatience = absl::Seconds(30);

class IngestTest : public RpcTest {
 protected:
  static std::vector<v1::Delivery> Deliveries(uint64_t first_id, int count) {
    std::vector<v1::Delivery> deliveries;
    for (int i = 0; i < count; ++i) {
      const uint64_t id = first_id + static_cast<uint64_t>(i);
      deliveries.push_back(DeliveryBuilder(absl::StrCat("i-", id)).Id(id).Build());
    }
    return deliveries;
  }
  [[nodiscard]] bool AwaitStreams(size_t count) const {
    return WaitUntil([this, count] { return ingest_streams_.count() == count; }, kPatience);
  }
  static std::map<uint64_t, v1::Receipt> ById(const std::vector<v1::Receipt>& receipts) {
    std::map<uint64_t, v1::Receipt> by_id;
    for (const v1::Receipt& receipt : receipts) {
      EXPECT_TRUE(by_id.emplace(receipt.id(), receipt).second) << "two receipts of one delivery";
    }
    return by_id;
  }
};

TEST_F(IngestTest, EveryDeliveryGetsItsReceipt) {
  IngestCall call(ingest_stub_.get());
  const v1::Delivery good = DeliveryBuilder("a").Id(7).Build();
  v1::Delivery again = good;
  again.set_id(8);
  v1::Delivery ignored = DeliveryBuilder("never-wrong").Id(12).Inactive().Build();
  ignored.set_ignore_unless_known(true);
  ASSERT_TRUE(
      call.Write({good, again, UnmappedDelivery(9, "{}"), DeliveryBuilder("").Id(10).Build(),
                  DeliveryBuilder("large").Id(11).Padded(size_t{3} << 20U).Build(), ignored}));
  const auto receipts = ById(call.Read(6));
  ASSERT_EQ(receipts.size(), 6U);
  EXPECT_EQ(receipts.at(7).accepted().incident_id(), "a");
  EXPECT_EQ(receipts.at(7).accepted().sequence(), 1U);
  EXPECT_FALSE(receipts.at(7).accepted().duplicate());
  EXPECT_EQ(receipts.at(8).accepted().sequence(), 1U);
  EXPECT_TRUE(receipts.at(8).accepted().duplicate());
  EXPECT_EQ(receipts.at(9).quarantined().id(), 1U);
  const absl::Status rejected = FromProtoStatus(receipts.at(10).rejected());
  EXPECT_THAT(rejected, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(rejected, HasReason("FIELD_INVALID"));
  EXPECT_THAT(FromProtoStatus(receipts.at(11).rejected()), HasReason("EVENT_TOO_LARGE"));
  EXPECT_TRUE(receipts.at(12).has_ignored());
  EXPECT_EQ(store_->incident_count(), 1U);
}

TEST_F(IngestTest, WhatIsNotLookedIntoArrivesWhole) {
  const auto sent = [](uint64_t id, absl::string_view alert) {
    return DeliveryBuilder("a")
        .Id(id)
        .UpdateTime(At(static_cast<int64_t>(id)))
        .With([alert](v1::Incident* incident) {
          incident->add_alerts()->set_id(std::string(alert));
          incident->mutable_alerts(0)->add_tags()->set_name("host");
        });
  };
  v1::Delivery first = sent(1, "first").Build();
  first.mutable_incident()->add_related_changes()->set_id("change");
  IngestCall call(ingest_stub_.get());
  // The second lacks what the first had: in the same batch, and in the next.
  ASSERT_TRUE(call.Write({first, sent(2, "second").Build()}));
  EXPECT_EQ(call.Read(2).size(), 2U);
  for (uint64_t id = 2; id <= 3; ++id) {
    const auto held = store_->FindIncident("a");
    ASSERT_TRUE(held.ok() && held->has_value());
    const v1::Incident& incident = (*held)->incident;
    EXPECT_EQ(incident.sequence(), id);
    ASSERT_EQ(incident.alerts_size(), 1);
    EXPECT_EQ(incident.alerts(0).id(), id == 2 ? "second" : "third");
    EXPECT_EQ(incident.alerts(0).tags(0).name(), "host");
    ASSERT_EQ(incident.related_changes_size(), 1);
    EXPECT_EQ(incident.related_changes(0).id(), "change");
    if (id > 2) break;
    ASSERT_TRUE(call.Write({sent(3, "third").Build()}));
    EXPECT_EQ(call.Read(1).size(), 1U);
  }
}

TEST_F(IngestTest, ManyMessagesAreDecidedInTheOrderSent) {
  IngestCall call(ingest_stub_.get());
  constexpr int kMessages = 200;
  std::thread writer([&call] {
    for (int m = 0; m < kMessages; ++m) {
      ASSERT_TRUE(call.Write(Deliveries(1 + static_cast<uint64_t>(m) * 5, 5)));
    }
  });
  const auto receipts = ById(call.Read(kMessages * 5));
  writer.join();
  for (const auto& [id, receipt] : receipts) EXPECT_EQ(receipt.accepted().sequence(), id);
}

TEST_F(IngestTest, AStreamIsUpBeforeItsFirstReceipt) {
  IngestCall call(ingest_stub_.get());
  call.WaitUntilUp();
  EXPECT_EQ(ingest_streams_.count(), 1U);
}

TEST_F(IngestTest, AnEmptyMessageIsNothing) {
  IngestCall call(ingest_stub_.get());
  ASSERT_TRUE(call.Write({}));
  ASSERT_TRUE(call.Write(Deliveries(1, 1)));
  EXPECT_EQ(call.Read(1)[0].id(), 1U);
}

TEST_F(IngestTest, AMessageWithTooManyDeliveriesEndsTheStreamAfterTheReceiptsThatAreDue) {
  log_->CloseGate();
  IngestCall call(ingest_stub_.get());
  ASSERT_TRUE(call.Write(Deliveries(1, 1024)));
  ASSERT_TRUE(log_->AwaitAppendAtGate());
  ASSERT_TRUE(call.Write(Deliveries(2000, 1025)));
  log_->OpenGate();
  EXPECT_EQ(ById(call.Read(1024)).size(), 1024U);
  const absl::Status status = call.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("BATCH_TOO_LARGE"));
  EXPECT_EQ(store_->incident_count(), 1024U) << "nothing of the message was taken";
}

TEST_F(IngestTest, AMessageThatDoesNotParseEndsTheStreamAfterTheReceiptsThatAreDue) {
  log_->CloseGate();
  IngestCall call(ingest_stub_.get());
  ASSERT_TRUE(call.Write(Deliveries(1, 1)));
  ASSERT_TRUE(log_->AwaitAppendAtGate());
  v1::Delivery delivery = DeliveryBuilder("b").Id(2).Build();
  delivery.set_source("no UTF-8: \xff");
  ASSERT_TRUE(call.Write({delivery}));
  log_->OpenGate();
  EXPECT_EQ(call.Read(1)[0].id(), 1U);
  const absl::Status status = call.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("FIELD_INVALID"));
}

TEST_F(IngestTest, AStreamThatIsHalfClosedGetsItsReceipts) {
  log_->CloseGate();
  IngestCall call(ingest_stub_.get());
  for (uint64_t message = 0; message < 3; ++message) {
    ASSERT_TRUE(call.Write(Deliveries(1 + message * 10, 10)));
  }
  call.WritesDone();
  ASSERT_TRUE(log_->AwaitAppendAtGate());
  ASSERT_TRUE(AwaitStreams(1));
  log_->OpenGate();
  EXPECT_EQ(ById(call.Read(30)).size(), 30U);
  EXPECT_OK(call.Finish());
  EXPECT_TRUE(AwaitStreams(0));
}

TEST_F(IngestTest, PastTheBoundStreamsAreRefusedUntilOneEnds) {
  std::vector<std::unique_ptr<IngestCall>> calls;
  for (size_t i = 0; i < options_.max_ingest_streams; ++i) {
    calls.push_back(std::make_unique<IngestCall>(ingest_stub_.get()));
    calls.back()->WaitUntilUp();
  }
  IngestCall refused(ingest_stub_.get());
  const absl::Status status = refused.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(status, HasReason("TOO_MANY_INGEST_STREAMS"));
  EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
  calls.pop_back();
  ASSERT_TRUE(AwaitStreams(options_.max_ingest_streams - 1));
  IngestCall taken(ingest_stub_.get());
  ASSERT_TRUE(taken.Write(Deliveries(1, 1)));
  EXPECT_EQ(taken.Read(1).size(), 1U);
}

TEST_F(IngestTest, AHubThatStopsSendsTheReceiptsThatAreDueFirst) {
  log_->CloseGate();
  IngestCall busy(ingest_stub_.get());
  ASSERT_TRUE(busy.Write(Deliveries(1, 3)));
  ASSERT_TRUE(log_->AwaitAppendAtGate());
  IngestCall idle(ingest_stub_.get());
  idle.WaitUntilUp();
  ingest_streams_.Drain();
  const auto expect_shutting_down = [](const absl::Status& status) {
    EXPECT_THAT(status, HasCode(absl::StatusCode::kUnavailable));
    EXPECT_THAT(status, HasReason("SHUTTING_DOWN"));
    EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
  };
  expect_shutting_down(idle.Finish());
  log_->OpenGate();
  EXPECT_EQ(ById(busy.Read(3)).size(), 3U);
  expect_shutting_down(busy.Finish());
  IngestCall late(ingest_stub_.get());
  expect_shutting_down(late.Finish());
  EXPECT_TRUE(AwaitStreams(0));
}

TEST_F(IngestTest, AGatewayThatVanishesCancelsNothing) {
  log_->CloseGate();
  {
    IngestCall call(ingest_stub_.get());
    ASSERT_TRUE(call.Write(Deliveries(1, 3)));
    ASSERT_TRUE(log_->AwaitAppendAtGate());
    call.Cancel();
  }
  ASSERT_TRUE(AwaitStreams(0));
  log_->OpenGate();
  EXPECT_TRUE(WaitUntil([this] { return store_->applied() == 3; }, kPatience));
  IngestCall again(ingest_stub_.get());
  ASSERT_TRUE(again.Write(Deliveries(1, 3)));
  for (const v1::Receipt& receipt : again.Read(3)) EXPECT_TRUE(receipt.accepted().duplicate());
}

TEST_F(IngestTest, WithTooLittleDiskDeliveriesAreRejectedAndTheStreamStays) {
  free_bytes_ = 0;
  IngestCall call(ingest_stub_.get());
  ASSERT_TRUE(call.Write(Deliveries(1, 2)));
  for (const v1::Receipt& receipt : call.Read(2)) {
    const absl::Status status = FromProtoStatus(receipt.rejected());
    EXPECT_THAT(status, HasCode(absl::StatusCode::kUnavailable));
    EXPECT_THAT(status, HasReason("DISK_FULL"));
    EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
  }
  free_bytes_ = uint64_t{1} << 40U;
  ASSERT_TRUE(call.Write(Deliveries(1, 2)));
  for (const v1::Receipt& receipt : call.Read(2)) EXPECT_TRUE(receipt.has_accepted());
}

// What waits in the hub for a gateway that does not read its receipts is bounded: at some point the
// hub reads no more from it. Rejections are the largest receipts for the smallest deliveries.
TEST_F(IngestTest, AGatewayThatNeverReadsItsReceiptsIsNotReadFromForEver) {
  constexpr int kMessages = 600;
  std::vector<v1::Delivery> invalid(1024);
  for (size_t i = 0; i < invalid.size(); ++i) {
    invalid[i].set_id(i + 1);
    invalid[i].set_source("bigpanda");
    invalid[i].mutable_incident()->set_id("x");
  }
  IngestCall call(ingest_stub_.get());
  std::atomic<int> written{0};
  std::thread writer([&] {
    while (written < kMessages && call.Write(invalid)) ++written;
  });
  // Long before that the hub decides no more, however long one looks; or it never stops.
  uint64_t decided = 0;
  absl::Time since = absl::Now();
  ASSERT_TRUE(WaitUntil(
      [&] {
        const uint64_t now = sequencer_->counters().rejected;
        if (now != decided) since = absl::Now();
        decided = now;
        return written == kMessages || absl::Now() - since > absl::Seconds(2);
      },
      kPatience));
  EXPECT_LT(written, kMessages) << "the hub holds " << decided << " receipts that nobody reads";
  call.Cancel();
  writer.join();
}

}  // namespace
}  // namespace incidenthub
