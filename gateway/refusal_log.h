// Says in the log why others were refused: the first of an interval, and later how many more there
// were, so that whoever is refused cannot fill the log.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_REFUSAL_LOG_H_
#define INCIDENTHUB_GATEWAY_REFUSAL_LOG_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/logging.h"

namespace incidenthub::gateway {

// Between two log lines.
inline constexpr absl::Duration kRefusalLogInterval = absl::Seconds(1);

class RefusalLog {
 public:
  // `message` is what each line says. `clock` must outlive it.
  RefusalLog(std::string message, const Clock& clock)
      : message_(std::move(message)), clock_(clock) {}

  // `who` is a field of the line.
  void Add(const LogField& who, absl::string_view why);

 private:
  const std::string message_;
  const Clock& clock_;
  // Unix nanoseconds of when the next line may be; whoever moves it on writes.
  std::atomic<int64_t> next_line_{0};
  std::atomic<uint64_t> unsaid_{0};
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_REFUSAL_LOG_H_
