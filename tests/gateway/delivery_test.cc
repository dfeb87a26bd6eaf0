// What becomes of a delivery, and what its sender is told, with a hub that behaves and one that
// does not.

#include <atomic>
#include <optional>

#include "absl/synchronization/notification.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "tests/gateway/support/gateway_fixture.h"
#include "tests/support/tcp.h"

namespace incidenthub::gateway {
namespace {

using testing::AcceptedReceipt;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::QuarantinedReceipt;
using testing::RejectedReceipt;

class DeliveryTest : public GatewayTest {
 protected:
  std::vector<std::string> ReceivedIncidents() {
    std::vector<std::string> ids;
    for (const auto& received : hub_->received()) ids.push_back(received.delivery.incident().id());
    return ids;
  }
  static std::optional<v1::Receipt> NoReceipt(const v1::Delivery&) { return std::nullopt; }
};

TEST_F(DeliveryTest, CommittedIsAnswered200WithItsSequence) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) { return AcceptedReceipt(delivery, 42); });
  const Answer answer = PostIncident("i-1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.response.body,
            R"({"status":"accepted","data":{"status":"accepted","incident_id":"i-1",)"
            R"("sequence":42,"duplicate":false}})");
  EXPECT_EQ(answer.response.Header("Content-Type"), "application/json");
}

TEST_F(DeliveryTest, DuplicateIsAnswered200AndSaysSo) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) { return AcceptedReceipt(delivery, 7, true); });
  const Answer answer = PostIncident("i-1");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.response.body, HasSubstr(R"("sequence":7,"duplicate":true)"));
}

TEST_F(DeliveryTest, TheHubGetsSourceTimeAndTheSameDigestForTheSameBytes) {
  StartBoth();
  const absl::Time before = absl::Now();
  EXPECT_EQ(PostIncident("i-1").status, 200);
  EXPECT_EQ(PostIncident("i-1").status, 200);
  EXPECT_EQ(PostIncident("i-2").status, 200);
  const auto received = hub_->received();
  ASSERT_EQ(received.size(), 3U);
  const v1::Delivery& first = received[0].delivery;
  EXPECT_EQ(first.source(), "bigpanda");
  EXPECT_EQ(first.activity(), v1::ACTIVITY_ACTIVE);
  EXPECT_EQ(first.digest().size(), 16U);
  EXPECT_EQ(first.digest(), received[1].delivery.digest());
  EXPECT_NE(first.digest(), received[2].delivery.digest());
  EXPECT_NE(first.id(), received[1].delivery.id());
  EXPECT_GE(first.receive_time().seconds(), absl::ToUnixSeconds(before));
  EXPECT_LE(first.receive_time().seconds(), absl::ToUnixSeconds(absl::Now()));
}

TEST_F(DeliveryTest, NoIncidentIsAnswered422OnceTheHubHasItInQuarantine) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) { return QuarantinedReceipt(delivery, 9); });
  const Answer answer = Post(R"({"something":"else"})");
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.reason, "UNMAPPED");
  EXPECT_THAT(answer.response.body, HasSubstr("kept in quarantine as 9"));
  ASSERT_EQ(hub_->received().size(), 1U);
  EXPECT_EQ(hub_->received()[0].delivery.unmapped().raw(), R"({"something":"else"})");
  EXPECT_EQ(Metric("incidenthub_gateway_decode_errors_total{reason=\"UNMAPPED\"}"), 1);
}

TEST_F(DeliveryTest, NoJsonIsAnswered400AndNeverReachesTheHub) {
  StartBoth();
  EXPECT_EQ(Post("{\"a\":").reason, "NOT_JSON");
  EXPECT_EQ(Post("").reason, "BODY_EMPTY");
  EXPECT_EQ(Post("\"\xFF\"").status, 400);
  EXPECT_TRUE(hub_->received().empty());
}

TEST_F(DeliveryTest, FinalRejectionsAreAnsweredByTheirCode) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) {
    return RejectedReceipt(delivery, FieldError("FIELD_INVALID", "source", "is too long"));
  });
  const Answer invalid = PostIncident("i-1");
  EXPECT_EQ(invalid.status, 422);
  EXPECT_EQ(invalid.reason, "FIELD_INVALID");
  hub_->SetScript([](const v1::Delivery& delivery) {
    return RejectedReceipt(delivery, absl::InternalError("a bug"));
  });
  const Answer internal = PostIncident("i-2");
  EXPECT_EQ(internal.status, 503);
  EXPECT_EQ(internal.reason, "HUB_ERROR");
  EXPECT_NE(internal.response.Header("Retry-After"), "");
}

