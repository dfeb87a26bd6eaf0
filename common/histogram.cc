#include "common/histogram.h"

#include <algorithm>
#include <cstddef>

namespace incidenthub {

void Histogram::Observe(double value) {
  const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<size_t>(bound - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

void Histogram::Observe(absl::Duration duration) {
  Observe(std::max(absl::ToDoubleSeconds(duration), 0.0));
}

Histogram::Reading Histogram::Read() const {
  Reading reading;
  reading.cumulative.reserve(bounds_.size());
  for (size_t i = 0; i < bounds_.size(); ++i) {
    reading.count += counts_[i].load(std::memory_order_relaxed);
    reading.cumulative.push_back(reading.count);
  }
  reading.count += counts_.back().load(std::memory_order_relaxed);
  reading.sum = sum_.load(std::memory_order_relaxed);
  return reading;
}

}  // namespace incidenthub
