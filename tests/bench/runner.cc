#include "tests/bench/runner.h"

#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/status_macros.h"
#include "tests/bench/baseline.h"
#include "tests/bench/fanout_probe.h"
#include "tests/support/process.h"
#include "tests/support/stalled_subscriber.h"
#include "tests/support/subscriber_pool.h"
#include "tests/support/tcp.h"
#include "tests/support/webhook.h"

namespace incidenthub::bench {
namespace {

using Pids = std::vector<std::pair<std::string, pid_t>>;

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr absl::Duration kCatchUpTimeout = absl::Minutes(10);
// Before the first request of an open loop is due: connections are made meanwhile.
constexpr absl::Duration kScheduleDelay = absl::Milliseconds(300);

// CPU time that a process has used, by /proc/PID/stat.
absl::Duration CpuTime(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string text;
  std::getline(file, text);
  // After the name, which may hold anything, in parentheses: fields 3, 4, ...; 14 and 15 are times.
  std::istringstream fields(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  int64_t user = 0;
  int64_t system = 0;
  fields >> user >> system;
  return absl::Seconds(1) * (user + system) / sysconf(_SC_CLK_TCK);
}

std::vector<absl::Duration> CpuTimes(const Pids& pids) {
  std::vector<absl::Duration> times;
  for (const auto& [name, pid] : pids) times.push_back(CpuTime(pid));
  return times;
}

void AddCpu(const Pids& pids, const std::vector<absl::Duration>& before, uint64_t requests,
            Part* part) {
  const std::vector<absl::Duration> after = CpuTimes(pids);
  for (size_t i = 0; i < pids.size() && requests > 0; ++i) {
    part->cpu.emplace_back(pids[i].first, (after[i] - before[i]) / static_cast<int64_t>(requests));
  }
}

absl::Status ErrorsOf(const LoadResult& result, const std::string& what) {
  if (result.errors == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      what, ": ", result.errors, " answers were not 200; the first:\n", result.first_error));
}

}  // namespace

Runner::Runner(RunnerOptions options)
    : options_(std::move(options)),
      requests_(options_.incidents, options_.authorization),
      hub_port_(options_.hub_port),
      gateway_port_(options_.gateway_port) {
  report_.connections = options_.connections;
  report_.rate = options_.rate;
  report_.subscribers = options_.subscribers;
  report_.body_bytes = requests_.body_bytes();
}

absl::StatusOr<std::unique_ptr<Runner>> Runner::Create(RunnerOptions options) {
  std::unique_ptr<Runner> runner(new Runner(std::move(options)));
  if (runner->gateway_port_ == 0) RETURN_IF_ERROR(runner->Start());
  return runner;
}

absl::Status Runner::Start() {
  ASSIGN_OR_RETURN(
      hub_, testing::ServerProcess::StartHub(
                {.data_dir = options_.folder + "/data", .port = 0, .flags = options_.hub_flags}));
  const std::string secret_file = options_.folder + "/secret";
  std::ofstream(secret_file) << options_.authorization << "\n";
  // A part's connections may still be closing when those of the next one come.
  std::vector<std::string> flags = {
      absl::StrCat("--max_connections=", 2 * (options_.connections + options_.threads))};
  flags.insert(flags.end(), options_.gateway_flags.begin(), options_.gateway_flags.end());
  ASSIGN_OR_RETURN(gateway_, testing::ServerProcess::StartGateway({.hub_port = hub_->port(),
                                                                   .port = 0,
                                                                   .secret_file = secret_file,
                                                                   .flags = std::move(flags)}));
  hub_port_ = hub_->port();
  gateway_port_ = gateway_->port();
  if (!gateway_->WaitUntilReady()) {
    return absl::DeadlineExceededError("the gateway does not find the hub");
  }
  absl::Notification opened;
  testing::SubscriberPool first(
      {.port = hub_port_, .from_now = true, .on_response = [&](size_t, const auto& response) {
         if (!response.has_opened()) return;
         first_token_ = response.resume_token();
         opened.Notify();
       }});
  if (!opened.WaitForNotificationWithTimeout(kStartTimeout)) {
    return absl::DeadlineExceededError("the subscription was not opened");
  }
  return absl::OkStatus();
}

absl::Status Runner::Run(absl::string_view part) {
  const absl::Status status = RunPart(part);
  if (status.ok()) return status;
  std::string message = absl::StrCat("part ", part, ": ", status.message());
  // What the servers had to say about it.
  for (const auto& server : {hub_.get(), gateway_.get()}) {
    if (server != nullptr) absl::StrAppend(&message, "\n", server->process().ErrTail());
  }
  return {status.code(), message};
}

absl::Status Runner::RunPart(absl::string_view part) {
  if (part == "sync") return RunSync();
  if (part == "echo") return RunEcho();
  if (part == "webhooks") return RunWebhooks(/*followed=*/false);
  if (part == "followed") return RunWebhooks(/*followed=*/true);
  if (part == "latency") return RunLatency(Beside::kNobody);
  if (part == "stalled") return RunLatency(Beside::kStalled);
  if (part == "behind") return RunLatency(Beside::kBehind);
  return absl::InvalidArgumentError(
      absl::StrCat("--parts: there is no part ", part,
                   "; there are sync, echo, webhooks, followed, latency, stalled, behind"));
}

absl::Status Runner::RunSync() {
  ASSIGN_OR_RETURN(Latencies latencies,
                   MeasureSyncs(options_.folder, requests_.body_bytes(), options_.duration));
  Part part;
  part.name = "fdatasync";
  part.what = "append and fdatasync, one after the other";
  part.per_second =
      static_cast<double>(latencies.count()) / absl::ToDoubleSeconds(options_.duration);
  part.latencies = std::move(latencies);
  report_.parts.push_back(std::move(part));
  return absl::OkStatus();
}

absl::Status Runner::RunEcho() {
  ASSIGN_OR_RETURN(std::unique_ptr<testing::Process> echo,
                   testing::Process::Start(
                       {"/proc/self/exe", "--serve_echo",
                        absl::StrCat("--connections=", options_.connections + options_.threads)}));
  ASSIGN_OR_RETURN(
      const std::string line,
      echo->WaitForLine([](absl::string_view text) { return absl::StrContains(text, "\"port\":"); },
                        kStartTimeout));
  int port = 0;
  const absl::string_view number = absl::string_view(line).substr(line.find("\"port\":") + 7);
  if (!absl::SimpleAtoi(number.substr(0, number.find_first_of(",}")), &port)) {
    return absl::InternalError(line);
  }
  return Load(port, "echo", "bare cpp-httplib, sends the body back", {{"server", echo->pid()}});
}

absl::Status Runner::RunWebhooks(bool followed) {
  if (!followed) return Load(gateway_port_, "webhooks", "webhooks answered 200", Servers());
  testing::SubscriberPool pool({.port = hub_port_, .from_now = true});
  if (!pool.WaitFor([](const auto& totals) { return totals.opened == 1; }, kStartTimeout)) {
    return absl::DeadlineExceededError("the subscription was not opened");
  }
  return Load(gateway_port_, "webhooks_followed", "webhooks answered 200, one subscriber",
              Servers());
}

absl::Status Runner::Load(int port, const std::string& name, const std::string& what,
                          const Pids& measured) {
  const std::vector<absl::Duration> before = CpuTimes(measured);
  const uint64_t first = next_index_;
  ASSIGN_OR_RETURN(LoadResult result, RunLoad({.port = port,
                                               .connections = options_.connections,
                                               .threads = options_.threads,
                                               .warmup = options_.warmup,
                                               .duration = options_.duration,
                                               .schedule = {.first_index = first}},
                                              requests_));
  next_index_ = result.next_index;
  RETURN_IF_ERROR(ErrorsOf(result, what));
  Part part;
  part.name = name;
  part.what = what;
  part.per_second = result.PerSecond();
  part.errors = result.errors;
  AddCpu(measured, before, next_index_ - first, &part);
  part.latencies = std::move(result.latencies);
  report_.parts.push_back(std::move(part));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<CatchUp>> Runner::StartCatchUp() {
  if (first_token_.empty()) {
    return absl::InvalidArgumentError("only with a hub that the tool starts itself");
  }
  auto catch_up = std::make_unique<CatchUp>();
  ASSIGN_OR_RETURN(const double head, hub_->Metric("incidenthub_head_sequence"));
  catch_up->events = static_cast<uint64_t>(head);
  catch_up->start_nanos = NowNanos();
  catch_up->pool = std::make_unique<testing::SubscriberPool>(testing::SubscriberPool::Options{
      .port = hub_port_,
      .resume_token = first_token_,
      .on_response = [state = catch_up.get()](size_t, const v1::SubscribeResponse& response) {
        state->seen += static_cast<uint64_t>(response.batch().entries_size());
        if (state->seen >= state->events && !state->done.HasBeenNotified()) {
          state->end_nanos = NowNanos();
          state->done.Notify();
        }
      }});
  return catch_up;
}

absl::Status Runner::AddCatchUp(CatchUp* catch_up) {
  if (!catch_up->done.WaitForNotificationWithTimeout(kCatchUpTimeout)) {
    return absl::DeadlineExceededError("the one that is behind does not catch up");
  }
  constexpr double kNanosPerSecond = 1e9;
  Part part;
  part.name = "catch_up";
  part.what = absl::StrCat("events to one that was ", catch_up->events, " behind");
  part.per_second = static_cast<double>(catch_up->events) * kNanosPerSecond /
                    static_cast<double>(catch_up->end_nanos - catch_up->start_nanos);
  ASSIGN_OR_RETURN(part.hub_bytes, testing::ResidentBytes(hub_->process().pid()));
  report_.parts.push_back(std::move(part));
  return absl::OkStatus();
}

absl::Status Runner::RunLatency(Beside beside) {
  FanoutProbe probe(hub_port_, options_.subscribers, requests_);
  RETURN_IF_ERROR(probe.WaitUntilOpen());
  std::optional<testing::OwnedFd> hung;
  std::unique_ptr<CatchUp> behind;
  std::string name = "latency";
  std::string who;
  if (beside == Beside::kStalled) {
    name = "stalled";
    who = ", one more stalled";
    ASSIGN_OR_RETURN(hung, testing::OpenStalledSubscriber(hub_port_));
  } else if (beside == Beside::kBehind) {
    name = "behind";
    who = ", one more behind";
    ASSIGN_OR_RETURN(behind, StartCatchUp());
  }
  const Schedule schedule = {.start_nanos = NowNanos() + absl::ToInt64Nanoseconds(kScheduleDelay),
                             .first_index = next_index_,
                             .rate = options_.rate};
  probe.Expect(schedule, schedule.start_nanos + absl::ToInt64Nanoseconds(options_.warmup));
  Part answered;
  if (hub_ != nullptr) {
    ASSIGN_OR_RETURN(answered.hub_bytes_before, testing::ResidentBytes(hub_->process().pid()));
  }
  const std::vector<absl::Duration> before = CpuTimes(Servers());
  ASSIGN_OR_RETURN(LoadResult result, RunLoad({.port = gateway_port_,
                                               .connections = options_.connections,
                                               .threads = options_.threads,
                                               .warmup = options_.warmup,
                                               .duration = options_.duration,
                                               .schedule = schedule},
                                              requests_));
  next_index_ = result.next_index;
  RETURN_IF_ERROR(ErrorsOf(result, "latency"));
  const uint64_t sent = next_index_ - schedule.first_index;
  uint64_t missing = 0;
  Part streamed;
  streamed.latencies = probe.Finish(sent, &missing);
  streamed.name = name + "_subscriber";
  streamed.what = absl::StrCat(options_.rate, " webhooks a second, with ", options_.subscribers,
                               " subscribers", who);
  streamed.per_second =
      static_cast<double>(streamed.latencies.count()) / absl::ToDoubleSeconds(options_.duration);
  streamed.errors = missing;
  answered.name = name + "_answer";
  answered.what = absl::StrCat(options_.rate, " webhooks a second, answered", who);
  answered.per_second = result.PerSecond();
  AddCpu(Servers(), before, sent, &answered);
  if (hub_ != nullptr) {
    ASSIGN_OR_RETURN(answered.hub_bytes, testing::ResidentBytes(hub_->process().pid()));
  }
  answered.latencies = std::move(result.latencies);
  report_.parts.push_back(std::move(answered));
  report_.parts.push_back(std::move(streamed));
  return behind == nullptr ? absl::OkStatus() : AddCatchUp(behind.get());
}

Pids Runner::Servers() {
  if (hub_ == nullptr) return {};
  return {{"gateway", gateway_->process().pid()}, {"hub", hub_->process().pid()}};
}

}  // namespace incidenthub::bench
