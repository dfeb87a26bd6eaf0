// What the machine says of this process, as metrics under the names that Prometheus' own clients
// use.
//
// Threads: any.

#ifndef INCIDENTHUB_COMMON_PROCESS_METRICS_H_
#define INCIDENTHUB_COMMON_PROCESS_METRICS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace incidenthub {

struct ProcessStat {
  // User and system time, in clock ticks.
  uint64_t cpu_ticks = 0;
  // From the machine's start to the process's, in clock ticks.
  uint64_t start_ticks = 0;
  uint64_t resident_pages = 0;
};
// `text`: of /proc/self/stat. Empty: it is none.
std::optional<ProcessStat> ParseProcessStat(absl::string_view text);
// `text`: of /proc/stat. When the machine started, in Unix seconds; empty: it does not say.
std::optional<uint64_t> ParseBootTime(absl::string_view text);

// start time, resident memory, CPU time, descriptors open and allowed, in Prometheus' text format.
// What cannot be read is left out.
std::string ProcessMetricsText();

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_PROCESS_METRICS_H_
