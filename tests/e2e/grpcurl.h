// Where grpcurl is.

#ifndef INCIDENTHUB_TESTS_E2E_GRPCURL_H_
#define INCIDENTHUB_TESTS_E2E_GRPCURL_H_

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace incidenthub::testing {

// Empty: there is none on this machine.
inline std::string FindGrpcurl() {
  std::vector<std::string> candidates = {
      absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/.tools/bin/grpcurl"), "/usr/local/bin/grpcurl"};
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    candidates.push_back(absl::StrCat(folder, "/grpcurl"));
  }
  for (const std::string& candidate : candidates) {
    if (std::filesystem::is_regular_file(candidate)) return candidate;
  }
  return "";
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_GRPCURL_H_
