// Backups of a running hub: a folder for each, with a copy of the database and a manifest.
//
// A backup is there whole or not at all: it is written under a name that begins with a dot, synced,
// and renamed. What a crash leaves of one is removed by the next. Nothing else is ever removed.
//
// Threads: Create by one at a time; the counters by any.

#ifndef INCIDENTHUB_SERVER_BACKUP_BACKUP_H_
#define INCIDENTHUB_SERVER_BACKUP_BACKUP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/core/disk_space.h"
#include "server/db/database.h"
#include "server/domain/ids.h"

namespace incidenthub {

inline constexpr size_t kBackupsMax = 100;
inline constexpr size_t kBackupNameBytesMax = 64;

struct Backup {
  std::string name;
  std::string path;
  // The last event in it.
  Sequence head = 0;
  uint64_t bytes = 0;
};

class Backups {
 public:
  // Of `database`, below `folder`, which is made with the first; empty: there is nowhere to put
  // them. Both pointers outlive it.
  Backups(const Database* database, DiskSpace* disk, const Clock* clock, std::string folder);

  // INVALID_ARGUMENT / FIELD_INVALID: no such name may be given. Empty: the clock's time.
  absl::Status CheckName(absl::string_view name) const;

  // Makes one, and returns when it is durable. Holds up nobody who writes to the database.
  //
  // FAILED_PRECONDITION / BACKUP_DIR_NOT_SET, ALREADY_EXISTS / BACKUP_EXISTS, RESOURCE_EXHAUSTED /
  // TOO_MANY_BACKUPS, UNAVAILABLE / DISK_FULL, or UNAVAILABLE / BACKUP_FAILED with the cause.
  absl::StatusOr<Backup> Create(const std::string& name);

  // Made since the start of the process, and when the last one was; InfinitePast(): none was.
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }
  absl::Time last_time() const;

 private:
  absl::Status MakeRoom(const std::string& name) const;
  absl::StatusOr<Backup> Write(const std::string& name);
  std::string UnfinishedPath(const std::string& name) const;

  const Database* const database_;
  DiskSpace* const disk_;
  const Clock* const clock_;
  const std::string folder_;
  std::atomic<uint64_t> count_{0};
  std::atomic<int64_t> last_nanos_{0};
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_BACKUP_BACKUP_H_
