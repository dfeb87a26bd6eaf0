// Bodies of many items: how they reach the hub, and the one answer about all of them.

#include "gateway/batch_delivery.h"

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "tests/gateway/support/gateway_fixture.h"

namespace incidenthub::gateway {
namespace {

using testing::AcceptedReceipt;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::QuarantinedReceipt;
using testing::RejectedReceipt;
using ::testing::SizeIs;

constexpr absl::string_view kAlertsPath = "/data/v2/alerts";

std::string Alert(absl::string_view host) {
  return absl::StrCat(R"({"app_key":"k","status":"critical","host":")", host, "\"}");
}
std::string Alerts(size_t count) {
  std::string body;
  for (size_t i = 0; i < count; ++i) absl::StrAppend(&body, Alert(absl::StrCat("h", i)), "\n");
  return body;
}

class BatchDeliveryTest : public GatewayTest {
 protected:
  Answer PostAlerts(absl::string_view body) {
    testing::HttpClient client(gateway_->port());
    return ToAnswer(client.Post(kAlertsPath, {{"Content-Type", "application/x-ndjson"}}, body));
  }
  std::vector<std::string> ReceivedIncidents() {
    std::vector<std::string> ids;
    for (const auto& received : hub_->received()) ids.push_back(received.delivery.incident().id());
    return ids;
  }
};

TEST_F(BatchDeliveryTest, ItemsReachTheHubInTheirOrderEachWithItsOwnDigest) {
  StartBoth();
  const Answer answer = PostAlerts(Alerts(3));
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.response.body,
            R"({"status":"accepted","data":{"status":"accepted","accepted":3,"duplicates":0,)"
            R"("ignored":0,"tests":0,"bad":0}})");
  EXPECT_THAT(ReceivedIncidents(), ElementsAre("alerts/h0", "alerts/h1", "alerts/h2"));
  const auto received = hub_->received();
  EXPECT_NE(received[0].delivery.digest(), received[1].delivery.digest());
  EXPECT_EQ(received[0].delivery.digest().size(), 16U);
  EXPECT_TRUE(received[0].delivery.has_receive_time());
  EXPECT_TRUE(received[0].delivery.ignore_unless_known());
}

TEST_F(BatchDeliveryTest, AllDuplicatesAreAnswered204WithoutABody) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) { return AcceptedReceipt(delivery, 7, true); });
  const Answer answer = PostAlerts(Alerts(2));
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.response.body, "");
  EXPECT_EQ(answer.response.Header("Content-Length"), "");
  EXPECT_EQ(answer.response.Header("Content-Type"), "");
}

TEST_F(BatchDeliveryTest, MoreThanItsBoundWaitsForReceipts) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery&) { return std::optional<v1::Receipt>(); });
  constexpr size_t kItems = 3 * kBatchDeliveriesMax;
  Answer answer;
  std::thread sender([&] { answer = PostAlerts(Alerts(kItems)); });
  ASSERT_TRUE(hub_->WaitForDeliveries(kBatchDeliveriesMax));
  EXPECT_EQ(Metric("incidenthub_gateway_window_deliveries"), kBatchDeliveriesMax);
  hub_->SetScript([](const v1::Delivery& delivery) { return AcceptedReceipt(delivery, 1); });
  for (const auto& received : hub_->received()) {
    ASSERT_TRUE(hub_->Send(AcceptedReceipt(received.delivery, 1)));
  }
  sender.join();
  EXPECT_EQ(answer.status, 201);
  EXPECT_THAT(answer.response.body, HasSubstr(absl::StrCat("\"accepted\":", kItems, ",")));
  EXPECT_THAT(hub_->received(), SizeIs(kItems));
}

TEST_F(BatchDeliveryTest, MoreBytesThanItsBoundWaitForReceipts) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery&) { return std::optional<v1::Receipt>(); });
  constexpr size_t kItemBytes = size_t{1} << 20;
  constexpr size_t kItems = 2 * kBatchBytesMax / kItemBytes;
  std::string body;
  for (size_t i = 0; i < kItems; ++i) {
    absl::StrAppend(&body,
                    Alert(absl::StrCat("h", i, "\",\"padding\":\"", std::string(kItemBytes, 'x'))),
                    "\n");
  }
  Answer answer;
  std::thread sender([&] { answer = PostAlerts(body); });
  ASSERT_TRUE(hub_->WaitForDeliveries(kBatchBytesMax / kItemBytes));
  EXPECT_EQ(Metric("incidenthub_gateway_window_deliveries"), kBatchBytesMax / kItemBytes);
  hub_->SetScript([](const v1::Delivery& delivery) { return AcceptedReceipt(delivery, 1); });
  for (const auto& received : hub_->received()) {
    ASSERT_TRUE(hub_->Send(AcceptedReceipt(received.delivery, 1)));
  }
  sender.join();
  EXPECT_EQ(answer.status, 201);
  EXPECT_THAT(hub_->received(), SizeIs(kItems));
}

