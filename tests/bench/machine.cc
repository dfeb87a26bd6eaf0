#include "tests/bench/machine.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace incidenthub::bench {
namespace {

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!absl::StartsWith(line, "model name")) continue;
    return std::string(absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
  }
  return "unknown";
}

// Type and device of the mount that is the longest beginning of the path.
std::string FileSystem(const std::string& folder) {
  std::error_code failed;
  const std::string path = std::filesystem::canonical(folder, failed).string() + "/";
  std::ifstream mounts("/proc/mounts");
  std::string line;
  std::string best = "unknown";
  size_t best_length = 0;
  while (std::getline(mounts, line)) {
    std::istringstream fields(line);
    std::string device;
    std::string point;
    std::string type;
    fields >> device >> point >> type;
    const bool fits = point == "/" || absl::StartsWith(path, point + "/");
    if (!fits || point.size() < best_length) continue;
    best_length = point.size();
    best = absl::StrCat(type, " on ", device);
  }
  return best;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> MachineFacts(const std::string& folder,
                                                              const std::string& commit) {
  utsname kernel = {};
  uname(&kernel);
  const int64_t memory = sysconf(_SC_PHYS_PAGES) * (sysconf(_SC_PAGE_SIZE) >> 10) >> 10;
  rlimit files = {};
  getrlimit(RLIMIT_NOFILE, &files);
  return {
      {"CPU", CpuModel()},
      {"cores", absl::StrCat(sysconf(_SC_NPROCESSORS_ONLN))},
      {"memory", absl::StrCat(memory, " MiB")},
      {"kernel", absl::StrCat(kernel.sysname, " ", kernel.release, " ", kernel.machine)},
      {"data directory", FileSystem(folder)},
      {"open files allowed", absl::StrCat(files.rlim_cur)},
      {"gRPC", INCIDENTHUB_GRPC_VERSION},
      {"protobuf", INCIDENTHUB_PROTOBUF_VERSION},
      {"RocksDB", INCIDENTHUB_ROCKSDB_VERSION},
      {"cpp-httplib", INCIDENTHUB_HTTPLIB_VERSION},
      {"commit", commit.empty() ? "unknown" : commit},
      {"time", absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::Now(), absl::UTCTimeZone())},
  };
}

}  // namespace incidenthub::bench
