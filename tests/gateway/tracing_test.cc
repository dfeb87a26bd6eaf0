// What a request is called and which trace it is of, on its way through the gateway.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/trace_context.h"
#include "gmock/gmock.h"
#include "tests/gateway/support/gateway_fixture.h"
#include "tests/support/metrics_text.h"

namespace incidenthub::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::HttpHeaders;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kNewId[] = "[0-9a-f]{16}";

// The lines that `f` has written.
template <typename F>
std::string LogOf(F f) {
  // From here on lines are written at once.
  FlushLogs();
  ::testing::internal::CaptureStderr();
  f();
  return ::testing::internal::GetCapturedStderr();
}

class TracingTest : public GatewayTest {
 protected:
  Answer PostWith(const HttpHeaders& more, absl::string_view body,
                  absl::string_view path = testing::kWebhookPath) {
    HttpHeaders headers = testing::WebhookHeaders();
    headers.insert(headers.end(), more.begin(), more.end());
    testing::HttpClient client(gateway_->port());
    return ToAnswer(client.Post(path, headers, body));
  }
  static std::string RequestIdOf(const Answer& answer) {
    return answer.response.Header("X-Request-Id");
  }
};

TEST_F(TracingTest, EveryAnswerHasARequestId) {
  StartBoth();
  const std::string body = testing::SmallIncident("i", 1'800'000'000);
  EXPECT_EQ(RequestIdOf(PostWith({{"X-Request-Id", "r-17"}}, body)), "r-17");
  EXPECT_THAT(RequestIdOf(PostWith({}, body)), MatchesRegex(kNewId));
  EXPECT_EQ(RequestIdOf(PostWith({{"X-Request-Id", "r-18"}}, body, "/nothing")), "r-18");
  EXPECT_EQ(RequestIdOf(PostWith({{"X-Request-Id", "r-19"}}, "no JSON")), "r-19");
  const Answer broken = Exchange("what is this\r\n\r\n");
  EXPECT_EQ(broken.status, 400);
  EXPECT_THAT(RequestIdOf(broken), MatchesRegex(kNewId));
}

TEST_F(TracingTest, EachDeliveryOfARequestIsOfItsTrace) {
  StartBoth();
  PostWith({{"traceparent", kTrace}}, testing::SmallIncident("i", 1'800'000'000));
  PostWith({{"traceparent", kTrace}},
           R"([{"app_key":"k","status":"critical","host":"a"},)"
           R"({"app_key":"k","status":"critical","host":"b"}])",
           "/data/v2/alerts");
  ASSERT_TRUE(hub_->WaitForDeliveries(3));
  const auto received = hub_->received();
  for (const auto& one : received) {
    EXPECT_EQ(TraceIdOf(one.delivery.traceparent()), kTraceId);
    EXPECT_NE(one.delivery.traceparent(), kTrace) << "the span is the gateway's";
  }
  EXPECT_EQ(received[1].delivery.traceparent(), received[2].delivery.traceparent());
  EXPECT_NE(received[0].delivery.traceparent(), received[1].delivery.traceparent());
}

TEST_F(TracingTest, WithoutATraceOneBegins) {
  StartBoth();
  PostIncident("a");
  PostWith({{"traceparent", "00-junk"}}, testing::SmallIncident("b", 1'800'000'000));
  ASSERT_TRUE(hub_->WaitForDeliveries(2));
  const auto received = hub_->received();
  for (const auto& one : received) {
    EXPECT_TRUE(IsTraceparent(one.delivery.traceparent()));
    EXPECT_THAT(one.delivery.traceparent(), ::testing::EndsWith("-00"));
  }
  EXPECT_NE(TraceIdOf(received[0].delivery.traceparent()),
            TraceIdOf(received[1].delivery.traceparent()));
}

TEST_F(TracingTest, ADeliveryThatIsSentAgainKeepsItsTraceAndTheSameBytesTheirDigest) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery&) { return std::nullopt; });
  Sender sender(gateway_->port(), "i");
  ASSERT_TRUE(hub_->WaitForDeliveries(1));
  hub_->SetScript(
      [](const v1::Delivery& delivery) { return testing::AcceptedReceipt(delivery, 1); });
  hub_->BreakStreams();
  EXPECT_EQ(sender.Join().status, 200);
  EXPECT_EQ(PostIncident("i").status, 200);
  const auto received = hub_->received();
  ASSERT_EQ(received.size(), 3U);
  EXPECT_EQ(received[0].delivery.traceparent(), received[1].delivery.traceparent());
  EXPECT_NE(received[2].delivery.traceparent(), received[1].delivery.traceparent());
  EXPECT_EQ(received[2].delivery.digest(), received[1].delivery.digest());
}

TEST_F(TracingTest, LinesAboutARequestNameItAndHoldNothingThatWasSent) {
  StartBoth();
  const std::string log = LogOf([&] {
    PostWith({{"X-Request-Id", "r-17"}, {"traceparent", kTrace}}, R"({"secret-of-the-body":)");
  });
  EXPECT_THAT(log, AllOf(HasSubstr("body refused"), HasSubstr("\"request_id\":\"r-17\""),
                         HasSubstr(absl::StrCat("\"trace_id\":\"", kTraceId, "\"")),
                         Not(HasSubstr("secret-of-the-body")),
                         Not(HasSubstr(std::string(testing::kWebhookSecret)))));
}

TEST_F(TracingTest, AFloodOfRefusedBodiesIsNoFloodOfLines) {
  StartBoth();
  const std::string log = LogOf([&] {
    for (int i = 0; i < 300; ++i) Post("no JSON");
  });
  const auto lines = std::count(log.begin(), log.end(), '\n');
  EXPECT_GE(lines, 100);
  EXPECT_LT(lines, 200) << "a burst, and one a second";
}

TEST_F(TracingTest, AScrapeIsWhatPrometheusTakesAndIsWrittenDown) {
  StartBoth();
  PostIncident("i");
  EXPECT_EQ(
      Metric("incidenthub_gateway_deliveries_total{source=\"bigpanda\",outcome=\"accepted\"}"), 1);
  const testing::Scrape scrape = testing::ReadScrape(AdminGet("/metrics").response.body);
  EXPECT_EQ(scrape.complaints, "");
  testing::ExpectDocumented(scrape, "gateway/METRICS.md");
}

}  // namespace
}  // namespace incidenthub::gateway
