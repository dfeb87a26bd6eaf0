// The load tool works: a run of a tenth of a second a part. It is no measurement.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::bench {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(200);

struct ToolRun {
  int exit_code = -1;
  std::string err;
  google::protobuf::Struct report;

  // -1: there is no such figure.
  double Median(const std::string& name) const {
    const auto& figures = report.fields().at("figures").struct_value().fields();
    const auto found = figures.find(name);
    return found == figures.end()
               ? -1
               : found->second.struct_value().fields().at("median").number_value();
  }
  int Rounds(const std::string& name) const {
    const auto& figures = report.fields().at("figures").struct_value().fields();
    return figures.at(name).struct_value().fields().at("rounds").list_value().values_size();
  }
};

ToolRun RunTool(std::vector<std::string> flags) {
  std::vector<std::string> command = {INCIDENTHUB_LOAD, "--duration=100ms", "--warmup=50ms",
                                      "--json"};
  command.insert(command.end(), flags.begin(), flags.end());
  const auto finished = testing::RunProcess(std::move(command), kPatience);
  ToolRun run;
  if (!finished.ok()) {
    run.err = finished.status().ToString();
    return run;
  }
  run.exit_code = finished->exit_code;
  run.err = finished->err;
  if (run.exit_code == 0 &&
      !google::protobuf::util::JsonStringToMessage(finished->out, &run.report).ok()) {
    run.exit_code = -1;
    run.err = finished->out;
  }
  return run;
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(LoadToolTest, TheFolderOfAnotherRunIsRefused) {
  const testing::TempDir folder;
  std::filesystem::create_directories(folder.path() + "/round1");
  const ToolRun run = RunTool({"--parts=sync", "--data_dir=" + folder.path()});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("round1 is there already"));
  EXPECT_THAT(run.err, HasSubstr("--data_dir"));
}

TEST(LoadToolTest, AFolderThatCannotBeMadeIsNamed) {
  const testing::TempDir folder;
  const std::string file = folder.path() + "/file";
  std::ofstream(file) << "no folder";
  const ToolRun run = RunTool({"--parts=sync", "--data_dir=" + file});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("--data_dir: cannot make " + file));
}

TEST(LoadToolTest, ThroughputOfEachRoundIsComparedWithinIt) {
  const ToolRun run = RunTool({"--rounds=2", "--connections=1,4",
                               "--parts=sync,echo,webhooks,followed,sync_batch,sync_count"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* name :
       {"sync", "sync_p50_us", "echo_1", "echo_4", "webhooks_1", "webhooks_4", "webhooks_4_p99_us",
        "webhooks_4_hub_cpu_us", "webhooks_4_gateway_cpu_us", "webhooks_4_load_cpu_us",
        "followed_4", "batch_events", "sync_batch", "webhooks_to_echo_1", "webhooks_to_echo_4",
        "followed_to_echo", "webhooks_to_sync"}) {
    EXPECT_GT(run.Median(name), 0) << name;
    EXPECT_EQ(run.Rounds(name), 2) << name;
  }
  EXPECT_GE(run.Median("webhooks_4_idle"), 0);
#ifdef INCIDENTHUB_COUNTS_SYNCS
  EXPECT_GE(run.Median("syncs_of_a_batch"), 1) << "the hub syncs what it commits";
  EXPECT_EQ(run.Rounds("syncs_of_a_batch"), 1);
#endif
}

TEST(LoadToolTest, LatenciesAreMeasured) {
  const ToolRun run = RunTool({"--connections=4", "--subscribers=3",
                               "--parts=sync,webhooks,idle,open_loop,latency,stalled,behind"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* name :
       {"idle_answer_p50_us", "idle_subscriber_p99_us", "open_25_answer_p50_us",
        "open_50_answer_p999_us", "open_75_subscriber_p99_us", "latency_answer_p50_us",
        "latency_subscriber_max_us", "stalled_answer_p99_us", "stalled_hub_mib",
        "behind_subscriber_p50_us", "behind_events"}) {
    EXPECT_GT(run.Median(name), 0) << name;
  }
  EXPECT_GE(run.Median("latency_answer_max_us"), run.Median("latency_answer_p99_us"));
  EXPECT_NE(run.Median("idle_over_sync_us"), -1);
}

TEST(LoadToolTest, FanOutIsComparedWithABareServer) {
  const ToolRun run = RunTool({"--connections=4", "--fanout_subscribers=3", "--many_subscribers=10",
                               "--parts=fanout,catch_up,many"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const char* name :
       {"bare_1", "bare_3", "ingest", "live_1", "live_3", "live_10", "live_10_hub_mib", "catch_up",
        "catch_up_backlog", "fanout_1", "fanout_3", "catch_up_to_bare"}) {
    EXPECT_GT(run.Median(name), 0) << name;
  }
}

// Programs of others may be there or not; either way the run goes on and says so.
TEST(LoadToolTest, PeersThatAreNotThereAreNamed) {
  const testing::TempDir none;
  const ToolRun run = RunTool(
      {"--connections=4", "--parts=alertmanager,etcd,nats", absl::StrCat("--tools=", none.path())});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto& skipped = run.report.fields().at("skipped").struct_value().fields();
  for (const char* name : {"alertmanager", "etcd", "nats_default"}) {
    ASSERT_TRUE(skipped.contains(name)) << name;
    EXPECT_THAT(skipped.at(name).string_value(), HasSubstr(".ci/tools.sh"));
  }
}

TEST(LoadToolTest, PeersThatAreThereAreMeasuredOrSkippedWithTheirReason) {
  const std::string tools = std::string(INCIDENTHUB_SOURCE_DIR) + "/.tools/bin";
  if (!std::filesystem::exists(tools + "/etcd")) {
    GTEST_SKIP() << ".ci/tools.sh alertmanager etcd nats gets them";
  }
  const ToolRun run =
      RunTool({"--connections=4", "--parts=alertmanager,etcd,nats", "--tools=" + tools});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const auto& skipped = run.report.fields().at("skipped").struct_value().fields();
  for (const char* name : {"alertmanager", "etcd", "nats_default", "nats_always"}) {
    EXPECT_TRUE(run.Median(name) > 0 || skipped.contains(name)) << name;
  }
}

TEST(LoadToolTest, ResultsAreWrittenAsTablesAsJsonAndAsAPicture) {
  const testing::TempDir folder;
  const ToolRun run = RunTool({"--connections=2", "--parts=echo,webhooks", "--commit=abc",
                               absl::StrCat("--output=", folder / "made/results")});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(Contents(folder / "made/results.md"), HasSubstr("durable webhooks, 2 connections"));
  EXPECT_THAT(Contents(folder / "made/results.md"), HasSubstr("| commit | abc |"));
  google::protobuf::Struct read;
  EXPECT_TRUE(
      google::protobuf::util::JsonStringToMessage(Contents(folder / "made/results.json"), &read)
          .ok());
  EXPECT_TRUE(read.fields().at("machine").struct_value().fields().contains("CPU"));
  EXPECT_TRUE(absl::StartsWith(Contents(folder / "made/results.svg"), "<svg "));
}

TEST(LoadToolTest, ABadFlagIsNamed) {
  const ToolRun connections = RunTool({"--connections=0"});
  EXPECT_EQ(connections.exit_code, 1);
  EXPECT_THAT(connections.err, HasSubstr("--connections"));
  const ToolRun part = RunTool({"--parts=none"});
  EXPECT_EQ(part.exit_code, 1);
  EXPECT_THAT(part.err, HasSubstr("--parts"));
}

}  // namespace
}  // namespace incidenthub::bench
