// The files in a hub's data directory: what tests damage, take away, and hold up.

#ifndef INCIDENTHUB_TESTS_E2E_HUB_FILES_H_
#define INCIDENTHUB_TESTS_E2E_HUB_FILES_H_

#include <sys/types.h>

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace incidenthub::testing {

// Writes the events of a hub that is stopped anew, uncompressed, into as many files as can be:
// large ones have one each.
absl::Status SplitEvents(const std::string& data_dir);

// Paths of the database's files of data that hold `text`.
std::vector<std::string> DataFilesWith(const std::string& data_dir, const std::string& text);

// Changes the first byte of `text` where it stands first in a file.
absl::Status DamageFile(const std::string& path, const std::string& text);

// Paths of the files that a process has open.
std::set<std::string> OpenFilesOf(pid_t pid);

// A file of a hub that runs, whose next reader has to wait. Who has it open already, as the hub has
// those that it writes, notices nothing.
class HeldFile {
 public:
  // The only file whose name begins so.
  static absl::StatusOr<std::unique_ptr<HeldFile>> Hold(const std::string& data_dir,
                                                        const std::string& prefix);
  // Hands the reader what it came for, once there is one, and puts the file back.
  absl::Status Release(absl::Duration timeout);

 private:
  explicit HeldFile(std::string path) : path_(std::move(path)) {}
  std::string saved() const { return path_ + ".held"; }

  const std::string path_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_HUB_FILES_H_
