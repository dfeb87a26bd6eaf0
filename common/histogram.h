// Counts of how often something was how large, for a metric: buckets by upper bounds that are fixed
// when it is made, as Prometheus has them.
//
// Observe() takes no lock: it adds to a bucket and to the sum. A reading that is made meanwhile may
// have the one and not yet the other, but its buckets and its count always agree.
//
// Threads: all methods, any.

#ifndef INCIDENTHUB_COMMON_HISTOGRAM_H_
#define INCIDENTHUB_COMMON_HISTOGRAM_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace incidenthub {

// Upper bounds, ascending, in seconds: of what takes a moment, and of what may be a day old.
inline constexpr double kLatencyBounds[] = {
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
inline constexpr double kAgeBounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                        1,     2.5,    5,     10,   30,    60,   300, 3600, 86400};

class Histogram {
 public:
  struct Reading {
    // Of each bound: how many were at or below it.
    std::vector<uint64_t> cumulative;
    // How many there were.
    uint64_t count = 0;
    double sum = 0;
  };

  // `bounds`: ascending; outlive the histogram.
  explicit Histogram(absl::Span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  void Observe(double value);
  // Seconds. A negative duration, as clocks that disagree make it, counts as none.
  void Observe(absl::Duration duration);

  absl::Span<const double> bounds() const { return bounds_; }
  Reading Read() const;

 private:
  const absl::Span<const double> bounds_;
  // Of each bound, those above the one before; the last: above all bounds.
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_HISTOGRAM_H_
