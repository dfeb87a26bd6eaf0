#include "common/repeated_line.h"

#include <algorithm>

namespace incidenthub {

std::optional<uint64_t> RepeatedLine::Next() {
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  int64_t paid = paid_.load(std::memory_order_relaxed);
  // One that is further away was set before the clock was put back.
  const int64_t owed = paid > now + burst_ * interval_ ? 0 : std::max<int64_t>(paid - now, 0);
  if (owed > (burst_ - 1) * interval_ ||
      !paid_.compare_exchange_strong(paid, now + owed + interval_)) {
    left_out_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return left_out_.exchange(0, std::memory_order_relaxed);
}

}  // namespace incidenthub
