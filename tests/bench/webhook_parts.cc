// The parts about throughput: syncs, the bare echo, durable webhooks.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "tests/bench/baseline.h"
#include "tests/bench/parts.h"
#include "tests/bench/raw_subscribers.h"
#include "tests/bench/sync_count.h"

namespace incidenthub::bench {
namespace {

constexpr char kBatches[] = "incidenthub_batches_total";
constexpr char kEvents[] = "incidenthub_events_total";
constexpr char kBatchEvents[] = "batch_events";

std::string Connections(size_t count) {
  return absl::StrCat(count, count == 1 ? " connection" : " connections");
}

// Adds `name`, its latencies, and what the processes used for one request.
void AddLoad(const std::string& name, const std::string& what, const LoadResult& result,
             uint64_t requests, const CpuMeter::Use& use, Bench* bench) {
  bench->figures.Add(name, what, "a second", result.PerSecond());
  bench->AddLatencies(name, what, result.latencies, {0.5, 0.99});
  for (const auto& [process, micros] : use.micros) {
    bench->figures.Add(absl::StrCat(name, "_", process, "_cpu_us"),
                       absl::StrCat(what, ": CPU time of ", process, " for one"), "us",
                       micros / static_cast<double>(std::max<uint64_t>(requests, 1)));
  }
  bench->figures.Add(absl::StrCat(name, "_idle"), absl::StrCat(what, ": all cores idle"), "%",
                     use.idle * 100);
}

absl::Status MeasureLoad(const std::string& name, const std::string& what, int port,
                         size_t connections, const Pids& pids, Bench* bench) {
  const uint64_t first = bench->next_request;
  const CpuMeter meter(pids);
  ASSIGN_OR_RETURN(const LoadResult result,
                   PostWithoutPause(port, connections, bench->requests, bench));
  AddLoad(name, what, result, bench->next_request - first, meter.Read(), bench);
  return absl::OkStatus();
}

// How many of one there were for one of the other, since they were `before`.
struct Counts {
  double batches = 0;
  double events = 0;
};
absl::StatusOr<Counts> ReadCounts(const Servers& servers) {
  Counts counts;
  ASSIGN_OR_RETURN(counts.batches, servers.HubMetric(kBatches));
  ASSIGN_OR_RETURN(counts.events, servers.HubMetric(kEvents));
  return counts;
}

absl::Status MeasureSyncsOf(const std::string& name, const std::string& what, size_t bytes,
                            double webhooks, Bench* bench) {
  ASSIGN_OR_RETURN(const Latencies latencies,
                   MeasureSyncs(bench->folder, bytes, bench->options.duration));
  const double syncs =
      static_cast<double>(latencies.count()) / absl::ToDoubleSeconds(bench->options.duration);
  bench->figures.Add(name, what, "a second", syncs * webhooks);
  bench->AddLatencies(name, what, latencies, {0.5, 0.99});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadResult> PostWithoutPause(int port, size_t connections,
                                            const RequestTemplate& requests, Bench* bench) {
  ASSIGN_OR_RETURN(LoadResult result,
                   RunLoad({.port = port,
                            .connections = connections,
                            .threads = std::min(bench->options.threads, connections),
                            .warmup = bench->options.warmup,
                            .duration = bench->options.duration,
                            .schedule = {.first_index = bench->next_request}},
                           requests));
  bench->next_request = result.next_index;
  if (result.errors > 0) {
    return absl::InternalError(
        absl::StrCat(result.errors, " answers were not 200; the first:\n", result.first_error));
  }
  return result;
}

absl::Status RunSync(Bench* bench) {
  bench->figures.BeginSection("The disk");
  return MeasureSyncsOf("sync", "append one body, fdatasync; one after the other",
                        bench->requests.body_bytes(), 1, bench);
}

absl::Status RunSyncBatch(Bench* bench) {
  const auto batch = static_cast<size_t>(std::lround(bench->Newest(kBatchEvents)));
  if (batch == 0) return absl::InvalidArgumentError("only after the part webhooks");
  bench->figures.BeginSection("The disk");
  const std::string what = "bodies appended, the hub's batch at once, then fdatasync";
  return MeasureSyncsOf("sync_batch", what, batch * bench->requests.body_bytes(),
                        static_cast<double>(batch), bench);
}

absl::Status RunEcho(Bench* bench) {
  bench->figures.BeginSection("Webhooks without a pause");
  ASSIGN_OR_RETURN(const std::unique_ptr<BareServer> echo,
                   BareServer::Start({"--serve=echo",
                                      absl::StrCat("--connections=", 2 * bench->most_connections() +
                                                                         bench->options.threads)}));
  for (const size_t connections : bench->options.connections) {
    RETURN_IF_ERROR(MeasureLoad(
        absl::StrCat("echo_", connections),
        absl::StrCat("bare cpp-httplib sends the body back, ", Connections(connections)),
        echo->port(), connections, {{"server", echo->pid()}}, bench));
  }
  return absl::OkStatus();
}

absl::Status RunWebhooks(Bench* bench) {
  bench->figures.BeginSection("Webhooks without a pause");
  const Servers& servers = *bench->servers;
  for (const size_t connections : bench->options.connections) {
    Counts before;
    if (servers.own()) {
      ASSIGN_OR_RETURN(before, ReadCounts(servers));
    }
    RETURN_IF_ERROR(MeasureLoad(absl::StrCat("webhooks_", connections),
                                absl::StrCat("durable webhooks, ", Connections(connections)),
                                servers.gateway_port(), connections, servers.pids(), bench));
    if (!servers.own() || connections != bench->most_connections()) continue;
    ASSIGN_OR_RETURN(const Counts after, ReadCounts(servers));
    if (after.batches <= before.batches) {
      return absl::InternalError("the hub answered without committing a batch");
    }
    bench->figures.Add(
        kBatchEvents,
        absl::StrCat("durable webhooks, ", Connections(connections), ": events of a batch, a sync"),
        "", (after.events - before.events) / (after.batches - before.batches));
  }
  return absl::OkStatus();
}

absl::Status RunFollowed(Bench* bench) {
  bench->figures.BeginSection("Webhooks without a pause");
  const RawSubscribers follower({.port = bench->servers->hub_port()});
  RETURN_IF_ERROR(follower.WaitUntilOpen(testing::kStartTimeout));
  const size_t connections = bench->most_connections();
  return MeasureLoad(
      absl::StrCat("followed_", connections),
      absl::StrCat("durable webhooks, ", Connections(connections), ", one subscriber"),
      bench->servers->gateway_port(), connections, bench->servers->pids(), bench);
}

absl::Status RunSyncCount(Bench* bench) {
  bench->figures.BeginSection("The disk");
  if (!bench->servers->own()) {
    bench->skipped["sync_count"] = "only with a hub that the tool starts itself";
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::optional<SyncCounter> counter, SyncCounter::Create(bench->folder));
  if (!counter.has_value()) {
    bench->skipped["sync_count"] = "this build has a sanitizer, which comes before all libraries";
    return absl::OkStatus();
  }
  ServersOptions options = bench->options.servers;
  options.folder = bench->folder + "/counted";
  options.hub_env = counter->env();
  std::filesystem::create_directories(options.folder);
  ASSIGN_OR_RETURN(const std::unique_ptr<Servers> counted, Servers::Start(options));
  ASSIGN_OR_RETURN(const Counts before, ReadCounts(*counted));
  const uint64_t syncs_before = counter->syncs();
  RETURN_IF_ERROR(
      PostWithoutPause(counted->gateway_port(), bench->most_connections(), bench->requests, bench)
          .status());
  ASSIGN_OR_RETURN(const Counts after, ReadCounts(*counted));
  const auto syncs = static_cast<double>(counter->syncs() - syncs_before);
  const double batches = after.batches - before.batches;
  if (syncs == 0 || syncs < batches) {
    return absl::InternalError(absl::StrCat("the hub committed ", batches, " batches with ", syncs,
                                            " calls of fdatasync and fsync"));
  }
  bench->figures.Add("syncs_of_a_batch", "calls of fdatasync and fsync of the hub, for one batch",
                     "", syncs / batches);
  return absl::OkStatus();
}

}  // namespace incidenthub::bench