TEST_F(DeliveryTest, RejectedForNowIsSentAgainAndThenAnswered200) {
  StartBoth();
  std::atomic<int> tries = 0;
  hub_->SetScript([&tries](const v1::Delivery& delivery) -> std::optional<v1::Receipt> {
    if (++tries < 3) {
      return RejectedReceipt(
          delivery, WithRetryDelay(ReasonError(absl::StatusCode::kResourceExhausted, "QUEUE_FULL",
                                               "the queue is full"),
                                   absl::Milliseconds(5)));
    }
    return AcceptedReceipt(delivery, 1);
  });
  EXPECT_EQ(PostIncident("i-1").status, 200);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(Metric("incidenthub_gateway_resent_deliveries_total"), 2);
}

TEST_F(DeliveryTest, RejectedForNowPastTheHoldIsAnswered503WithTheHubsReasonAndStillSent) {
  options_.hold = absl::Milliseconds(50);
  StartBoth();
  std::atomic<bool> disk_full = true;
  hub_->SetScript([&disk_full](const v1::Delivery& delivery) -> std::optional<v1::Receipt> {
    if (!disk_full) return AcceptedReceipt(delivery, 1);
    // Its delay is longer than the hold, so that the sender finds it rejected.
    return RejectedReceipt(delivery, WithRetryDelay(ReasonError(absl::StatusCode::kUnavailable,
                                                                "DISK_FULL", "no space"),
                                                    absl::Milliseconds(300)));
  });
  const Answer answer = PostIncident("i-1");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.reason, "DISK_FULL");
  EXPECT_EQ(answer.response.Header("Retry-After"), "1");
  disk_full = false;
  EXPECT_TRUE(WaitForMetric("incidenthub_gateway_window_deliveries", 0));
}

TEST_F(DeliveryTest, WhatHasNoReceiptWhenTheStreamBreaksIsSentAgainInItsOrder) {
  StartBoth();
  hub_->SetScript(NoReceipt);
  std::vector<std::unique_ptr<Sender>> senders;
  for (size_t i = 0; i < 5; ++i) {
    senders.push_back(std::make_unique<Sender>(gateway_->port(), absl::StrCat("i-", i)));
    // One after the other, so that the order is known.
    ASSERT_TRUE(hub_->WaitForDeliveries(i + 1));
  }
  hub_->SetScript([](const v1::Delivery& delivery) { return AcceptedReceipt(delivery, 1); });
  hub_->BreakStreams();
  for (auto& sender : senders) EXPECT_EQ(sender->Join().status, 200);
  EXPECT_THAT(ReceivedIncidents(),
              ElementsAre("i-0", "i-1", "i-2", "i-3", "i-4", "i-0", "i-1", "i-2", "i-3", "i-4"));
  const auto received = hub_->received();
  EXPECT_EQ(received[4].stream, 1U);
  EXPECT_EQ(received[5].stream, 2U);
  EXPECT_EQ(received[0].delivery.id(), received[5].delivery.id());
  EXPECT_EQ(Metric("incidenthub_gateway_resent_deliveries_total"), 5);
}

TEST_F(DeliveryTest, DeliveriesAreSentHoweverManyHaveNoReceiptYet) {
  StartBoth();
  hub_->SetScript(NoReceipt);
  constexpr size_t kSenders = 40;
  std::vector<std::unique_ptr<Sender>> senders;
  for (size_t i = 0; i < kSenders; ++i) {
    senders.push_back(std::make_unique<Sender>(gateway_->port(), absl::StrCat("i-", i)));
  }
  ASSERT_TRUE(hub_->WaitForDeliveries(kSenders));
  // One more, alone, behind all those.
  senders.push_back(std::make_unique<Sender>(gateway_->port(), "i-last"));
  ASSERT_TRUE(hub_->WaitForDeliveries(kSenders + 1));
  for (const auto& received : hub_->received()) {
    ASSERT_TRUE(hub_->Send(AcceptedReceipt(received.delivery, 1)));
  }
  for (auto& sender : senders) EXPECT_EQ(sender->Join().status, 200);
}

