// The whole of what a hub's /metrics says.

#include "server/metrics.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/rpc/consumer_calls.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/metrics_text.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::ConnectToHub;
using testing::DeliveryBuilder;
using testing::IngestCall;
using testing::ReadScrape;
using testing::Scrape;
using testing::SubscribeCall;
using v1::SubscribeResponse;

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest() {
    HubOptions options;
    options.listen = "127.0.0.1:0";
    options.data_dir = dir_ / "data";
    options.ring_bytes = uint64_t{1} << 20U;
    options.max_streams = 10;
    auto server = Server::Start(options, [](const absl::Status&) {});
    EXPECT_OK(server);
    server_ = *std::move(server);
    incidents_ = v1::IncidentService::NewStub(ConnectToHub(server_->port()));
    ingest_ = v1::IngestService::NewStub(ConnectToHub(server_->port()));
  }
  ~MetricsTest() override { EXPECT_TRUE(server_->Shutdown(absl::Seconds(20))); }

  void Ingest(const std::vector<v1::Delivery>& deliveries) {
    IngestCall call(ingest_.get());
    EXPECT_TRUE(call.Write(deliveries));
    EXPECT_EQ(call.Read(deliveries.size()).size(), deliveries.size());
  }
  Scrape Metrics() const { return ReadScrape(server_->Metrics()); }

  const testing::TempDir dir_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::IncidentService::Stub> incidents_;
  std::unique_ptr<v1::IngestService::Stub> ingest_;
};

TEST_F(MetricsTest, AScrapeIsWhatPrometheusTakes) {
  v1::SubscribeRequest request;
  request.set_consumer("pager");
  SubscribeCall call(incidents_.get(), request);
  call.ReadSnapshot();
  Ingest({DeliveryBuilder("a").Source("odd \"source\"\\\n{x=\"1\"}").Build(),
          DeliveryBuilder("b").Build()});
  call.ReadUntil(2);
  const Scrape scrape = Metrics();
  EXPECT_EQ(scrape.complaints, "");
  EXPECT_GT(scrape.families.size(), 40U);
  EXPECT_EQ(scrape.Value("incidenthub_deliveries_total{source=\"bigpanda\",outcome=\"accepted\"}"),
            1);
  EXPECT_EQ(scrape.families.at("incidenthub_deliveries_total").labels.size(), 2U)
      << "a source's name makes no label";
  EXPECT_GT(scrape.Value("process_resident_memory_bytes"), 0);
}

TEST_F(MetricsTest, EachStepOfADeliverysWayIsObserved) {
  SubscribeCall call(incidents_.get(), v1::SubscribeRequest());
  call.ReadSnapshot();
  v1::Delivery delivery = DeliveryBuilder("a").Build();
  *delivery.mutable_receive_time() = delivery.incident().update_time();
  Ingest({delivery});
  call.ReadUntil(1);
  const Scrape scrape = Metrics();
  for (const char* series :
       {"incidenthub_append_duration_seconds_count", "incidenthub_commit_duration_seconds_count",
        "incidenthub_batch_commands_count",
        "incidenthub_delivery_age_seconds_count{stage=\"received\"}",
        "incidenthub_delivery_age_seconds_count{stage=\"committed\"}",
        "incidenthub_delivered_age_seconds_count"}) {
    EXPECT_EQ(scrape.Value(series), 1) << series;
  }
}

TEST_F(MetricsTest, WhatASubscriberReadsFromTheDiskIsNotAnAge) {
  Ingest({DeliveryBuilder("a").Build()});
  SubscribeCall call(incidents_.get(), v1::SubscribeRequest());
  call.ReadSnapshot();
  EXPECT_EQ(Metrics().Value("incidenthub_delivered_age_seconds_count"), 0);
}

TEST_F(MetricsTest, SubscriptionsAreCountedByTheirState) {
  EXPECT_EQ(Metrics().Value("incidenthub_subscriptions_by_state{state=\"live\"}"), 0);
  EXPECT_EQ(Metrics().Value("incidenthub_subscription_lag_events_max"), 0);
  SubscribeCall nameless(incidents_.get(), v1::SubscribeRequest());
  nameless.ReadSnapshot();
  v1::SubscribeRequest request;
  request.set_consumer("pager");
  SubscribeCall named(incidents_.get(), request);
  named.ReadSnapshot();
  Ingest({DeliveryBuilder("a").Build()});
  nameless.ReadUntil(1);
  named.ReadUntil(1);
  // A stream is live once it has found that there is no more.
  EXPECT_TRUE(testing::WaitUntil(
      [&] { return Metrics().Value("incidenthub_subscriptions_by_state{state=\"live\"}") == 2; },
      absl::Seconds(30)));
  const Scrape scrape = Metrics();
  EXPECT_EQ(scrape.Value("incidenthub_subscriptions_by_state{state=\"catching_up\"}"), 0);
  EXPECT_EQ(scrape.Value("incidenthub_subscriptions_by_state{state=\"stalled\"}"), 0);
  EXPECT_EQ(scrape.Value("incidenthub_subscription_lag_events_max"), 0);
}

TEST_F(MetricsTest, TheHubSaysItsVersion) {
  const Scrape scrape = Metrics();
  const auto& family = scrape.families.at("incidenthub_build_info");
  ASSERT_EQ(family.series.size(), 1U);
  EXPECT_EQ(family.series.begin()->second, 1);
  EXPECT_THAT(family.series.begin()->first, ::testing::HasSubstr("version=\""));
}

// With a value of everything.
class FormatMetricsTest : public ::testing::Test {
 protected:
  FormatMetricsTest() {
    counters_.deliveries.Add("bigpanda", 0);
    metrics_.counters = &counters_;
    metrics_.generations = &generations_;
    metrics_.retention = &retention_;
    metrics_.delivered_age = &delivered_age_;
    metrics_.upstream_counters = &upstream_counters_;
    metrics_.upstream.keys["bigpanda"] = {};
    metrics_.consumer_positions.emplace_back("pager", 1);
    metrics_.head_sequence = 10;
  }

  SequencerCounters counters_;
  RetentionCounters retention_;
  UpstreamCounters upstream_counters_;
  Histogram delivered_age_{kAgeBounds};
  Generations generations_{{{.id = 1, .first_sequence = 1}}};
  HubMetrics metrics_;
};

TEST_F(FormatMetricsTest, EveryMetricIsWrittenDownInMetricsMd) {
  const Scrape scrape = ReadScrape(FormatMetrics(metrics_));
  EXPECT_EQ(scrape.complaints, "");
  testing::ExpectDocumented(scrape, "server/METRICS.md");
}

TEST_F(FormatMetricsTest, TheLagIsOfTheStreamThatIsTheFurthestBehind) {
  metrics_.least_sent = 3;
  metrics_.subscriptions_in_state = {4, 5, 6};
  const Scrape scrape = ReadScrape(FormatMetrics(metrics_));
  EXPECT_EQ(scrape.Value("incidenthub_subscription_lag_events_max"), 7);
  EXPECT_EQ(scrape.Value("incidenthub_subscriptions_by_state{state=\"live\"}"), 4);
  EXPECT_EQ(scrape.Value("incidenthub_subscriptions_by_state{state=\"catching_up\"}"), 5);
  EXPECT_EQ(scrape.Value("incidenthub_subscriptions_by_state{state=\"stalled\"}"), 6);
}

}  // namespace
}  // namespace incidenthub
