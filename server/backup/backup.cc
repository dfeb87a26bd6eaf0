#include "server/backup/backup.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "server/backup/files.h"
#include "server/backup/manifest.h"

namespace incidenthub {
namespace {

// Of what is not a backup yet, or never became one.
constexpr absl::string_view kUnfinishedPrefix = ".unfinished-";

absl::Status Failed(const absl::Status& cause) {
  return ReasonError("BACKUP_FAILED", absl::StrCat("no backup was made: ", cause.message()));
}

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
}

}  // namespace

Backups::Backups(const Database* database, DiskSpace* disk, const Clock* clock, std::string folder)
    : database_(database), disk_(disk), clock_(clock), folder_(std::move(folder)) {}

absl::Status Backups::CheckName(absl::string_view name) const {
  if (name.size() > kBackupNameBytesMax) {
    return FieldError(
        "FIELD_INVALID", "name",
        absl::StrCat("has ", name.size(), " bytes; allowed are ", kBackupNameBytesMax));
  }
  if (absl::StartsWith(name, ".") || !std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return FieldError("FIELD_INVALID", "name",
                      absl::StrCat("is \"", Echo(name),
                                   "\"; allowed are letters, digits and -._, with no dot first"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Backup> Backups::Create(const std::string& name) {
  RETURN_IF_ERROR(CheckName(name));
  if (folder_.empty()) {
    return ReasonError("BACKUP_DIR_NOT_SET",
                       "the hub has nowhere to put backups; start it with --backup_dir=DIRECTORY");
  }
  RETURN_IF_ERROR(disk_->Check());
  const absl::Time now = clock_->Now();
  const std::string chosen =
      name.empty() ? absl::FormatTime("%Y-%m-%dT%H-%M-%SZ", now, absl::UTCTimeZone()) : name;
  RETURN_IF_ERROR(MakeRoom(chosen));
  absl::StatusOr<Backup> backup = Write(chosen);
  if (!backup.ok()) {
    std::error_code ignored;
    std::filesystem::remove_all(UnfinishedPath(chosen), ignored);
    return Failed(backup.status());
  }
  count_.fetch_add(1, std::memory_order_relaxed);
  last_nanos_.store(absl::ToUnixNanos(now), std::memory_order_relaxed);
  return backup;
}

absl::Time Backups::last_time() const {
  const int64_t nanos = last_nanos_.load(std::memory_order_relaxed);
  return nanos == 0 ? absl::InfinitePast() : absl::FromUnixNanos(nanos);
}

std::string Backups::UnfinishedPath(const std::string& name) const {
  return absl::StrCat(folder_, "/", kUnfinishedPrefix, name);
}

// Removes what was never finished, and sees that there is room for one more.
absl::Status Backups::MakeRoom(const std::string& name) const {
  if (const absl::Status made = MakeFolder(folder_); !made.ok()) return Failed(made);
  size_t count = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end;
       at.increment(error)) {
    const std::string found = at->path().filename().string();
    if (found == name) {
      return ReasonError("BACKUP_EXISTS", absl::StrCat("there is a \"", name, "\" in \"", folder_,
                                                       "\" already; choose another name"));
    }
    if (absl::StartsWith(found, kUnfinishedPrefix)) {
      std::error_code removed;
      std::filesystem::remove_all(at->path(), removed);
    } else if (!absl::StartsWith(found, ".")) {
      ++count;
    }
  }
  if (error) return Failed(absl::UnavailableError(absl::StrCat(folder_, ": ", error.message())));
  if (count >= kBackupsMax) {
    return ReasonError("TOO_MANY_BACKUPS",
                       absl::StrCat("there are ", count, " backups in \"", folder_,
                                    "\" already; delete or move some"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Backup> Backups::Write(const std::string& name) {
  const std::string unfinished = UnfinishedPath(name);
  Backup backup;
  backup.name = name;
  backup.path = absl::StrCat(folder_, "/", name);
  RETURN_IF_ERROR(database_->Checkpoint(unfinished));
  {
    // Also sees that it can be read.
    ASSIGN_OR_RETURN(const std::unique_ptr<Database> copy, Database::OpenReadOnly(unfinished));
    ASSIGN_OR_RETURN(backup.head, copy->LastNumber(Table::kEvents));
  }
  ASSIGN_OR_RETURN(const internal::v1::BackupManifest manifest,
                   WriteManifest(unfinished, backup.head, clock_->Now()));
  for (const internal::v1::BackupFile& file : manifest.files()) backup.bytes += file.bytes();
  if (std::rename(unfinished.c_str(), backup.path.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot rename \"", unfinished, "\" to \"", backup.path, "\""));
  }
  RETURN_IF_ERROR(SyncFolder(folder_));
  return backup;
}

}  // namespace incidenthub
