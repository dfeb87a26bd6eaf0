// incidenthub-scale: what grows with how much a hub holds, and with how many follow it.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/flags.h"
#include "common/status_macros.h"
#include "tests/bench/bare_streams.h"
#include "tests/bench/scale_parts.h"

ABSL_FLAG(std::vector<std::string>, incidents,
          (std::vector<std::string>{"1000", "10000", "100000", "1000000"}),
          "How many are held, in turn, each 100 to 20000000.");
ABSL_FLAG(uint32_t, subscribers, 1000, "The most subscribers at once, 1 to 4000.");
ABSL_FLAG(uint32_t, backlog, 200'000, "Events that one subscriber is behind, 100 to 1000000.");
ABSL_FLAG(uint32_t, base_incidents, 30'000,
          "Incidents held where something else is measured, 100 to 1000000.");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(2),
          "How long a rate or a latency is measured, 50ms to 1m.");
ABSL_FLAG(uint32_t, rounds, 1, "How often each is measured, 1 to 20.");
ABSL_FLAG(std::vector<std::string>, payload_kib,
          (std::vector<std::string>{"0.5", "3", "30", "300"}),
          "Sizes of an incident, each 0.5 to 1000.");
ABSL_FLAG(std::vector<std::string>, callers, (std::vector<std::string>{"1", "8", "64"}),
          "Responders at once, in turn, each 1 to 256.");
ABSL_FLAG(double, delivery_rate, 500, "Deliveries a second of the mixed load, 1 to 10000.");
ABSL_FLAG(double, command_rate, 100, "Acks and Resolves a second of the mixed load, 1 to 10000.");
ABSL_FLAG(std::vector<std::string>, parts,
          (std::vector<std::string>{"held", "behind", "commands", "updates"}),
          "What to measure, in this order: held, behind, commands, updates.");
ABSL_FLAG(std::string, output, "",
          "Also write PREFIX.md, PREFIX.json and PREFIX.svg; its folder has to exist.");
ABSL_FLAG(bool, serve_bare, false, "Be the bare gRPC server; for the tool itself.");