TEST_F(DeliveryTest, RequestIsHeldWhileTheHubRestartsOnItsPort) {
  StartBoth();
  StopHub();
  Sender sender(gateway_->port(), "i-1");
  ASSERT_TRUE(WaitForMetric("incidenthub_gateway_window_deliveries", 1));
  EXPECT_EQ(AdminGet("/readyz").status, 503);
  StartHub();
  EXPECT_EQ(sender.Join().status, 200);
  EXPECT_TRUE(WaitUntilReady());
}

TEST_F(DeliveryTest, HubAwayPastTheHoldIsAnswered503AndTheDeliveryIsSentWhenItIsBack) {
  options_.hold = absl::Milliseconds(50);
  StartGateway();
  const Answer answer = PostIncident("i-1");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.reason, "HUB_UNAVAILABLE");
  EXPECT_EQ(answer.response.Header("Retry-After"), "2");
  EXPECT_EQ(Metric("incidenthub_gateway_window_deliveries"), 1);
  StartHub();
  ASSERT_TRUE(hub_->WaitForDeliveries(1));
  EXPECT_THAT(ReceivedIncidents(), ElementsAre("i-1"));
  EXPECT_TRUE(WaitForMetric("incidenthub_gateway_window_deliveries", 0));
}

TEST_F(DeliveryTest, HubThatRefusesStreamsCountsAsAway) {
  options_.hold = absl::Milliseconds(200);
  StartHub();
  hub_->RefuseStreams(
      ReasonError(absl::StatusCode::kResourceExhausted, "TOO_MANY_INGEST_STREAMS", "too many"));
  StartGateway();
  ASSERT_TRUE(hub_->WaitForStream(3));
  const Answer readyz = AdminGet("/readyz");
  EXPECT_EQ(readyz.status, 503);
  EXPECT_THAT(readyz.response.body, HasSubstr("too many"));
  EXPECT_EQ(PostIncident("i-1").reason, "HUB_UNAVAILABLE");
  EXPECT_EQ(Metric("incidenthub_gateway_streams_opened_total"), 0);
  hub_->RefuseStreams(absl::OkStatus());
  EXPECT_TRUE(hub_->WaitForDeliveries(1));
}

TEST_F(DeliveryTest, NoReceiptInTimeIsAnswered504AndALateOneEndsIt) {
  options_.hold = absl::Milliseconds(20);
  options_.answer_timeout = absl::Milliseconds(100);
  StartBoth();
  hub_->SetScript(NoReceipt);
  const Answer answer = PostIncident("i-1");
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(answer.reason, "OUTCOME_UNKNOWN");
  EXPECT_THAT(answer.response.body, HasSubstr("sending it again is safe"));
  EXPECT_EQ(Metric("incidenthub_gateway_window_deliveries"), 1);
  ASSERT_TRUE(hub_->Send(AcceptedReceipt(hub_->received().at(0).delivery, 1)));
  EXPECT_TRUE(WaitForMetric("incidenthub_gateway_window_deliveries", 0));
}

TEST_F(DeliveryTest, FullWindowOfWaitingSendersIsAnswered503) {
  options_.window_deliveries = 1;
  StartBoth();
  hub_->SetScript(NoReceipt);
  Sender waiting(gateway_->port(), "i-1");
  ASSERT_TRUE(hub_->WaitForDeliveries(1));
  const Answer answer = PostIncident("i-2");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.reason, "OVERLOADED");
  EXPECT_NE(answer.response.Header("Retry-After"), "");
  ASSERT_TRUE(hub_->Send(AcceptedReceipt(hub_->received().at(0).delivery, 1)));
  EXPECT_EQ(waiting.Join().status, 200);
}

TEST_F(DeliveryTest, FullWindowPushesOutTheOldestWhoseSenderWasAnswered) {
  options_.window_deliveries = 2;
  options_.hold = absl::Milliseconds(20);
  StartGateway();
  for (const char* id : {"i-1", "i-2", "i-3", "i-4"}) {
    EXPECT_EQ(PostIncident(id).reason, "HUB_UNAVAILABLE");
  }
  EXPECT_EQ(Metric("incidenthub_gateway_dropped_deliveries_total{cause=\"pushed_out\"}"), 2);
  StartHub();
  EXPECT_TRUE(WaitForMetric("incidenthub_gateway_window_deliveries", 0));
  // i-1 may have been on its way already when it was pushed out; i-2 was not.
  EXPECT_THAT(ReceivedIncidents(), AllOf(Contains("i-3"), Contains("i-4"), Not(Contains("i-2"))));
}

