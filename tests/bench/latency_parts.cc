// The parts about latency: webhooks that are due at fixed times, and when they are answered and
// with subscribers, counted from when they were due.

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "tests/bench/catch_up.h"
#include "tests/bench/fanout_probe.h"
#include "tests/bench/parts.h"
#include "tests/support/stalled_subscriber.h"
#include "tests/support/tcp.h"

namespace incidenthub::bench {
namespace {

// Before the first request is due: connections are made meanwhile.
constexpr absl::Duration kScheduleDelay = absl::Milliseconds(300);
// One at a time: the next one is due long after the one before was answered.
constexpr double kIdleRate = 20;
constexpr double kBytesPerMib = 1 << 20;

struct Measured {
  Latencies answers;
  Latencies events;
};

absl::StatusOr<Measured> MeasureOpenLoop(double rate, size_t connections, absl::Duration duration,
                                         FanoutProbe* probe, Bench* bench) {
  const Schedule schedule = {.start_nanos = NowNanos() + absl::ToInt64Nanoseconds(kScheduleDelay),
                             .first_index = bench->next_request,
                             .rate = rate};
  const absl::Duration warmup = bench->options.warmup;
  probe->Expect(schedule, schedule.start_nanos + absl::ToInt64Nanoseconds(warmup));
  ASSIGN_OR_RETURN(LoadResult result, RunLoad({.port = bench->servers->gateway_port(),
                                               .connections = connections,
                                               .threads = 1,
                                               .warmup = warmup,
                                               .duration = duration,
                                               .schedule = schedule},
                                              bench->requests));
  bench->next_request = result.next_index;
  if (result.errors > 0) {
    return absl::InternalError(
        absl::StrCat(result.errors, " answers were not 200; the first:\n", result.first_error));
  }
  Measured measured;
  RETURN_IF_ERROR(probe->Finish(result.next_index - schedule.first_index, &measured.events));
  measured.answers = std::move(result.latencies);
  return measured;
}

absl::Status AddHubMemory(const std::string& name, const std::string& what, Bench* bench) {
  if (!bench->servers->own()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const uint64_t bytes, testing::ResidentBytes(bench->servers->hub_pid()));
  bench->figures.Add(name, what, "MiB", static_cast<double>(bytes) / kBytesPerMib);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunIdle(Bench* bench) {
  bench->figures.BeginSection("One webhook at a time");
  FanoutProbe probe(bench->servers->hub_port(), 1, bench->requests);
  RETURN_IF_ERROR(probe.WaitUntilOpen());
  ASSIGN_OR_RETURN(const Measured measured,
                   MeasureOpenLoop(kIdleRate, 1, 2 * bench->options.duration, &probe, bench));
  bench->AddLatencies("idle_subscriber", "POST to subscriber", measured.events, {0.5, 0.99});
  bench->AddLatencies("idle_answer", "POST to answer", measured.answers, {0.5, 0.99});
  if (bench->figures.Find("sync_p50_us") != nullptr) {
    bench->figures.Add("idle_over_sync_us", "POST to subscriber, p50, less one fdatasync's p50",
                       "us",
                       bench->Newest("idle_subscriber_p50_us") - bench->Newest("sync_p50_us"));
  }
  return absl::OkStatus();
}

absl::Status RunOpenLoop(Bench* bench) {
  constexpr std::array<int, 3> kPercents = {25, 50, 75};
  bench->figures.BeginSection("Webhooks at a fixed rate, one subscriber");
  const double full = bench->Newest(absl::StrCat("webhooks_", bench->most_connections()));
  if (full == 0) return absl::InvalidArgumentError("only after the part webhooks");
  for (const int percent : kPercents) {
    FanoutProbe probe(bench->servers->hub_port(), 1, bench->requests);
    RETURN_IF_ERROR(probe.WaitUntilOpen());
    ASSIGN_OR_RETURN(const Measured measured,
                     MeasureOpenLoop(full * percent / 100, bench->most_connections(),
                                     bench->options.duration, &probe, bench));
    const std::string name = absl::StrCat("open_", percent);
    const std::string what = absl::StrCat(percent, " % of what it can: ");
    bench->AddLatencies(name + "_answer", what + "POST to answer", measured.answers,
                        {0.5, 0.99, 0.999});
    bench->AddLatencies(name + "_subscriber", what + "POST to subscriber", measured.events,
                        {0.5, 0.99});
  }
  return absl::OkStatus();
}

absl::Status RunLatency(Beside beside, Bench* bench) {
  const BenchOptions& options = bench->options;
  bench->figures.BeginSection(
      absl::StrCat(options.rate, " webhooks a second, ", options.subscribers, " subscribers"));
  FanoutProbe probe(bench->servers->hub_port(), options.subscribers, bench->requests);
  RETURN_IF_ERROR(probe.WaitUntilOpen());
  std::optional<testing::OwnedFd> hung;
  std::unique_ptr<CatchUp> behind;
  std::string name = "latency";
  std::string beside_whom;
  if (beside == Beside::kStalled) {
    name = "stalled";
    beside_whom = ", beside one more that is stalled";
    ASSIGN_OR_RETURN(hung, testing::OpenStalledSubscriber(bench->servers->hub_port()));
  } else if (beside == Beside::kBehind) {
    name = "behind";
    beside_whom = ", beside one more that is behind";
    ASSIGN_OR_RETURN(behind, CatchUp::Start(*bench->servers));
  }
  RETURN_IF_ERROR(AddHubMemory(name + "_hub_before_mib",
                               absl::StrCat("the hub's memory before", beside_whom), bench));
  ASSIGN_OR_RETURN(const Measured measured, MeasureOpenLoop(options.rate, bench->most_connections(),
                                                            options.duration, &probe, bench));
  RETURN_IF_ERROR(
      AddHubMemory(name + "_hub_mib", absl::StrCat("the hub's memory after", beside_whom), bench));
  bench->AddLatencies(name + "_answer", absl::StrCat("POST to answer", beside_whom),
                      measured.answers, {0.5, 0.9, 0.99, 1});
  bench->AddLatencies(name + "_subscriber", absl::StrCat("POST to subscriber", beside_whom),
                      measured.events, {0.5, 0.9, 0.99, 1});
  if (behind == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const double rate, behind->Finish());
  bench->figures.Add("behind_events", "events to the one that is behind", "a second", rate);
  return absl::OkStatus();
}

}  // namespace incidenthub::bench
