// How long to wait before the next attempt: exponential, with full jitter.
//
// The n-th wait in a row is uniform between nothing and `initial * 2^n`, at most `max`. Full jitter
// spreads the clients of a hub that restarts evenly over the whole time, which no fixed share of it
// does.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_CLIENTS_CPP_BACKOFF_H_
#define INCIDENTHUB_CLIENTS_CPP_BACKOFF_H_

#include <functional>

#include "absl/time/time.h"

namespace incidenthub::client {

struct BackoffOptions {
  // Upper end of the first wait. More than zero.
  absl::Duration initial = absl::Milliseconds(100);
  // Upper end of every wait. At least `initial`.
  absl::Duration max = absl::Seconds(5);
};

class Backoff {
 public:
  // `random` returns numbers of [0, 1).
  Backoff(const BackoffOptions& options, std::function<double()> random);

  // The next wait; its upper end doubles with every call.
  absl::Duration Next();

  // The attempt succeeded: the next wait is a first one again.
  void Reset() { ceiling_ = options_.initial; }

 private:
  const BackoffOptions options_;
  const std::function<double()> random_;
  absl::Duration ceiling_;
};

// A source of numbers of [0, 1), seeded by the system. One thread at a time; copies give the same
// numbers.
std::function<double()> SystemRandom();

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_BACKOFF_H_
