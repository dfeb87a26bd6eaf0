// A disk of the test's own that can be filled: a tmpfs, in a mount namespace that only this process
// and its children see, and that goes with them.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SMALL_DISK_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SMALL_DISK_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace incidenthub::testing {

// Leaves the mount namespace of the system. Once, before there is a second thread. An error: this
// process may not, and has no small disks.
absl::Status EnterOwnMounts();

class SmallDisk {
 public:
  // Mounts it on `directory`, which exists. REQUIRES: EnterOwnMounts() was OK.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> Mount(const std::string& directory,
                                                          uint64_t bytes);
  // Unmounts it, with everything in it.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Shrinks the disk so that about so many bytes are left, as if others had filled it.
  absl::Status LeaveFree(uint64_t bytes);
  // Gives it back its size.
  absl::Status Restore();

 private:
  SmallDisk(std::string directory, uint64_t bytes) : directory_(directory), bytes_(bytes) {}
  absl::Status Resize(uint64_t bytes);

  const std::string directory_;
  const uint64_t bytes_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SMALL_DISK_H_
