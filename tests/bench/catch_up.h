// One subscriber that was sent nothing since the start of its hub, and now is.

#ifndef INCIDENTHUB_TESTS_BENCH_CATCH_UP_H_
#define INCIDENTHUB_TESTS_BENCH_CATCH_UP_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "tests/bench/raw_subscribers.h"
#include "tests/bench/servers.h"

namespace incidenthub::bench {

class CatchUp {
 public:
  // Begins now. INVALID_ARGUMENT: nobody knows what those servers had at their start.
  static absl::StatusOr<std::unique_ptr<CatchUp>> Start(const Servers& servers);

  // Waits until it has all that there was when it began; how many events it had a second.
  // DEADLINE_EXCEEDED: it took too long.
  absl::StatusOr<double> Finish();

  uint64_t events() const { return events_; }

 private:
  explicit CatchUp(uint64_t events);

  const uint64_t events_;
  const int64_t start_nanos_;
  int64_t end_nanos_ = 0;
  absl::Notification done_;
  // Last: it calls into all of the above.
  std::optional<RawSubscribers> subscriber_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_CATCH_UP_H_
