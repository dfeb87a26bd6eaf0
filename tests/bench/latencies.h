// Measured times in bounded memory: a histogram with logarithmic ranges, each divided evenly, as
// HdrHistogram's. What it says of a sample is within 1 % of it.
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
  // Less than 0 counts as 0, and more than a day as a day.
  void Add(int64_t nanos);
  void AddAll(const Latencies& other);

  size_t count() const { return count_; }
  // The smallest sample that at least this share of all is not above, `share` in [0, 1], to within
  // 1 %; 0 if there are none. The greatest, and what is below 256 ns, are exact.
  int64_t Percentile(double share) const;

 private:
  // How many samples each range has; as long as the greatest needs, 42 KB at most.
  std::vector<uint64_t> counts_;
  size_t count_ = 0;
  int64_t max_ = 0;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_LATENCIES_H_
