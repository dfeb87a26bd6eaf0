// random_run: the guarantees of the stream, under whatever comes. See run.h, plan.h.
//
// Prints its seed; with the same seed the same is tried again, as far as a seed decides it. Exit
// code 0: every check passed; 1: one did not, and everything is kept; 2: bad flags.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <system_error>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/e2e/random_run/run.h"
#include "tests/e2e/random_run/small_disk.h"
#include "tests/e2e/random_run/world.h"

ABSL_FLAG(uint64_t, seed, 0, "What to repeat. 0: another one each time, or INCIDENTHUB_TEST_SEED.");
ABSL_FLAG(absl::Duration, duration, absl::Seconds(150),
          "How long faults come. A longer time than 150s is many runs, each with the next seed.");
ABSL_FLAG(std::string, keep, "",
          "Directory for what a failed run leaves behind. Empty: one in the temporary directory.");

namespace incidenthub::testing {
namespace {

// Of one run. Everything is recorded, so a run has an end.
constexpr absl::Duration kRunMax = absl::Seconds(150);
// Findings of each check that are printed; the first of each with its history.
constexpr size_t kPrintedMax = 5;

uint64_t Seed() {
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  const char* text = std::getenv("INCIDENTHUB_TEST_SEED");
  if (seed == 0 && (text == nullptr || !absl::SimpleAtoi(text, &seed))) {
    seed = std::random_device()();
  }
  return seed;
}

std::string KeepDirectory(uint64_t seed) {
  std::filesystem::path path = absl::GetFlag(FLAGS_keep);
  if (path.empty()) path = std::filesystem::temp_directory_path();
  path /= absl::StrCat("incidenthub-random-run-", seed);
  std::error_code ignored;
  std::filesystem::create_directories(path, ignored);
  return path.string();
}

void PrintFailure(const Plan& plan, const std::string& program, const Findings& findings,
                  RandomRun* run) {
  std::map<std::string, size_t> printed;
  for (const Finding& finding : findings) {
    const size_t before = printed[finding.check]++;
    if (before >= kPrintedMax) continue;
    std::cout << "FAILED " << finding.check << ": " << finding.text
              << (finding.actor.empty() ? "" : absl::StrCat(" [", finding.actor, "]")) << "\n";
  }
  for (const auto& [check, count] : printed) {
    std::cout << "\n"
              << check << ": " << count << " findings. The history of the first, in seconds:\n";
    const auto first = std::find_if(findings.begin(), findings.end(),
                                    [&name = check](const Finding& f) { return f.check == name; });
    std::cout << run->MinimalHistory(*first);
  }
  const std::string directory = KeepDirectory(plan.seed);
  run->Keep(directory, findings);
  std::cout << "\nFAILED. Everything is in " << directory << "\nTo try it again: " << program
            << " --seed=" << plan.seed << " --duration=" << absl::FormatDuration(plan.duration)
            << "\n";
}

int Main(const std::string& program) {
  // Before there are threads.
  const absl::Status mounts = EnterOwnMounts();
  if (!mounts.ok()) {
    std::cout << "SKIPPED: \"" << FaultName(Fault::kFillDisk) << "\", since this process may mount "
              << "nothing: " << mounts << "\n";
  }
  uint64_t seed = Seed();
  for (absl::Duration left = absl::GetFlag(FLAGS_duration); left > absl::ZeroDuration();
       left -= kRunMax, ++seed) {
    const Plan plan = MakePlan(seed, std::min(left, kRunMax));
    std::cout << "--seed=" << seed << ": " << Describe(plan) << std::flush;
    RandomRun run(plan, mounts.ok());
    const Findings findings = run.Run();
    std::cout << run.Summary() << std::flush;
    if (!findings.empty()) {
      PrintFailure(plan, program, findings, &run);
      return 1;
    }
    std::cout << "--seed=" << seed << ": every check passed\n" << std::flush;
  }
  return 0;
}

}  // namespace
}  // namespace incidenthub::testing

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Random actors and faults against a real hub and gateway.");
  absl::ParseCommandLine(argc, argv);
  return incidenthub::testing::Main(argv[0]);
}
