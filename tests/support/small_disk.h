// A disk of a few megabytes, in memory, that a test can fill: seen by this process and its children
// only, and gone with them.
//
// Threads: the one that mounted it, and those started from it since.

#ifndef INCIDENTHUB_TESTS_SUPPORT_SMALL_DISK_H_
#define INCIDENTHUB_TESTS_SUPPORT_SMALL_DISK_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace incidenthub::testing {

class SmallDisk {
 public:
  // Mounts it on `path`, which is made. PERMISSION_DENIED: it takes root.
  static absl::StatusOr<std::unique_ptr<SmallDisk>> Mount(const std::string& path, uint64_t bytes);
  // Unmounts it.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Takes all that is free but for `left` bytes, until Free.
  absl::Status Fill(uint64_t left);
  void Free();

 private:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {}
  std::string filler() const { return path_ + "/filler"; }

  const std::string path_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_SMALL_DISK_H_
