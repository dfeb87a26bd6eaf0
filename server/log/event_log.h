// The log: the durable order of events. Everything else that the hub knows about incidents is a
// fold of it.
//
// One writer at a time; its life on the log is a generation. The writer proposes each event's
// sequence, greater than the head, and the log takes it as it is or takes nothing.

#ifndef INCIDENTHUB_SERVER_LOG_EVENT_LOG_H_
#define INCIDENTHUB_SERVER_LOG_EVENT_LOG_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/domain/generation.h"
#include "server/domain/ids.h"

namespace incidenthub {

struct LogEntry {
  Sequence sequence = 0;
  // An encoded internal.v1.LogRecord.
  std::string record;
};

// Threads: Append by the one writer; the rest by any.
class EventLog {
 public:
  virtual ~EventLog() = default;

  // Appends all of `entries` or none, and syncs them to disk.
  //
  // OK: durable. UNAVAILABLE / LOG_OUTCOME_UNKNOWN: they may or may not be in the log; the writer
  // must stop, and open the log anew before it decides anything. REQUIRES: sequences rise, from
  // above head().
  virtual absl::Status Append(absl::Span<const LogEntry> entries) = 0;

  // Sequence of the last entry appended, or of the last that may not be used any more; 0 if there
  // is none.
  virtual Sequence head() const = 0;

  // Hands every entry after `after` to `handle`, in order, until it returns an error, which becomes
  // the result.
  virtual absl::Status Replay(
      Sequence after,
      absl::FunctionRef<absl::Status(Sequence sequence, absl::string_view record)> handle)
      const = 0;

  // Of this log, the running writer's last.
  virtual const Generations& generations() const = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_LOG_EVENT_LOG_H_
