// The load tool works: a run of a tenth of a second a part. It is no measurement.

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/bench/latencies.h"
#include "tests/support/process.h"

namespace incidenthub::bench {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

TEST(LatenciesTest, PercentilesAreOfTheSamples) {
  Latencies latencies;
  EXPECT_EQ(latencies.Percentile(0.5), 0);
  for (int i = 100; i >= 1; --i) latencies.Add(i);
  EXPECT_EQ(latencies.Percentile(0), 1);
  EXPECT_EQ(latencies.Percentile(0.5), 50);
  EXPECT_EQ(latencies.Percentile(0.99), 99);
  EXPECT_EQ(latencies.Percentile(1), 100);
}

TEST(LoadToolTest, EveryPartRuns) {
  const auto run = testing::RunProcess({INCIDENTHUB_LOAD, "--duration=100ms", "--warmup=50ms",
                                        "--connections=4", "--subscribers=3", "--json"},
                                       kPatience);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->exit_code, 0) << run->err;
  google::protobuf::Struct report;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(run->out, &report).ok()) << run->out;
  for (const char* name : {"fdatasync", "echo", "webhooks", "webhooks_followed", "latency_answer",
                           "latency_subscriber"}) {
    const auto part = report.fields().find(name);
    ASSERT_NE(part, report.fields().end()) << name;
    const auto& fields = part->second.struct_value().fields();
    EXPECT_GT(fields.at("per_second").number_value(), 0) << name;
    EXPECT_GT(fields.at("p50_us").number_value(), 0) << name;
    EXPECT_GE(fields.at("max_us").number_value(), fields.at("p99_us").number_value()) << name;
    EXPECT_EQ(fields.at("errors").number_value(), 0) << name;
  }
  EXPECT_GT(report.fields().at("webhooks_to_echo").number_value(), 0);
}

TEST(LoadToolTest, ABadFlagIsNamed) {
  const auto run = testing::RunProcess({INCIDENTHUB_LOAD, "--connections=0"}, kPatience);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->exit_code, 1);
  EXPECT_THAT(run->err, HasSubstr("--connections"));
  const auto part = testing::RunProcess({INCIDENTHUB_LOAD, "--parts=none"}, kPatience);
  ASSERT_TRUE(part.ok()) << part.status();
  EXPECT_EQ(part->exit_code, 1);
  EXPECT_THAT(part->err, HasSubstr("--parts"));
}

}  // namespace
}  // namespace incidenthub::bench
