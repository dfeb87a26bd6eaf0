// The time of day as a dependency, so that tests need not wait for it.

#ifndef INCIDENTHUB_COMMON_CLOCK_H_
#define INCIDENTHUB_COMMON_CLOCK_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace incidenthub {

// Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }

  static const SystemClock& Get() {
    static const SystemClock kClock;
    return kClock;
  }
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_CLOCK_H_
