// incidenthub-load: how many webhooks a second the hub and the gateway commit, and how soon they
// are with subscribers, beside what the machine can do at best.

#include <sys/resource.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/flags.h"
#include "common/host_port.h"
#include "common/status_macros.h"
#include "tests/bench/baseline.h"
#include "tests/bench/machine.h"
#include "tests/bench/results.h"
#include "tests/bench/runner.h"
#include "tests/support/temp_dir.h"
#include "tests/support/webhook.h"

ABSL_FLAG(absl::Duration, duration, absl::Seconds(5), "How long each part is measured.");
ABSL_FLAG(absl::Duration, warmup, absl::Milliseconds(500), "How long each part runs before that.");
ABSL_FLAG(uint32_t, rounds, 1, "How often all parts are run, in turn, 1 to 100.");
ABSL_FLAG(
    std::vector<std::string>, parts,
    (std::vector<std::string>{"sync", "echo", "webhooks", "followed", "latency"}),
    "What to run, in this order: sync, echo, webhooks, followed, sync_batch, idle, open_loop, "
    "latency, stalled, behind, fanout, catch_up, many, sync_count, alertmanager, etcd, nats.");
ABSL_FLAG(std::vector<std::string>, connections, (std::vector<std::string>{"64"}),
          "Kept connections that post, 1 to 5000; several numbers, in rising order: echo and "
          "webhooks are measured with each, the other parts with the last.");
ABSL_FLAG(uint32_t, threads, 1, "Threads that post, 1 to 16.");
ABSL_FLAG(uint32_t, incidents, 10'000, "Different incidents; each is updated in turn.");
ABSL_FLAG(double, rate, 200,
          "Webhooks a second in the parts latency, stalled and behind, more than 0.");
ABSL_FLAG(uint32_t, subscribers, 1,
          "Subscribers that keep up in the parts latency, stalled and behind.");
ABSL_FLAG(uint32_t, fanout_subscribers, 64, "Subscribers of the part fanout, besides one alone.");
ABSL_FLAG(uint32_t, many_subscribers, 1000, "Subscribers of the part many.");
ABSL_FLAG(std::string, hub, "", "127.0.0.1:PORT of a running hub; empty: starts its own.");
ABSL_FLAG(std::string, gateway, "", "127.0.0.1:PORT of that hub's gateway.");
ABSL_FLAG(std::string, secret_file, "", "Its file of credentials, of which the first is used.");
ABSL_FLAG(
    std::string, data_dir, "",
    "A directory for the hub's data and the syncs, where the last round's are left, to be removed "
    "before another run; empty: a temporary one.");
ABSL_FLAG(std::vector<std::string>, hub_flags, {}, "More flags for the hub that is started.");
ABSL_FLAG(std::vector<std::string>, gateway_flags, {}, "More flags for the gateway.");
ABSL_FLAG(std::string, tools, ".tools/bin",
          "Where alertmanager, etcd and nats-server are, for the parts of these names.");
ABSL_FLAG(std::string, output, "", "Writes this with .md, .json and .svg; empty: none.");
ABSL_FLAG(std::string, commit, "", "What is measured, to be said in the results.");
ABSL_FLAG(bool, json, false, "Print JSON instead of tables.");
ABSL_FLAG(std::string, serve, "", "Be a bare server, echo or broadcast; for the tool itself.");
ABSL_FLAG(std::string, message_file, "", "What the latter sends; for the tool itself.");

namespace incidenthub::bench {
namespace {

constexpr char kUsage[] =
    "measures an incident-hub and an incident-gateway with the documented webhook; what each part\n"
    "does is in tests/bench/README.md.\n"
    "\n"
    "  incidenthub-load --duration=10s --parts=echo,webhooks\n";

absl::Status CheckRange(absl::string_view flag, double value, double min, double max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, "=", value, ": give a number from ", min, " to ", max));
}

// 0 for an empty text.
absl::StatusOr<int> LoopbackPort(absl::string_view flag, const std::string& text) {
  if (text.empty()) return 0;
  ASSIGN_OR_RETURN(const HostPort address, ParseHostPort(text));
  if (!address.IsLoopback()) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", text, ": only on loopback"));
  }
  return address.port;
}

absl::StatusOr<std::string> Authorization() {
  const std::string path = absl::GetFlag(FLAGS_secret_file);
  if (path.empty()) return std::string(testing::kWebhookSecret);
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (!line.empty() && line.front() != '#') return line;
  }
  return absl::InvalidArgumentError(absl::StrCat("--secret_file=", path, ": holds no credential"));
}

absl::StatusOr<std::vector<size_t>> Connections() {
  std::vector<size_t> connections;
  for (const std::string& text : absl::GetFlag(FLAGS_connections)) {
    size_t number = 0;
    if (!absl::SimpleAtoi(text, &number)) number = 0;
    RETURN_IF_ERROR(CheckRange("connections", static_cast<double>(number), 1, 5000));
    if (!connections.empty() && number <= connections.back()) {
      return absl::InvalidArgumentError("--connections: give them in rising order");
    }
    connections.push_back(number);
  }
  if (connections.empty()) return absl::InvalidArgumentError("--connections: give a number");
  return connections;
}

