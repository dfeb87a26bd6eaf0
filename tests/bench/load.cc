// incidenthub-load: how many webhooks a second the hub and the gateway commit, and how soon they
// are with subscribers, beside what the machine can do at best.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/flags.h"
#include "common/host_port.h"
#include "common/status_macros.h"
#include "tests/bench/baseline.h"
#include "tests/bench/runner.h"
#include "tests/support/temp_dir.h"
#include "tests/support/webhook.h"

ABSL_FLAG(absl::Duration, duration, absl::Seconds(5), "How long each part is measured.");
ABSL_FLAG(absl::Duration, warmup, absl::Milliseconds(500), "How long each part runs before that.");
ABSL_FLAG(std::vector<std::string>, parts,
          (std::vector<std::string>{"sync", "echo", "webhooks", "followed", "latency"}),
          "What to run, in this order: sync, echo, webhooks, followed, latency, stalled, behind.");
ABSL_FLAG(uint32_t, connections, 64, "Kept connections that post, 1 to 5000.");
ABSL_FLAG(uint32_t, threads, 1, "Threads that post, 1 to 16.");
ABSL_FLAG(uint32_t, incidents, 10'000, "Different incidents; each is updated in turn.");
ABSL_FLAG(double, rate, 200,
          "Webhooks a second in the parts latency, stalled and behind, more than 0.");
ABSL_FLAG(uint32_t, subscribers, 1,
          "Subscribers that keep up in the parts latency, stalled and behind.");
ABSL_FLAG(std::string, hub, "", "127.0.0.1:PORT of a running hub; empty: starts its own.");
ABSL_FLAG(std::string, gateway, "", "127.0.0.1:PORT of that hub's gateway.");
ABSL_FLAG(std::string, secret_file, "", "Its file of credentials, of which the first is used.");
ABSL_FLAG(std::string, data_dir, "",
          "An existing directory for the hub's data and the syncs, which are left there; empty: a "
          "temporary one.");
ABSL_FLAG(std::vector<std::string>, hub_flags, {}, "More flags for the hub that is started.");
ABSL_FLAG(std::vector<std::string>, gateway_flags, {}, "More flags for the gateway.");
ABSL_FLAG(bool, json, false, "Print one JSON object instead of a table.");
ABSL_FLAG(bool, serve_echo, false, "Be the bare server of the part echo; for the tool itself.");

namespace incidenthub::bench {
namespace {

constexpr char kUsage[] =
    "measures an incident-hub and an incident-gateway with the documented webhook.\n"
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

absl::StatusOr<RunnerOptions> OptionsFromFlags() {
  RunnerOptions options;
  options.duration = absl::GetFlag(FLAGS_duration);
  options.warmup = absl::GetFlag(FLAGS_warmup);
  options.connections = absl::GetFlag(FLAGS_connections);
  options.threads = absl::GetFlag(FLAGS_threads);
  options.incidents = absl::GetFlag(FLAGS_incidents);
  options.rate = absl::GetFlag(FLAGS_rate);
  options.subscribers = absl::GetFlag(FLAGS_subscribers);
  options.hub_flags = absl::GetFlag(FLAGS_hub_flags);
  options.gateway_flags = absl::GetFlag(FLAGS_gateway_flags);
  RETURN_IF_ERROR(CheckRange("connections", static_cast<double>(options.connections), 1, 5000));
  RETURN_IF_ERROR(CheckRange("threads", static_cast<double>(options.threads), 1, 16));
  RETURN_IF_ERROR(CheckRange("incidents", static_cast<double>(options.incidents), 1, 1e9));
  RETURN_IF_ERROR(CheckRange("rate", options.rate, 0.1, 1e6));
  RETURN_IF_ERROR(CheckRange("subscribers", static_cast<double>(options.subscribers), 1, 10'000));
  RETURN_IF_ERROR(CheckRange("duration", absl::ToDoubleSeconds(options.duration), 0.1, 3600));
  ASSIGN_OR_RETURN(options.hub_port, LoopbackPort("hub", absl::GetFlag(FLAGS_hub)));
  ASSIGN_OR_RETURN(options.gateway_port, LoopbackPort("gateway", absl::GetFlag(FLAGS_gateway)));
  if ((options.hub_port == 0) != (options.gateway_port == 0)) {
    return absl::InvalidArgumentError("--hub and --gateway: give both or neither");
  }
  ASSIGN_OR_RETURN(options.authorization, Authorization());
  return options;
}

absl::Status Run() {
  ASSIGN_OR_RETURN(RunnerOptions options, OptionsFromFlags());
  const testing::TempDir temporary;
  const std::string data_dir = absl::GetFlag(FLAGS_data_dir);
  options.folder = data_dir.empty() ? temporary.path() : data_dir;
  ASSIGN_OR_RETURN(const std::unique_ptr<Runner> runner, Runner::Create(std::move(options)));
  for (const std::string& part : absl::GetFlag(FLAGS_parts)) RETURN_IF_ERROR(runner->Run(part));
  const Report& report = runner->report();
  const std::string text = absl::GetFlag(FLAGS_json) ? report.ToJson() : report.ToTable();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  if (!ParseFlags(kUsage, argc, argv).empty()) {
    std::fprintf(stderr, "incidenthub-load: takes flags only; see --help\n");
    return EXIT_FAILURE;
  }
  if (absl::GetFlag(FLAGS_serve_echo)) ServeEcho(absl::GetFlag(FLAGS_connections));
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
