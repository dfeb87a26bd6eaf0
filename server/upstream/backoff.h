// Full jitter: a delay that is anything up to a bound that doubles with each attempt, so that those
// who failed together do not come back together.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_BACKOFF_H_
#define INCIDENTHUB_SERVER_UPSTREAM_BACKOFF_H_

#include <algorithm>
#include <cstdint>

#include "absl/random/bit_gen_ref.h"
#include "absl/random/distributions.h"
#include "absl/time/time.h"

namespace incidenthub {

struct Backoff {
  // Bound of the first delay, and of all.
  absl::Duration first = absl::Seconds(1);
  absl::Duration most = absl::Minutes(5);

  // REQUIRES: attempts >= 1.
  absl::Duration Bound(uint32_t attempts) const {
    constexpr uint32_t kDoublingsMax = 30;
    return std::min(most, first * (int64_t{1} << std::min(attempts - 1, kDoublingsMax)));
  }
  absl::Duration Delay(uint32_t attempts, absl::BitGenRef random) const {
    return absl::Uniform(random, 0.0, 1.0) * Bound(attempts);
  }
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_BACKOFF_H_
