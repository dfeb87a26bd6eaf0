#include "tests/e2e/hub_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

absl::Status ToStatus(const rocksdb::Status& status) {
  return status.ok() ? absl::OkStatus() : absl::InternalError(status.ToString());
}

absl::Status LastError(absl::string_view call) {
  return absl::InternalError(absl::StrCat(call, ": ", std::strerror(errno)));
}

// Of the table of events: every file but the last ends after a block.
absl::Status RewriteEvents(rocksdb::DB* database, rocksdb::ColumnFamilyHandle* family) {
  if (family->GetName() != "events") return absl::OkStatus();
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  return ToStatus(database->CompactRange(options, family, nullptr, nullptr));
}

}  // namespace

absl::Status SplitEvents(const std::string& data_dir) {
  rocksdb::Options options;
  options.target_file_size_base = 1;
  options.compression = rocksdb::kNoCompression;
  std::vector<std::string> names;
  RETURN_IF_ERROR(ToStatus(rocksdb::DB::ListColumnFamilies(options, data_dir, &names)));
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back(name, options);
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  rocksdb::DB* opened = nullptr;
  RETURN_IF_ERROR(ToStatus(rocksdb::DB::Open(options, data_dir, descriptors, &families, &opened)));
  const std::unique_ptr<rocksdb::DB> database(opened);
  absl::Status status;
  for (rocksdb::ColumnFamilyHandle* family : families) {
    status.Update(RewriteEvents(database.get(), family));
    database->DestroyColumnFamilyHandle(family);
  }
  return status;
}

std::vector<std::string> DataFilesWith(const std::string& data_dir, const std::string& text) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir)) {
    if (entry.path().extension() == ".sst" && absl::StrContains(ReadFile(entry.path()), text)) {
      paths.push_back(entry.path());
    }
  }
  return paths;
}

absl::Status DamageFile(const std::string& path, const std::string& text) {
  const size_t at = ReadFile(path).find(text);
  if (at == std::string::npos) return absl::NotFoundError(absl::StrCat(text, " in ", path));
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(~static_cast<unsigned char>(text.front())));
  file.flush();
  return file.good() ? absl::OkStatus() : LastError(path);
}

std::set<std::string> OpenFilesOf(pid_t pid) {
  std::set<std::string> paths;
  std::error_code gone;
  for (const auto& entry :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/fd"), gone)) {
    const std::filesystem::path path = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone) paths.insert(path);
  }
  return paths;
}

absl::StatusOr<std::unique_ptr<HeldFile>> HeldFile::Hold(const std::string& data_dir,
                                                         const std::string& prefix) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(data_dir)) {
    if (absl::StartsWith(entry.path().filename().string(), prefix)) found.push_back(entry.path());
  }
  if (found.size() != 1) return absl::NotFoundError(absl::StrCat(found.size(), " ", prefix));
  std::unique_ptr<HeldFile> held(new HeldFile(found[0]));
  if (std::rename(held->path_.c_str(), held->saved().c_str()) != 0) return LastError("rename");
  // Opening a pipe waits for its other end.
  if (mkfifo(held->path_.c_str(), 0600) != 0) return LastError("mkfifo");
  return held;
}

absl::Status HeldFile::Release(absl::Duration timeout) {
  OwnedFd pipe;
  WaitUntil(
      [&] {
        pipe = OwnedFd(open(path_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
        return pipe.get() >= 0;
      },
      timeout);
  if (pipe.get() < 0) return LastError("nobody reads it");
  // Fits into the pipe, or is cut off, which the reader would notice.
  const std::string content = ReadFile(saved());
  if (write(pipe.get(), content.data(), content.size()) < 0) return LastError("write");
  if (std::rename(saved().c_str(), path_.c_str()) != 0) return LastError("rename");
  return absl::OkStatus();
}

}  // namespace incidenthub::testing
