// The log on this machine's disk, in the hub's RocksDB. The database's lock file makes this process
// its only writer.

#ifndef INCIDENTHUB_SERVER_LOG_LOCAL_EVENT_LOG_H_
#define INCIDENTHUB_SERVER_LOG_LOCAL_EVENT_LOG_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "server/db/database.h"
#include "server/log/event_log.h"

namespace incidenthub {

class LocalEventLog final : public EventLog {
 public:
  // Opens the log in `database`, which outlives it, and durably begins a new generation. The
  // sequences of the `skipped` events that may once have followed the log's last are left out, for
  // ever: head() is beyond them.
  static absl::StatusOr<std::unique_ptr<LocalEventLog>> Open(Database* database,
                                                             uint64_t skipped = 0);

  absl::Status Append(absl::Span<const LogEntry> entries) override;
  Sequence head() const override { return head_.load(std::memory_order_acquire); }
  absl::Status Replay(Sequence after,
                      absl::FunctionRef<absl::Status(Sequence sequence, absl::string_view record)>
                          handle) const override;
  const Generations& generations() const override { return generations_; }

 private:
  LocalEventLog(Database* database, Sequence head, Generations generations);

  Database* const database_;
  const Generations generations_;
  std::atomic<Sequence> head_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_LOG_LOCAL_EVENT_LOG_H_