TEST_F(BatchDeliveryTest, WhatGoesToQuarantineTogetherIsBounded) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) { return QuarantinedReceipt(delivery, 9); });
  const std::string bad =
      absl::StrCat("{\"a\":\"", std::string(kUnmappedBytesMax * 3 / 5, 'x'), "\"}\n");
  EXPECT_EQ(PostAlerts(absl::StrCat(bad, bad, "{}\n", bad)).status, 422);
  EXPECT_THAT(hub_->received(), SizeIs(3));
}

TEST_F(BatchDeliveryTest, ItemsThatAreNoIncidentsGoToQuarantineTogether) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) {
    return delivery.has_unmapped() ? QuarantinedReceipt(delivery, 9) : AcceptedReceipt(delivery, 1);
  });
  const Answer answer = PostAlerts(
      absl::StrCat("{\"app_key\":\"k\",\"a\":1}\n", Alert("h"), "\n{\"app_key\":\"k\",\"b\":2}\n"));
  EXPECT_EQ(answer.status, 201);
  EXPECT_THAT(answer.response.body, HasSubstr("\"bad\":2,\"bad_items\":[{\"index\":0,"));
  EXPECT_THAT(answer.response.body, HasSubstr("{\"index\":2,"));
  EXPECT_THAT(answer.response.body, HasSubstr("\"quarantined\":[9]"));
  const auto received = hub_->received();
  ASSERT_THAT(received, SizeIs(2));
  const v1::Unmapped& unmapped = received[1].delivery.unmapped();
  EXPECT_EQ(unmapped.raw(), "{\"app_key\":\"\",\"a\":1}\n{\"app_key\":\"\",\"b\":2}");
  EXPECT_EQ(unmapped.kind(), "alerts");
  EXPECT_THAT(unmapped.reason(), HasSubstr("item 0: "));
  EXPECT_THAT(unmapped.reason(), HasSubstr("; item 2: "));
  EXPECT_EQ(Metric("incidenthub_gateway_decode_errors_total{reason=\"UNMAPPED\"}"), 2);
}

TEST_F(BatchDeliveryTest, WhatIsSaidOfManyBadItemsIsBounded) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) { return QuarantinedReceipt(delivery, 9); });
  std::string body;
  for (int i = 0; i < 1000; ++i) absl::StrAppend(&body, "{\"a\":", i, "}\n");
  const Answer answer = PostAlerts(body);
  EXPECT_EQ(answer.status, 422);
  EXPECT_EQ(answer.reason, "UNMAPPED");
  EXPECT_THAT(answer.response.body, HasSubstr("\"bad\":1000"));
  EXPECT_THAT(answer.response.body,
              HasSubstr(absl::StrCat("{\"index\":", kNamedItemsMax - 1, ",")));
  EXPECT_THAT(answer.response.body,
              ::testing::Not(HasSubstr(absl::StrCat("{\"index\":", kNamedItemsMax, ","))));
  const auto received = hub_->received();
  ASSERT_THAT(received, SizeIs(1));
  EXPECT_LT(received[0].delivery.unmapped().reason().size(), kUnmappedReasonBytesMax + 64);
  EXPECT_THAT(received[0].delivery.unmapped().reason(), HasSubstr(" more"));
}

TEST_F(BatchDeliveryTest, AHubThatCannotTakeOneNowIsAnswered503ForAll) {
  options_.hold = absl::Milliseconds(50);
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) {
    return delivery.incident().id() == "alerts/h1"
               ? RejectedReceipt(delivery, WithRetryDelay(ReasonError("DISK_FULL", "no space"),
                                                          absl::Milliseconds(300)))
               : AcceptedReceipt(delivery, 1);
  });
  const Answer answer = PostAlerts(Alerts(3));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.reason, "DISK_FULL");
  EXPECT_NE(answer.response.Header("Retry-After"), "");
}

TEST_F(BatchDeliveryTest, AnItemThatTheHubRefusesForGoodCostsNoOther) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery& delivery) {
    return delivery.incident().id() == "alerts/h1"
               ? RejectedReceipt(delivery, FieldError("FIELD_INVALID", "source", "is too long"))
               : AcceptedReceipt(delivery, 1);
  });
  const Answer answer = PostAlerts(Alerts(3));
  EXPECT_EQ(answer.status, 201);
  EXPECT_THAT(answer.response.body, HasSubstr("\"accepted\":2"));
  EXPECT_THAT(answer.response.body, HasSubstr("{\"index\":1,\"message\":\"source: is too long"));
}

TEST_F(BatchDeliveryTest, ABodyThatDoesNotParseIsAnswered400) {
  StartBoth();
  EXPECT_EQ(PostAlerts("not json").status, 400);
  EXPECT_EQ(PostAlerts("").reason, "BODY_EMPTY");
  EXPECT_EQ(PostAlerts("[]").status, 204);
  EXPECT_THAT(hub_->received(), SizeIs(0));
}

}  // namespace
}  // namespace incidenthub::gateway
