// A directory of a test's own, removed with everything in it.

#ifndef INCIDENTHUB_TESTS_SUPPORT_TEMP_DIR_H_
#define INCIDENTHUB_TESTS_SUPPORT_TEMP_DIR_H_

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "common/check.h"

namespace incidenthub::testing {

class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "incidenthub.XXXXXX").string()) {
    INCIDENTHUB_CHECK(mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  // A path inside; nothing is made there.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_TEMP_DIR_H_
