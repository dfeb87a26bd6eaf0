// What whoever runs hub and gateway sees of a webhook on its way: its trace, its request's id, the
// log at the level that is asked for, and scrapes that are sound.

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/metrics_text.h"
#include "tests/support/status_matchers.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kTrace[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";

class ObservabilityTest : public HubTest {
 protected:
  Finished Incidentctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BinaryPath("incidentctl"));
    arguments.push_back(absl::StrCat("--hub=", hub().address()));
    absl::StatusOr<Finished> finished = RunProcess(std::move(arguments), kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? *std::move(finished) : Finished();
  }
  static Scrape ScrapeOf(const ServerProcess& server) {
    HttpClient http(server.admin_port());
    const auto response = http.Get("/metrics");
    EXPECT_OK(response);
    return response.ok() ? ReadScrape(response->body) : Scrape();
  }
};

TEST_F(ObservabilityTest, AWebhooksTraceIsInItsEventAndOnBothScrapesItIsCounted) {
  StartBoth();
  HttpClient http(gateway_port());
  HttpHeaders headers = WebhookHeaders();
  headers.emplace_back("traceparent", kTrace);
  headers.emplace_back("X-Request-Id", "r-17");
  const auto response = http.Post(kWebhookPath, headers, SmallIncident("i-1", 1'800'000'000));
  ASSERT_OK(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->Header("X-Request-Id"), "r-17");
  EXPECT_THAT(Incidentctl({"history", "i-1", "--json"}).out,
              HasSubstr(absl::StrCat("\"traceparent\":\"00-", kTraceId, "-")));

  const Scrape of_hub = ScrapeOf(hub());
  EXPECT_EQ(of_hub.complaints, "");
  EXPECT_EQ(of_hub.Value("incidenthub_deliveries_total{source=\"bigpanda\",outcome=\"accepted\"}"),
            1);
  EXPECT_EQ(of_hub.Value("incidenthub_delivery_age_seconds_count{stage=\"committed\"}"), 1);
  const Scrape of_gateway = ScrapeOf(gateway());
  EXPECT_EQ(of_gateway.complaints, "");
  EXPECT_EQ(of_gateway.Value(
                "incidenthub_gateway_deliveries_total{source=\"bigpanda\",outcome=\"accepted\"}"),
            1);
}

TEST_F(ObservabilityTest, TheLogLevelOfARunningHubIsChanged) {
  StartHub();
  const Finished quiet = Incidentctl({"log-level", "error"});
  EXPECT_EQ(quiet.exit_code, 0) << quiet.err;
  EXPECT_EQ(quiet.out, "the hub logs from error on; before, from info\n");
  const Finished talkative = Incidentctl({"log-level", "debug", "--json"});
  EXPECT_EQ(talkative.out, "{\"previous_level\":\"LOG_LEVEL_ERROR\"}\n");
  EXPECT_OK(hub().process().WaitForLine(
      [](absl::string_view line) {
        return absl::StrContains(line,
                                 R"("method":"SetLogLevel","principal":"","subject":"debug")");
      },
      kPatience));
}

}  // namespace
}  // namespace incidenthub::testing
