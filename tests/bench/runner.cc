#include "tests/bench/runner.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"

namespace incidenthub::bench {
namespace {

struct PartRow {
  absl::string_view name;
  absl::Status (*run)(Bench* bench);
  // Costs time and says the same each time: only in the first round.
  bool once = false;
};

constexpr std::array kParts = {
    PartRow{"sync", RunSync},
    PartRow{"echo", RunEcho},
    PartRow{"webhooks", RunWebhooks},
    PartRow{"followed", RunFollowed},
    PartRow{"sync_batch", RunSyncBatch},
    PartRow{"idle", RunIdle},
    PartRow{"open_loop", RunOpenLoop},
    PartRow{"latency", [](Bench* bench) { return RunLatency(Beside::kNobody, bench); }},
    PartRow{"stalled", [](Bench* bench) { return RunLatency(Beside::kStalled, bench); }},
    PartRow{"behind", [](Bench* bench) { return RunLatency(Beside::kBehind, bench); }},
    PartRow{"fanout", RunFanout},
    PartRow{"catch_up", RunCatchUp},
    PartRow{"many", RunMany, /*once=*/true},
    PartRow{"sync_count", RunSyncCount, /*once=*/true},
    PartRow{"alertmanager", RunAlertmanager},
    PartRow{"etcd", RunEtcd},
    PartRow{"nats", RunNats},
};

const PartRow* FindPart(absl::string_view name) {
  const auto* const found = std::find_if(kParts.begin(), kParts.end(),
                                         [name](const PartRow& row) { return row.name == name; });
  return found == kParts.end() ? nullptr : found;
}

}  // namespace

double Bench::Newest(absl::string_view figure) const {
  const Figure* found = figures.Find(figure);
  return found == nullptr ? 0 : found->rounds.back();
}

void Bench::AddLatencies(absl::string_view name, absl::string_view what, const Latencies& latencies,
                         const std::vector<double>& shares) {
  constexpr double kNanosPerMicro = 1000;
  for (const double share : shares) {
    // p50, p99.9, max.
    const std::string label = share < 1 ? absl::StrCat("p", share * 100) : "max";
    std::string key = absl::StrCat(name, "_", label, "_us");
    key.erase(std::remove(key.begin(), key.end(), '.'), key.end());
    figures.Add(key, absl::StrCat(what, ", ", label), "us",
                static_cast<double>(latencies.Percentile(share)) / kNanosPerMicro);
  }
}

absl::StatusOr<std::unique_ptr<Runner>> Runner::Create(BenchOptions options,
                                                       std::vector<std::string> parts) {
  for (const std::string& part : parts) {
    if (FindPart(part) != nullptr) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--parts: there is no part ", part, "; there are ",
                     absl::StrJoin(kParts, ", ", [](std::string* out, const PartRow& row) {
                       out->append(row.name.data(), row.name.size());
                     })));
  }
  ASSIGN_OR_RETURN(DeliveryTemplate deliveries, DeliveryTemplate::Create(options.incidents));
  return std::unique_ptr<Runner>(
      new Runner(std::move(options), std::move(deliveries), std::move(parts)));
}

Runner::Runner(BenchOptions options, DeliveryTemplate deliveries, std::vector<std::string> parts)
    : parts_(std::move(parts)), bench_(std::move(options), std::move(deliveries)) {}

absl::Status Runner::Run() {
  for (size_t round = 1; round <= bench_.options.rounds; ++round) {
    RETURN_IF_ERROR(RunRound(round));
  }
  AddRatios();
  SetBudgets();
  return absl::OkStatus();
}

absl::Status Runner::RunRound(size_t round) {
  ServersOptions servers = bench_.options.servers;
  servers.folder = absl::StrCat(bench_.options.servers.folder, "/round", round);
  std::error_code failed;
  const bool is_new = std::filesystem::create_directories(servers.folder, failed);
  if (failed) {
    return absl::InvalidArgumentError(
        absl::StrCat("--data_dir: cannot make ", servers.folder, ": ", failed.message()));
  }
  // With another run's events parts would wait for what does not come.
  if (!is_new) {
    return absl::FailedPreconditionError(
        absl::StrCat(servers.folder, " is there already, and a round begins with an empty folder: ",
                     "remove it, or give another --data_dir"));
  }
  bench_.folder = servers.folder;
  ASSIGN_OR_RETURN(bench_.servers, Servers::Start(servers));
  for (const std::string& part : parts_) {
    const PartRow& row = *FindPart(part);
    if (row.once && round > 1) continue;
    std::fprintf(stderr, "round %zu of %zu: %s\n", round, bench_.options.rounds, part.c_str());
    if (const absl::Status status = row.run(&bench_); !status.ok()) {
      return {status.code(),
              absl::StrCat("part ", part, ": ", status.message(), bench_.servers->ErrTails())};
    }
  }
  bench_.servers.reset();
  // A round is some gigabytes; what is left of the last one is for whoever gave the folder.
  std::error_code ignored;
  if (round < bench_.options.rounds) std::filesystem::remove_all(servers.folder, ignored);
  return absl::OkStatus();
}

void Runner::AddRatios() {
  Figures& figures = bench_.figures;
  figures.BeginSection("Ratios, round by round");
  for (const size_t connections : bench_.options.connections) {
    figures.AddRatio(absl::StrCat("webhooks_to_echo_", connections),
                     absl::StrCat("durable webhooks / bare echo, ", connections, " connections"),
                     absl::StrCat("webhooks_", connections), absl::StrCat("echo_", connections));
  }
  const size_t most = bench_.most_connections();
  const std::string webhooks = absl::StrCat("webhooks_", most);
  figures.AddRatio("followed_to_echo",
                   absl::StrCat("the same with one subscriber, ", most, " connections"),
                   absl::StrCat("followed_", most), absl::StrCat("echo_", most));
  figures.AddRatio("webhooks_to_sync", "durable webhooks / what the disk does at the same batch",
                   webhooks, "sync_batch");
  for (const absl::string_view peer : {"alertmanager", "etcd", "nats_always", "nats_default"}) {
    figures.AddRatio(absl::StrCat("webhooks_to_", peer),
                     absl::StrCat("durable webhooks / ", peer, ", ", most, " in flight"), webhooks,
                     peer);
  }
  for (const size_t subscribers : {size_t{1}, bench_.options.fanout_subscribers}) {
    figures.AddRatio(absl::StrCat("fanout_", subscribers),
                     absl::StrCat("live fan-out / bare gRPC, subscribers: ", subscribers),
                     absl::StrCat("live_", subscribers), absl::StrCat("bare_", subscribers));
  }
  figures.AddRatio("catch_up_to_bare", "catch-up / bare gRPC to one; aim: 5", "catch_up", "bare_1");
}

void Runner::SetBudgets() {
  constexpr Budget kHalf = {Budget::Bound::kAtLeast, 0.5};
  Figures& figures = bench_.figures;
  figures.SetBudget(absl::StrCat("webhooks_to_echo_", bench_.most_connections()), kHalf);
  figures.SetBudget("followed_to_echo", kHalf);
  figures.SetBudget("webhooks_to_alertmanager", {Budget::Bound::kAtLeast, 1});
  figures.SetBudget("idle_over_sync_us", {Budget::Bound::kAtMost, 1000});
  figures.SetBudget(absl::StrCat("fanout_", bench_.options.fanout_subscribers),
                    {Budget::Bound::kAtLeast, 0.9});
  figures.SetBudget("catch_up_to_bare", {Budget::Bound::kAtLeast, 3});
}

}  // namespace incidenthub::bench