namespace incidenthub::bench {
namespace {

constexpr char kUsage[] =
    "measures what grows with how many incidents an incident-hub holds, and with who follows it.\n"
    "\n"
    "  incidenthub-scale --incidents=1000,100000 --output=build/bench/scale\n";

absl::Status CheckRange(absl::string_view flag, double value, double min, double max) {
  if (value >= min && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, "=", value, ": give a number from ", min, " to ", max));
}

// A list of numbers; T is what each is.
template <typename T>
absl::StatusOr<std::vector<T>> Numbers(absl::string_view flag,
                                       const std::vector<std::string>& texts, double min,
                                       double max) {
  std::vector<T> numbers;
  for (const std::string& text : texts) {
    double number = 0;
    if (!absl::SimpleAtod(text, &number)) {
      return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", text, " is no number"));
    }
    RETURN_IF_ERROR(CheckRange(flag, number, min, max));
    numbers.push_back(static_cast<T>(number));
  }
  if (numbers.empty()) return absl::InvalidArgumentError(absl::StrCat("--", flag, ": is empty"));
  return numbers;
}

absl::StatusOr<ScaleOptions> OptionsFromFlags() {
  ScaleOptions options;
  ASSIGN_OR_RETURN(options.incidents,
                   Numbers<uint64_t>("incidents", absl::GetFlag(FLAGS_incidents), 100, 2e7));
  ASSIGN_OR_RETURN(options.payloads,
                   Numbers<double>("payload_kib", absl::GetFlag(FLAGS_payload_kib), 0.5, 1000));
  ASSIGN_OR_RETURN(options.callers,
                   Numbers<size_t>("callers", absl::GetFlag(FLAGS_callers), 1, 256));
  options.subscribers = absl::GetFlag(FLAGS_subscribers);
  options.backlog = absl::GetFlag(FLAGS_backlog);
  options.base_incidents = absl::GetFlag(FLAGS_base_incidents);
  options.duration = absl::GetFlag(FLAGS_duration);
  options.rounds = absl::GetFlag(FLAGS_rounds);
  options.delivery_rate = absl::GetFlag(FLAGS_delivery_rate);
  options.command_rate = absl::GetFlag(FLAGS_command_rate);
  RETURN_IF_ERROR(CheckRange("subscribers", absl::GetFlag(FLAGS_subscribers), 1, 4000));
  RETURN_IF_ERROR(CheckRange("backlog", absl::GetFlag(FLAGS_backlog), 100, 1e6));
  RETURN_IF_ERROR(CheckRange("base_incidents", absl::GetFlag(FLAGS_base_incidents), 100, 1e6));
  RETURN_IF_ERROR(CheckRange("duration", absl::ToDoubleSeconds(options.duration), 0.05, 60));
  RETURN_IF_ERROR(CheckRange("rounds", absl::GetFlag(FLAGS_rounds), 1, 20));
  RETURN_IF_ERROR(CheckRange("delivery_rate", options.delivery_rate, 1, 1e4));
  RETURN_IF_ERROR(CheckRange("command_rate", options.command_rate, 1, 1e4));
  return options;
}

// Events and their copies while RocksDB compacts, at most, and what the hub wants to be left.
double DiskWanted(const ScaleOptions& options) {
  constexpr double kPerEvent = 6'000;
  constexpr double kLeft = 3e9;
  double events = static_cast<double>(options.backlog + options.base_incidents);
  for (const uint64_t incidents : options.incidents) {
    events = std::max(events, static_cast<double>(incidents));
  }
  return kLeft + kPerEvent * events;
}

absl::Status RunPart(const std::string& part, ScaleRun* run) {
  if (part == "held") return RunHeld(run);
  if (part == "behind") return RunBehind(run);
  if (part == "commands") return RunCommands(run);
  if (part == "updates") return RunUpdates(run);
  return absl::InvalidArgumentError(absl::StrCat("--parts: there is no part ", part,
                                                 "; there are held, behind, commands, updates"));
}

absl::Status Write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

absl::Status Run() {
  ScaleRun run;
  ASSIGN_OR_RETURN(run.options, OptionsFromFlags());
  RETURN_IF_ERROR(CheckFreeDisk(DiskWanted(run.options)));
  for (const std::string& part : absl::GetFlag(FLAGS_parts)) {
    const absl::Time start = absl::Now();
    const absl::Status status = RunPart(part, &run);
    if (!status.ok()) {
      return {status.code(), absl::StrCat("part ", part, ": ", status.message())};
    }
    std::fprintf(stderr, "incidenthub-scale: part %s took %.0f s\n", part.c_str(),
                 absl::ToDoubleSeconds(absl::Now() - start));
  }
  const std::string markdown = run.figures.ToMarkdown();
  std::fwrite(markdown.data(), 1, markdown.size(), stdout);
  const std::string output = absl::GetFlag(FLAGS_output);
  if (output.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(Write(absl::StrCat(output, ".md"), markdown));
  RETURN_IF_ERROR(Write(absl::StrCat(output, ".json"), run.figures.ToJson()));
  return Write(absl::StrCat(output, ".svg"), run.curves.ToSvg(run.figures));
}

int Main(int argc, char** argv) {
  if (!ParseFlags(kUsage, argc, argv).empty()) {
    std::fprintf(stderr, "incidenthub-scale: takes flags only; see --help\n");
    return EXIT_FAILURE;
  }
  if (absl::GetFlag(FLAGS_serve_bare)) ServeBareStreams();
  const absl::Status status = Run();
  if (!status.ok()) {
    std::fprintf(stderr, "incidenthub-scale: %s\n", std::string(status.message()).c_str());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace incidenthub::bench

int main(int argc, char** argv) { return incidenthub::bench::Main(argc, argv); }
