// A backup becomes a data directory again.
//
// Threads: one, on a directory that no hub uses.

#ifndef INCIDENTHUB_SERVER_BACKUP_RESTORE_H_
#define INCIDENTHUB_SERVER_BACKUP_RESTORE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/domain/ids.h"

namespace incidenthub {

// Sequences that a restored log leaves out: its hub went on after the backup, and the events that
// are lost had sequences too, which clients may still hold. More than a hub makes between one
// backup and the next, and little enough for many restores within the 53 bits that JSON has.
inline constexpr uint64_t kRestoreSkippedSequences = 1'000'000'000;

struct Restored {
  // The last event in the backup, and the least sequence that the next one gets.
  Sequence head = 0;
  Sequence next = 0;
  uint64_t events = 0;
  uint64_t incidents = 0;
};

// Copies the backup in the folder `backup` to `data_dir`, which must be empty or not there, reads
// all of it, and begins a new generation. After an error `data_dir` is empty again.
//
// NOT_FOUND: there is no backup. FAILED_PRECONDITION: `data_dir` is not empty. DATA_LOSS: the
// backup is incomplete or damaged. UNAVAILABLE: a disk refuses.
absl::StatusOr<Restored> RestoreBackup(const std::string& backup, const std::string& data_dir);

// FAILED_PRECONDITION: a restore to `data_dir` was cut off, and nothing in it may be used.
absl::Status CheckRestoreFinished(const std::string& data_dir);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_BACKUP_RESTORE_H_
