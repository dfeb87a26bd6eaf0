// A picture of a run, as SVG text: the ratio of webhooks to the echo by round, throughput, and
// latencies, each bar a median with a line from the least round to the greatest.

#ifndef INCIDENTHUB_TESTS_BENCH_PLOT_H_
#define INCIDENTHUB_TESTS_BENCH_PLOT_H_

#include <string>

#include "tests/bench/figures.h"

namespace incidenthub::bench {

// Leaves out what was not measured. For light and dark backgrounds: it brings its own, by what the
// viewer prefers.
std::string Plot(const Figures& figures);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_PLOT_H_
