#include "tests/e2e/random_run/small_disk.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace incidenthub::testing {
namespace {

constexpr int kResizeTriesMax = 100;

absl::Status LastError(absl::string_view what) { return absl::ErrnoToStatus(errno, what); }

// Makes this process root in a user namespace of its own: nobody else has to allow a mount there.
absl::Status EnterUserNamespace() {
  const uid_t uid = geteuid();
  const gid_t gid = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return LastError("unshare");
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
  if (geteuid() != 0) return absl::PermissionDeniedError("uid_map");
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterOwnMounts() {
  if (unshare(CLONE_NEWNS) != 0) RETURN_IF_ERROR(EnterUserNamespace());
  // What is mounted here stays here.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return LastError("mount /");
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SmallDisk>> SmallDisk::Mount(const std::string& directory,
                                                            uint64_t bytes) {
  const std::string options = absl::StrCat("size=", bytes);
  if (mount("incidenthub", directory.c_str(), "tmpfs", 0, options.c_str()) != 0) {
    return LastError(absl::StrCat("mount ", directory));
  }
  return std::unique_ptr<SmallDisk>(new SmallDisk(directory, bytes));
}

SmallDisk::~SmallDisk() { umount2(directory_.c_str(), MNT_DETACH); }

absl::Status SmallDisk::LeaveFree(uint64_t bytes) {
  absl::Status status;
  // Others write meanwhile, and a disk cannot be smaller than what is on it.
  for (int tries = 0; tries < kResizeTriesMax; ++tries) {
    struct statvfs info {};
    if (statvfs(directory_.c_str(), &info) != 0) return LastError("statvfs");
    const uint64_t used = (info.f_blocks - info.f_bfree) * info.f_frsize;
    status = Resize(used + bytes);
    if (status.ok()) break;
  }
  return status;
}

absl::Status SmallDisk::Restore() { return Resize(bytes_); }

absl::Status SmallDisk::Resize(uint64_t bytes) {
  const std::string options = absl::StrCat("size=", bytes);
  if (mount("incidenthub", directory_.c_str(), "tmpfs", MS_REMOUNT, options.c_str()) != 0) {
    return LastError(absl::StrCat("remount ", directory_, " with ", options));
  }
  return absl::OkStatus();
}

}  // namespace incidenthub::testing
