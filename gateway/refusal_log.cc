#include "gateway/refusal_log.h"

namespace incidenthub::gateway {

void RefusalLog::Add(const LogField& who, absl::string_view why) {
  const int64_t now = absl::ToUnixNanos(clock_.Now());
  const int64_t interval = absl::ToInt64Nanoseconds(kRefusalLogInterval);
  int64_t next_line = next_line_.load(std::memory_order_relaxed);
  // One that is further away was set before the clock was put back.
  const bool too_early = now < next_line && next_line <= now + interval;
  if (too_early || !next_line_.compare_exchange_strong(next_line, now + interval)) {
    unsaid_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Log(LogLevel::kWarning, message_,
      {who, {"reason", why}, {"more_before", unsaid_.exchange(0, std::memory_order_relaxed)}});
}

}  // namespace incidenthub::gateway
