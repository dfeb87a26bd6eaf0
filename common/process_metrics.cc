#include "common/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace incidenthub {
namespace {

// Fields of /proc/self/stat after the name, which is the second and may hold anything; see proc(5).
constexpr size_t kUserTicks = 14 - 3;
constexpr size_t kSystemTicks = 15 - 3;
constexpr size_t kStartTicks = 22 - 3;
constexpr size_t kResidentPages = 24 - 3;

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Empty: they cannot be listed.
std::optional<size_t> OpenDescriptors() {
  std::error_code error;
  std::filesystem::directory_iterator at("/proc/self/fd", error);
  if (error) return std::nullopt;
  size_t count = 0;
  for (const std::filesystem::directory_iterator end; at != end; at.increment(error)) {
    if (error) return std::nullopt;
    ++count;
  }
  // Without the one that this listing has open.
  return count - 1;
}

void Append(const char* name, const char* type, const char* help, double value, std::string* text) {
  // Exact for whole numbers of bytes, and for milliseconds of this century.
  absl::StrAppendFormat(text, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", name, help, name, type,
                        name, value);
}

}  // namespace

std::optional<ProcessStat> ParseProcessStat(absl::string_view text) {
  const size_t name_end = text.rfind(')');
  if (name_end == absl::string_view::npos) return std::nullopt;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(text.substr(name_end + 1), absl::ByAnyChar(" \n"), absl::SkipEmpty());
  ProcessStat stat;
  uint64_t user = 0;
  uint64_t system = 0;
  if (fields.size() <= kResidentPages || !absl::SimpleAtoi(fields[kUserTicks], &user) ||
      !absl::SimpleAtoi(fields[kSystemTicks], &system) ||
      !absl::SimpleAtoi(fields[kStartTicks], &stat.start_ticks) ||
      !absl::SimpleAtoi(fields[kResidentPages], &stat.resident_pages)) {
    return std::nullopt;
  }
  stat.cpu_ticks = user + system;
  return stat;
}

std::optional<uint64_t> ParseBootTime(absl::string_view text) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    uint64_t seconds = 0;
    if (absl::ConsumePrefix(&line, "btime ") && absl::SimpleAtoi(line, &seconds)) return seconds;
  }
  return std::nullopt;
}

std::string ProcessMetricsText() {
  std::string text;
  const double ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  if (const auto stat = ParseProcessStat(ReadFile("/proc/self/stat")); stat.has_value()) {
    if (const auto boot = ParseBootTime(ReadFile("/proc/stat")); boot.has_value()) {
      Append("process_start_time_seconds", "gauge", "When the process started, in Unix seconds.",
             static_cast<double>(*boot) + static_cast<double>(stat->start_ticks) / ticks_per_second,
             &text);
    }
    Append("process_resident_memory_bytes", "gauge", "Memory of the process that is in RAM.",
           static_cast<double>(stat->resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE)),
           &text);
    Append("process_cpu_seconds_total", "counter", "User and system time of the process.",
           static_cast<double>(stat->cpu_ticks) / ticks_per_second, &text);
  }
  if (const auto open = OpenDescriptors(); open.has_value()) {
    Append("process_open_fds", "gauge", "File descriptors that are open.",
           static_cast<double>(*open), &text);
  }
  struct rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    Append("process_max_fds", "gauge", "File descriptors that may be open.",
           static_cast<double>(limit.rlim_cur), &text);
  }
  return text;
}

}  // namespace incidenthub
