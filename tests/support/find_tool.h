// Where a program is that .ci/tools.sh gets for the tests.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FIND_TOOL_H_
#define INCIDENTHUB_TESTS_SUPPORT_FIND_TOOL_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace incidenthub::testing {

// Looks where .ci/tools.sh puts it, then in `usual`, a folder, then in PATH. Empty: there is none
// on this machine.
inline std::string FindTool(absl::string_view name, absl::string_view usual) {
  std::vector<absl::string_view> folders = {INCIDENTHUB_SOURCE_DIR "/.tools/bin", usual};
  const char* const path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    folders.push_back(folder);
  }
  for (const absl::string_view folder : folders) {
    std::string candidate = absl::StrCat(folder, "/", name);
    if (std::filesystem::is_regular_file(candidate)) return candidate;
  }
  return "";
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FIND_TOOL_H_
