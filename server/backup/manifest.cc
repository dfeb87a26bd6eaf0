#include "server/backup/manifest.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "google/protobuf/text_format.h"
#include "server/backup/files.h"
#include "server/domain/rank.h"

namespace incidenthub {

absl::StatusOr<internal::v1::BackupManifest> WriteManifest(const std::string& folder, Sequence head,
                                                           absl::Time now) {
  internal::v1::BackupManifest manifest;
  manifest.set_version(kBackupVersion);
  manifest.set_head_sequence(head);
  *manifest.mutable_create_time() = ToTimestamp(now);
  ASSIGN_OR_RETURN(const std::vector<FileSize> files, ListFiles(folder));
  for (const FileSize& file : files) {
    internal::v1::BackupFile* const listed = manifest.add_files();
    listed->set_name(file.name);
    listed->set_bytes(file.bytes);
  }
  RETURN_IF_ERROR(WriteFile(absl::StrCat(folder, "/", kManifestName), manifest.Utf8DebugString()));
  RETURN_IF_ERROR(SyncFolder(folder));
  return manifest;
}

absl::StatusOr<internal::v1::BackupManifest> ReadManifest(const std::string& folder) {
  const std::string path = absl::StrCat(folder, "/", kManifestName);
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(
        "\"", folder, "\" is no backup: there is no readable file \"", kManifestName,
        "\" in it; name a folder that CreateBackup or `incidentctl backup` made, whole"));
  }
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  google::protobuf::TextFormat::Parser parser;
  parser.AllowUnknownField(true);
  internal::v1::BackupManifest manifest;
  if (!parser.ParseFromString(text, &manifest)) {
    return absl::DataLossError(absl::StrCat("\"", path, "\" is damaged"));
  }
  if (manifest.version() != kBackupVersion) {
    return absl::DataLossError(absl::StrCat("\"", path, "\" is of version ", manifest.version(),
                                            "; this hub reads version ", kBackupVersion));
  }
  ASSIGN_OR_RETURN(const std::vector<FileSize> files, ListFiles(folder));
  std::map<std::string, uint64_t> sizes;
  for (const FileSize& found : files) sizes[found.name] = found.bytes;
  for (const internal::v1::BackupFile& listed : manifest.files()) {
    const auto found = sizes.find(listed.name());
    if (found == sizes.end()) {
      return absl::DataLossError(absl::StrCat("the backup \"", folder, "\" is incomplete: \"",
                                              listed.name(), "\" is missing"));
    }
    if (found->second != listed.bytes()) {
      return absl::DataLossError(
          absl::StrCat("the backup \"", folder, "\" is damaged: \"", listed.name(), "\" has ",
                       Counted(found->second, "byte"), ", and had ", listed.bytes()));
    }
  }
  return manifest;
}

}  // namespace incidenthub
