#include "server/backup/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace incidenthub {
namespace {

constexpr size_t kCopyBytes = size_t{1} << 20U;
constexpr mode_t kFileMode = 0600;

absl::Status ErrorOf(absl::string_view what, const std::string& path, int error) {
  return absl::UnavailableError(absl::StrCat(what, " \"", path, "\": ", std::strerror(error)));
}

class File {
 public:
  File(std::string path, int flags) : path_(std::move(path)) {
    fd_ = open(path_.c_str(), flags | O_CLOEXEC, kFileMode);
  }
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::Status Opened() const {
    return fd_ >= 0 ? absl::OkStatus() : ErrorOf("open", path_, errno);
  }
  // 0: the end.
  absl::StatusOr<size_t> Read(std::string* buffer) const {
    const ssize_t bytes = read(fd_, buffer->data(), buffer->size());
    if (bytes < 0) return ErrorOf("read", path_, errno);
    return static_cast<size_t>(bytes);
  }
  absl::Status Write(absl::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = write(fd_, bytes.data(), bytes.size());
      if (written < 0) return ErrorOf("write", path_, errno);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
    return absl::OkStatus();
  }
  absl::Status Sync() const {
    return fsync(fd_) == 0 ? absl::OkStatus() : ErrorOf("sync", path_, errno);
  }

 private:
  const std::string path_;
  int fd_ = -1;
};

}  // namespace

absl::StatusOr<std::vector<FileSize>> ListFiles(const std::string& folder) {
  std::vector<FileSize> files;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (!at->is_regular_file(error)) continue;
    files.push_back({at->path().filename().string(), at->file_size(error)});
  }
  if (error) return ErrorOf("read", folder, error.value());
  std::sort(files.begin(), files.end(),
            [](const FileSize& a, const FileSize& b) { return a.name < b.name; });
  return files;
}

absl::Status MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  return error ? ErrorOf("make", folder, error.value()) : absl::OkStatus();
}

absl::Status CopyFile(const std::string& from, const std::string& to) {
  const File source(from, O_RDONLY);
  RETURN_IF_ERROR(source.Opened());
  const File copy(to, O_WRONLY | O_CREAT | O_EXCL);
  RETURN_IF_ERROR(copy.Opened());
  std::string buffer(kCopyBytes, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const size_t bytes, source.Read(&buffer));
    if (bytes == 0) return copy.Sync();
    RETURN_IF_ERROR(copy.Write(absl::string_view(buffer).substr(0, bytes)));
  }
}

absl::Status WriteFile(const std::string& path, absl::string_view text) {
  const File file(path, O_WRONLY | O_CREAT | O_EXCL);
  RETURN_IF_ERROR(file.Opened());
  RETURN_IF_ERROR(file.Write(text));
  return file.Sync();
}

absl::Status SyncFolder(const std::string& folder) {
  const File opened(folder, O_RDONLY | O_DIRECTORY);
  RETURN_IF_ERROR(opened.Opened());
  return opened.Sync();
}

}  // namespace incidenthub
