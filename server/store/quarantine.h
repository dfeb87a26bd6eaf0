// The quarantine: bodies that map to no incident, kept for somebody to look at. Beside the fold: no
// event tells of them.
//
// Invariants: (1) numbers rise and are never used again, also after the newest body was dropped and
//             the hub has restarted; (2) no more than kQuarantineBodiesMax bodies are held, of
//             kQuarantineBytesMax together: past either the oldest leave.
// Threads:    Write by the one writer; the rest by any. Sizes and ages are held in memory, bodies
//             are read from the disk.
// Errors:     of Database.

#ifndef INCIDENTHUB_SERVER_STORE_QUARANTINE_H_
#define INCIDENTHUB_SERVER_STORE_QUARANTINE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/db/database.h"

namespace incidenthub {

// Bounds of the quarantine; past them the oldest bodies leave.
inline constexpr uint64_t kQuarantineBodiesMax = 10'000;
inline constexpr uint64_t kQuarantineBytesMax = uint64_t{256} << 20U;

// A body's reason is cut to this when it is kept.
inline constexpr size_t kQuarantineReasonBytesMax = 1024;

// NOT_FOUND / QUARANTINED_NOT_FOUND.
absl::Status QuarantinedNotFound(uint64_t id);

// What a write does, as a whole or not at all.
struct QuarantineChange {
  // Numbers of bodies that leave; those that are not held are passed over.
  std::vector<uint64_t> drop;
  // With `keep_time`.
  std::vector<internal::v1::QuarantinedBody> keep;
};

class Quarantine {
 public:
  // `database` outlives it. To be loaded before it is used.
  explicit Quarantine(Database* database) : database_(database) {}
  absl::Status Load() ABSL_LOCKS_EXCLUDED(mu_);

  // Returns the number of the first body kept; the rest follow it.
  absl::StatusOr<uint64_t> Write(const QuarantineChange& change, Database::Durability durability)
      ABSL_LOCKS_EXCLUDED(mu_);

  bool Holds(uint64_t id) const ABSL_LOCKS_EXCLUDED(mu_);

  // Empty: it is not held.
  absl::StatusOr<std::optional<internal::v1::QuarantinedBody>> Get(uint64_t id) const;

  // Numbers of bodies, the newest first: those below `before`, at most `max`; 0: all of them.
  std::vector<uint64_t> NewestBelow(uint64_t before, size_t max) const ABSL_LOCKS_EXCLUDED(mu_);

  // Numbers of the oldest bodies, at most `max`, up to the first that was kept after `time`.
  std::vector<uint64_t> KeptUntil(absl::Time time, size_t max) const ABSL_LOCKS_EXCLUDED(mu_);

  // Bodies held.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  // Bodies that had to leave for newer ones, since the start of the process.
  uint64_t pushed_out() const { return pushed_out_.load(std::memory_order_relaxed); }

 private:
  struct Held {
    uint64_t bytes = 0;
    absl::Time keep_time;
  };

  // Returns the numbers that leave.
  std::vector<uint64_t> Drop(const std::vector<uint64_t>& ids) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<uint64_t> PushOut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Database* const database_;
  std::atomic<uint64_t> count_{0};
  std::atomic<uint64_t> pushed_out_{0};

  // Held for moments only, and not while the disk is waited for: what it guards runs ahead of the
  // database while something is written.
  mutable absl::Mutex mu_;
  absl::btree_map<uint64_t, Held> held_ ABSL_GUARDED_BY(mu_);
  uint64_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t last_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_QUARANTINE_H_