TEST_F(DeliveryTest, SenderThatHangsUpCancelsNothing) {
  StartGateway();
  {
    absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
    ASSERT_OK(fd);
    const testing::OwnedFd owned(*fd);
    ASSERT_OK(testing::SendAll(
        *fd, testing::HttpPostBytes(testing::kWebhookPath, testing::WebhookHeaders(),
                                    testing::SmallIncident("i-1", 1'800'000'000))));
    ASSERT_TRUE(WaitForMetric("incidenthub_gateway_window_deliveries", 1));
  }
  StartHub();
  ASSERT_TRUE(hub_->WaitForDeliveries(1));
  EXPECT_THAT(ReceivedIncidents(), ElementsAre("i-1"));
}

TEST_F(DeliveryTest, DrainAnswersWhatIsOpenAndRefusesWhatIsNew) {
  StartBoth();
  hub_->SetScript(NoReceipt);
  // Kept alive, with a request that is only half there when the drain begins.
  absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
  ASSERT_OK(fd);
  const testing::OwnedFd half(*fd);
  ASSERT_OK(testing::SendAll(*fd, "POST"));
  Sender open(gateway_->port(), "i-1");
  ASSERT_TRUE(hub_->WaitForDeliveries(1));
  std::thread drain([this] { gateway_->Drain(); });
  // The listening socket is the first thing to go.
  EXPECT_TRUE(testing::WaitUntil(
      [this] {
        absl::StatusOr<int> refused = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
        if (refused.ok()) testing::OwnedFd close(*refused);
        return !refused.ok();
      },
      absl::Seconds(30)));
  ASSERT_TRUE(hub_->Send(AcceptedReceipt(hub_->received().at(0).delivery, 1)));
  const Answer answer = open.Join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.response.Header("Connection"), "close");
  ASSERT_OK(testing::SendAll(*fd, " /nowhere HTTP/1.1\r\n\r\n"));
  drain.join();
  EXPECT_EQ(Metric("incidenthub_gateway_dropped_deliveries_total{cause=\"exit\"}"), 0);
}

TEST_F(DeliveryTest, DrainGivesUpWaitingSendersAtItsTimeout) {
  options_.drain_timeout = absl::Milliseconds(100);
  StartBoth();
  hub_->SetScript(NoReceipt);
  Sender open(gateway_->port(), "i-1");
  ASSERT_TRUE(hub_->WaitForDeliveries(1));
  gateway_->Drain();
  const Answer answer = open.Join();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.reason, "DRAINING");
  EXPECT_EQ(Metric("incidenthub_gateway_dropped_deliveries_total{cause=\"exit\"}"), 1);
}

TEST_F(DeliveryTest, DrainHandsTheWindowToAHubThatComesBack) {
  options_.hold = absl::Milliseconds(20);
  StartGateway();
  EXPECT_EQ(PostIncident("i-1").status, 503);
  std::thread drain([this] { gateway_->Drain(); });
  StartHub();
  drain.join();
  EXPECT_THAT(ReceivedIncidents(), ElementsAre("i-1"));
}

TEST_F(DeliveryTest, ManySendersAtOnceGetEachTheirOwnReceipt) {
  StartBoth();
  hub_->SetScript(
      [](const v1::Delivery& delivery) { return AcceptedReceipt(delivery, delivery.id()); });
  constexpr int kSenders = 16;
  constexpr int kRequests = 50;
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int sender = 0; sender < kSenders; ++sender) {
    threads.emplace_back([this, sender, &right] {
      testing::HttpClient client(gateway_->port());
      for (int i = 0; i < kRequests; ++i) {
        const std::string id = absl::StrCat("i-", sender, "-", i);
        const auto response = client.Post(testing::kWebhookPath, testing::WebhookHeaders(),
                                          testing::SmallIncident(id, 1'800'000'000));
        if (response.ok() && absl::StrContains(response->body, absl::StrCat("\"", id, "\""))) {
          ++right;
        }
      }
    });
  }
  // Breaks in the middle must not mix anything up.
  ASSERT_TRUE(hub_->WaitForDeliveries(kSenders * kRequests / 3));
  hub_->BreakStreams();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, kSenders * kRequests);
}

}  // namespace
}  // namespace incidenthub::gateway
