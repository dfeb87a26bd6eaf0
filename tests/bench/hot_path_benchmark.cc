// How long each step of a webhook's way takes, by itself: see hot_path.h.

#include <cstdint>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "tests/bench/hot_path.h"

namespace incidenthub::bench {
namespace {

void RunStep(benchmark::State& state, Step* step) {
  if (step->prepare != nullptr) step->prepare(static_cast<size_t>(state.max_iterations));
  while (state.KeepRunning()) step->run();
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(step->batch));
}

}  // namespace
}  // namespace incidenthub::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  incidenthub::bench::HotPath path;
  std::vector<incidenthub::bench::Step> steps = path.Steps();
  for (incidenthub::bench::Step& step : steps) {
    // By wall time: a commit happens on the sequencer's thread.
    benchmark::RegisterBenchmark(std::string(step.name).c_str(), incidenthub::bench::RunStep, &step)
        ->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks();
}
