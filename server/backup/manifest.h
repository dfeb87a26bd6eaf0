// What stands beside the files of a backup: see internal/v1/backup.proto.

#ifndef INCIDENTHUB_SERVER_BACKUP_MANIFEST_H_
#define INCIDENTHUB_SERVER_BACKUP_MANIFEST_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "incidenthub/internal/v1/backup.pb.h"
#include "server/domain/ids.h"

namespace incidenthub {

inline constexpr uint32_t kBackupVersion = 1;
// Its file in the backup's folder.
inline constexpr char kManifestName[] = "BACKUP";

// Lists the files that are in `folder` now, and writes that durably beside them.
absl::StatusOr<internal::v1::BackupManifest> WriteManifest(const std::string& folder, Sequence head,
                                                           absl::Time now);

// NOT_FOUND: `folder` is no backup, or not a whole one. DATA_LOSS: it is none that this hub can
// read, or a file in it is missing or has another size.
absl::StatusOr<internal::v1::BackupManifest> ReadManifest(const std::string& folder);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_BACKUP_MANIFEST_H_