absl::StatusOr<ServersOptions> ServersFromFlags(size_t connections) {
  ServersOptions options;
  options.hub_flags = absl::GetFlag(FLAGS_hub_flags);
  options.gateway_flags = absl::GetFlag(FLAGS_gateway_flags);
  options.connections = connections;
  ASSIGN_OR_RETURN(options.hub_port, LoopbackPort("hub", absl::GetFlag(FLAGS_hub)));
  ASSIGN_OR_RETURN(options.gateway_port, LoopbackPort("gateway", absl::GetFlag(FLAGS_gateway)));
  if ((options.hub_port == 0) != (options.gateway_port == 0)) {
    return absl::InvalidArgumentError("--hub and --gateway: give both or neither");
  }
  ASSIGN_OR_RETURN(options.authorization, Authorization());
  return options;
}

absl::StatusOr<BenchOptions> OptionsFromFlags() {
  BenchOptions options;
  options.rounds = absl::GetFlag(FLAGS_rounds);
  options.duration = absl::GetFlag(FLAGS_duration);
  options.warmup = absl::GetFlag(FLAGS_warmup);
  options.threads = absl::GetFlag(FLAGS_threads);
  options.incidents = absl::GetFlag(FLAGS_incidents);
  options.rate = absl::GetFlag(FLAGS_rate);
  options.subscribers = absl::GetFlag(FLAGS_subscribers);
  options.fanout_subscribers = absl::GetFlag(FLAGS_fanout_subscribers);
  options.many_subscribers = absl::GetFlag(FLAGS_many_subscribers);
  options.tools_folder = absl::GetFlag(FLAGS_tools);
  const auto check = [](absl::string_view flag, size_t value, double min, double max) {
    return CheckRange(flag, static_cast<double>(value), min, max);
  };
  RETURN_IF_ERROR(check("rounds", options.rounds, 1, 100));
  RETURN_IF_ERROR(check("threads", options.threads, 1, 16));
  RETURN_IF_ERROR(check("incidents", options.incidents, 1, 1e9));
  RETURN_IF_ERROR(CheckRange("rate", options.rate, 0.1, 1e6));
  RETURN_IF_ERROR(check("subscribers", options.subscribers, 1, 10'000));
  RETURN_IF_ERROR(check("fanout_subscribers", options.fanout_subscribers, 2, 10'000));
  RETURN_IF_ERROR(check("many_subscribers", options.many_subscribers, 1, 10'000));
  RETURN_IF_ERROR(CheckRange("duration", absl::ToDoubleSeconds(options.duration), 0.1, 3600));
  ASSIGN_OR_RETURN(options.connections, Connections());
  ASSIGN_OR_RETURN(options.servers, ServersFromFlags(options.connections.back() + options.threads));
  return options;
}

std::string Setup(const Bench& bench) {
  const BenchOptions& options = bench.options;
  return absl::StrCat(
      options.rounds, " rounds of all parts in turn, ", absl::FormatDuration(options.duration),
      " a part after ", absl::FormatDuration(options.warmup),
      " of warm-up; everything on one machine, load generator included; webhooks are BigPanda's "
      "documented sample, ",
      bench.requests.body_bytes(), " bytes, of ", options.incidents,
      " incidents in turn. What each part does: tests/bench/README.md.");
}

// As many descriptors as there may be: each subscriber has a connection, and the hub inherits this.
void RaiseOpenFiles() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

absl::Status Run() {
  ASSIGN_OR_RETURN(BenchOptions options, OptionsFromFlags());
  RaiseOpenFiles();
  const testing::TempDir temporary;
  const std::string data_dir = absl::GetFlag(FLAGS_data_dir);
  options.servers.folder = data_dir.empty() ? temporary.path() : data_dir;
  ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner,
                   Runner::Create(std::move(options), absl::GetFlag(FLAGS_parts)));
  RETURN_IF_ERROR(runner->Run());
  const Bench& bench = runner->bench();
  const Results results = {
      .figures = bench.figures,
      .machine = MachineFacts(bench.options.servers.folder, absl::GetFlag(FLAGS_commit)),
      .setup = Setup(bench),
      .skipped = bench.skipped};
  const std::string text = absl::GetFlag(FLAGS_json) ? results.ToJson() : results.ToMarkdown();
  std::fwrite(text.data(), 1, text.size(), stdout);
  const std::string output = absl::GetFlag(FLAGS_output);
  return output.empty() ? absl::OkStatus() : WriteResults(results, output);
}

int Main(int argc, char** argv) {
  if (!ParseFlags(kUsage, argc, argv).empty()) {
    std::fprintf(stderr, "incidenthub-load: takes flags only; see --help\n");
    return EXIT_FAILURE;
  }
  const std::string serve = absl::GetFlag(FLAGS_serve);
  if (serve == "echo") {
    const absl::StatusOr<std::vector<size_t>> connections = Connections();
    if (connections.ok()) ServeEcho(connections->back());
  }
  if (serve == "broadcast") ServeBroadcast(absl::GetFlag(FLAGS_message_file));
  const absl::Status status = Run();
  if (!status.ok()) {
    std::fprintf(stderr, "incidenthub-load: %s\n", std::string(status.message()).c_str());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace incidenthub::bench

int main(int argc, char** argv) { return incidenthub::bench::Main(argc, argv); }
