// The bodies in tests/testdata/bigpanda.

#ifndef INCIDENTHUB_TESTS_COMMON_DECODE_TESTDATA_H_
#define INCIDENTHUB_TESTS_COMMON_DECODE_TESTDATA_H_

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

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

// Every body there is, sorted.
inline std::vector<std::filesystem::path> BigPandaBodies() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(BigPandaTestdata())) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_COMMON_DECODE_TESTDATA_H_
