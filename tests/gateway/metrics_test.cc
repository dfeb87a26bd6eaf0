#include "gateway/metrics.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, LabelsAreBoundedWhateverHappens) {
  Metrics metrics;
  metrics.RequestDone(200, absl::Milliseconds(3));
  metrics.RequestDone(418, absl::Milliseconds(3));
  metrics.RequestDone(0, absl::Milliseconds(3));
  metrics.DecodeFailed("NOT_JSON");
  metrics.DecodeFailed("a reason that somebody made up");
  const std::string text = metrics.Text({});
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_requests_total{code=\"200\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_requests_total{code=\"other\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_requests_total{code=\"aborted\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_decode_errors_total{reason=\"NOT_JSON\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_decode_errors_total{reason=\"OTHER\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_request_duration_seconds_count 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("418")));
}

TEST(MetricsTest, WithoutTlsNoCertificateExpires) {
  EXPECT_THAT(Metrics().Text({}),
              HasSubstr("incidenthub_gateway_tls_certificate_expire_timestamp_seconds 0\n"));
}

TEST(MetricsTest, GaugesAreWhatTheScrapeFinds) {
  Metrics metrics;
  metrics.Dropped(DropCause::kRejected, 2);
  const std::string text =
      metrics.Text({.window_deliveries = 5,
                    .window_bytes = 600,
                    .stream_up = true,
                    .certificate_expire_time = absl::FromUnixSeconds(1'800'000'000)});
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_window_deliveries 5\n"));
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_window_bytes 600\n"));
  EXPECT_THAT(text, HasSubstr("incidenthub_gateway_stream_up 1\n"));
  EXPECT_THAT(
      text, HasSubstr("incidenthub_gateway_tls_certificate_expire_timestamp_seconds 1800000000\n"));
  EXPECT_THAT(text,
              HasSubstr("incidenthub_gateway_dropped_deliveries_total{cause=\"rejected\"} 2\n"));
}

}  // namespace
}  // namespace incidenthub::gateway
