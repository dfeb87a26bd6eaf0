// Files of a folder, with their syncs. Errors name the path.

#ifndef INCIDENTHUB_SERVER_BACKUP_FILES_H_
#define INCIDENTHUB_SERVER_BACKUP_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace incidenthub {

struct FileSize {
  std::string name;
  uint64_t bytes = 0;
};

// The files in `folder`, by name, without those in folders of its own.
absl::StatusOr<std::vector<FileSize>> ListFiles(const std::string& folder);

// Makes `folder`, and those above it.
absl::Status MakeFolder(const std::string& folder);

// Copies a file to `to`, which must not exist, and syncs it.
absl::Status CopyFile(const std::string& from, const std::string& to);

// Writes a file at `path`, which must not exist, and syncs it.
absl::Status WriteFile(const std::string& path, absl::string_view text);

// Makes durable which files there are in `folder`.
absl::Status SyncFolder(const std::string& folder);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_BACKUP_FILES_H_
