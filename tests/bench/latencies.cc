#include "tests/bench/latencies.h"

#include <time.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace incidenthub::bench {
namespace {

// Ranges from one power of two to the next are 128 parts: 1/128 wide at most, and the middle of one
// is within 0.4 % of all that is in it.
constexpr int kPartBits = 7;
constexpr uint64_t kExactBelow = uint64_t{2} << kPartBits;
constexpr int64_t kMost = int64_t{86'400} * 1'000'000'000;

// Below kExactBelow each number has a range of its own.
size_t RangeOf(uint64_t nanos) {
  if (nanos < kExactBelow) return nanos;
  const int shift = static_cast<int>(std::bit_width(nanos)) - kPartBits - 1;
  return (static_cast<size_t>(shift) << kPartBits) + (nanos >> shift);
}

int64_t MiddleOf(size_t range) {
  if (range < kExactBelow) return static_cast<int64_t>(range);
  const size_t shift = (range >> kPartBits) - 1;
  const uint64_t first = (range - (shift << kPartBits)) << shift;
  return static_cast<int64_t>(first + (uint64_t{1} << shift) / 2);
}

}  // namespace

int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void Latencies::Add(int64_t nanos) {
  nanos = std::clamp<int64_t>(nanos, 0, kMost);
  const size_t range = RangeOf(static_cast<uint64_t>(nanos));
  if (range >= counts_.size()) counts_.resize(range + 1);
  ++counts_[range];
  ++count_;
  max_ = std::max(max_, nanos);
}

void Latencies::AddAll(const Latencies& other) {
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

int64_t Latencies::Percentile(double share) const {
  const auto rank = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count_)));
  if (rank >= count_) return max_;
  uint64_t seen = 0;
  for (size_t range = 0; range < counts_.size(); ++range) {
    seen += counts_[range];
    if (seen > 0 && seen >= rank) return std::min(MiddleOf(range), max_);
  }
  return max_;
}

}  // namespace incidenthub::bench
