// The bodies in tests/testdata.

#ifndef INCIDENTHUB_TESTS_COMMON_DECODE_TESTDATA_H_
#define INCIDENTHUB_TESTS_COMMON_DECODE_TESTDATA_H_

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace incidenthub::testing {

inline std::string ReadTestFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::filesystem::path BigPandaTestdata() {
  return std::filesystem::path(INCIDENTHUB_TESTDATA) / "bigpanda";
}

inline std::string DocumentedSample() {
  return ReadTestFile(BigPandaTestdata() / "documented_sample.json");
}

// Every body of a kind of source, sorted: what is not the expectation beside one.
inline std::vector<std::filesystem::path> BodiesOfKind(absl::string_view kind) {
  std::vector<std::filesystem::path> paths;
  const std::filesystem::path folder =
      std::filesystem::path(INCIDENTHUB_TESTDATA) / std::string(kind);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().extension() != ".txtpb")
      paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_COMMON_DECODE_TESTDATA_H_
