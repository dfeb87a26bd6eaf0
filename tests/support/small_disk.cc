#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace incidenthub::testing {
namespace {

absl::Status ErrorOf(absl::string_view call, int error) {
  const std::string message = absl::StrCat(call, ": ", std::strerror(error));
  return error == EPERM ? absl::PermissionDeniedError(message) : absl::InternalError(message);
}

// From here on what is mounted stays within this process and its children. Before main, since the
// thread that forks them must have it too.
bool TakeOwnMounts() {
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
}
const bool kHasOwnMounts = TakeOwnMounts();

}  // namespace

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::Mount(const std::string& path,
                                                            uint64_t bytes) {
  if (!kHasOwnMounts) return absl::PermissionDeniedError("it takes root to mount a disk");
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return absl::InternalError(absl::StrCat(path, ": ", error.message()));
  if (mount("tmpfs", path.c_str(), "tmpfs", 0, absl::StrCat("size=", bytes).c_str()) != 0) {
    return ErrorOf("mount", errno);
  }
  return std::unique_ptr<SmallDisk>(new SmallDisk(path));
}

SmallDisk::~SmallDisk() { umount2(path_.c_str(), MNT_DETACH); }

absl::Status SmallDisk::Fill(uint64_t left) {
  struct statvfs disk = {};
  if (statvfs(path_.c_str(), &disk) != 0) return ErrorOf("statvfs", errno);
  const uint64_t free = uint64_t{disk.f_bavail} * uint64_t{disk.f_frsize};
  if (free <= left) return absl::OkStatus();
  const int file = open(filler().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) return ErrorOf("open", errno);
  const int error = posix_fallocate(file, 0, static_cast<off_t>(free - left));
  close(file);
  return error == 0 ? absl::OkStatus() : ErrorOf("posix_fallocate", error);
}

void SmallDisk::Free() {
  std::error_code ignored;
  std::filesystem::remove(filler(), ignored);
}

}  // namespace incidenthub::testing
