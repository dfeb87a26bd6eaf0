// Measured times, exact: every sample is kept.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_LATENCIES_H_
#define INCIDENTHUB_TESTS_BENCH_LATENCIES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace incidenthub::bench {

// Of the monotonic clock.
int64_t NowNanos();

class Latencies {
 public:
  void Add(int64_t nanos) { nanos_.push_back(nanos); }
  void AddAll(const Latencies& other);

  size_t count() const { return nanos_.size(); }
  // The smallest sample that at least this share of all is not above, `share` in [0, 1]; 0 if there
  // are none.
  int64_t Percentile(double share) const;

 private:
  std::vector<int64_t> nanos_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_LATENCIES_H_
