#include "tests/bench/latencies.h"

#include <time.h>

#include <algorithm>
#include <cmath>

namespace incidenthub::bench {

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Latencies::AddAll(const Latencies& other) {
  nanos_.insert(nanos_.end(), other.nanos_.begin(), other.nanos_.end());
}

int64_t Latencies::Percentile(double share) const {
  if (nanos_.empty()) return 0;
  std::vector<int64_t> copy = nanos_;
  const double rank = std::ceil(share * static_cast<double>(copy.size()));
  const size_t index = std::clamp<size_t>(static_cast<size_t>(rank), 1, copy.size()) - 1;
  const auto nth = copy.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(copy.begin(), nth, copy.end());
  return *nth;
}

}  // namespace incidenthub::bench
