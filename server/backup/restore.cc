#include "server/backup/restore.h"

#include <filesystem>
#include <memory>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/backup/files.h"
#include "server/backup/manifest.h"
#include "server/core/recovery.h"
#include "server/db/database.h"
#include "server/log/local_event_log.h"
#include "server/store/store.h"

namespace incidenthub {
namespace {

// There while a restore is under way. A database without all of its files could be taken for a new
// one.
constexpr char kMarkerName[] = "UNFINISHED_RESTORE";
// What file systems put at the root of a fresh volume.
constexpr char kLostAndFound[] = "lost+found";

absl::Status CheckEmpty(const std::string& data_dir) {
  std::error_code error;
  for (std::filesystem::directory_iterator at(data_dir, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().filename() == kLostAndFound) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("--data_dir=", data_dir, " is not empty: it has \"",
                     at->path().filename().string(), "\"; restore into a new directory"));
  }
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("--data_dir=", data_dir, ": cannot be read: ", error.message()));
  }
  return absl::OkStatus();
}

void Empty(const std::string& data_dir) {
  std::error_code ignored;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir, ignored)) {
    if (entry.path().filename() != kLostAndFound) paths.push_back(entry.path());
  }
  for (const auto& path : paths) std::filesystem::remove_all(path, ignored);
}

// Reads everything in `data_dir`, and makes it a hub's again.
absl::StatusOr<Restored> Open(const internal::v1::BackupManifest& manifest,
                              const std::string& data_dir) {
  Restored restored;
  ASSIGN_OR_RETURN(const std::unique_ptr<Database> database, Database::Open(data_dir));
  RETURN_IF_ERROR(database->VerifyFiles());
  ASSIGN_OR_RETURN(restored.head, database->LastNumber(Table::kEvents));
  if (restored.head != manifest.head_sequence()) {
    return absl::DataLossError(absl::StrCat("the backup is damaged: its last event is ",
                                            restored.head, ", and was ", manifest.head_sequence()));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<LocalEventLog> log,
                   LocalEventLog::Open(database.get(), kRestoreSkippedSequences));
  restored.next = log->head() + 1;
  RETURN_IF_ERROR(log->Replay(0, [&](Sequence sequence, absl::string_view record) {
    ++restored.events;
    return ParseRecord(sequence, record).status();
  }));
  ASSIGN_OR_RETURN(const std::unique_ptr<Store> store, Store::Open(database.get()));
  RETURN_IF_ERROR(Recover(*log, store.get()).status());
  restored.incidents = store->incident_count();
  return restored;
}

absl::StatusOr<Restored> CopyAndOpen(const internal::v1::BackupManifest& manifest,
                                     const std::string& backup, const std::string& data_dir) {
  for (const internal::v1::BackupFile& file : manifest.files()) {
    RETURN_IF_ERROR(
        CopyFile(absl::StrCat(backup, "/", file.name()), absl::StrCat(data_dir, "/", file.name())));
  }
  RETURN_IF_ERROR(SyncFolder(data_dir));
  return Open(manifest, data_dir);
}

}  // namespace

absl::Status CheckRestoreFinished(const std::string& data_dir) {
  std::error_code ignored;
  if (!std::filesystem::exists(absl::StrCat(data_dir, "/", kMarkerName), ignored)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "--data_dir=", data_dir, ": a restore to it was cut off; empty it, and restore again"));
}

absl::StatusOr<Restored> RestoreBackup(const std::string& backup, const std::string& data_dir) {
  ASSIGN_OR_RETURN(const internal::v1::BackupManifest manifest, ReadManifest(backup));
  RETURN_IF_ERROR(MakeFolder(data_dir));
  RETURN_IF_ERROR(CheckEmpty(data_dir));
  const std::string marker = absl::StrCat(data_dir, "/", kMarkerName);
  RETURN_IF_ERROR(WriteFile(marker, ""));
  RETURN_IF_ERROR(SyncFolder(data_dir));
  absl::StatusOr<Restored> restored = CopyAndOpen(manifest, backup, data_dir);
  if (!restored.ok()) {
    Empty(data_dir);
    return restored;
  }
  std::error_code error;
  std::filesystem::remove(marker, error);
  if (error) return absl::UnavailableError(absl::StrCat("remove ", marker, ": ", error.message()));
  RETURN_IF_ERROR(SyncFolder(data_dir));
  return restored;
}

}  // namespace incidenthub
