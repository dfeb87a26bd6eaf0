// Runs each step of a webhook's way under callgrind, and has it write down how many instructions
// that took, all threads together: a dump a step, named after it. instruction_budget_test starts
// it.

#include <cstddef>
#include <string>
#include <vector>

#include "tests/bench/hot_path.h"
#include "valgrind/callgrind.h"

namespace incidenthub::bench {
namespace {

// Calls that are counted, of each step; more are made before, so that tables and pools are filled.
constexpr size_t kWarmupCalls = 2;
constexpr size_t kCalls = 4;

void Count(Step* step) {
  if (step->prepare != nullptr) step->prepare(kWarmupCalls + kCalls);
  for (size_t i = 0; i < kWarmupCalls; ++i) step->run();
  CALLGRIND_ZERO_STATS;
  for (size_t i = 0; i < kCalls; ++i) step->run();
  // The name, and what the count is to be divided by.
  const std::string name = std::string(step->name) + " " + std::to_string(kCalls * step->batch);
  CALLGRIND_DUMP_STATS_AT(name.c_str());
}

}  // namespace
}  // namespace incidenthub::bench

int main() {
  incidenthub::bench::HotPath path;
  std::vector<incidenthub::bench::Step> steps = path.Steps();
  for (incidenthub::bench::Step& step : steps) incidenthub::bench::Count(&step);
}
