// Keeps a kind of log line that others can cause at will, or that comes again and again while
// something is wrong, from filling the log: so many at once, then one an interval, each with the
// number of those left out before it.
//
//   if (const auto left_out = lines_.Next()) {
//     Log(LogLevel::kWarning, "body refused", {..., {"more_before", *left_out}});
//   }
//
// Threads: all methods, any; no lock.

#ifndef INCIDENTHUB_COMMON_REPEATED_LINE_H_
#define INCIDENTHUB_COMMON_REPEATED_LINE_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "common/clock.h"

namespace incidenthub {

struct RepeatedLineRate {
  // Lines that may come at once, after as many intervals without one; at least 1.
  int64_t burst = 10;
  absl::Duration interval = absl::Minutes(1);
};
// Of something that is wrong, and stays wrong: one says it.
inline constexpr RepeatedLineRate kOneAMinute{1, absl::Minutes(1)};
// Of calls that everybody may make, or of what else comes in great numbers and each line differs.
inline constexpr RepeatedLineRate kOfCallers{100, absl::Seconds(1)};

class RepeatedLine {
 public:
  // `clock` outlives it.
  explicit RepeatedLine(RepeatedLineRate rate = {}, const Clock& clock = SystemClock::Get())
      : burst_(rate.burst), interval_(absl::ToInt64Nanoseconds(rate.interval)), clock_(clock) {}

  // A line may be written now: how many were left out since the one before. Empty: it may not.
  std::optional<uint64_t> Next();

 private:
  const int64_t burst_;
  const int64_t interval_;
  const Clock& clock_;
  // Unix nanoseconds of when all lines that were written are paid for, at one an interval; who
  // moves it on writes.
  std::atomic<int64_t> paid_{0};
  std::atomic<uint64_t> left_out_{0};
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_REPEATED_LINE_H_
