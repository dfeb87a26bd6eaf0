// The outcome of a run, for people and for programs.

#ifndef INCIDENTHUB_TESTS_BENCH_REPORT_H_
#define INCIDENTHUB_TESTS_BENCH_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/bench/latencies.h"

namespace incidenthub::bench {

// One part of the run: something done again and again for some seconds.
struct Part {
  // `webhooks`, ...: also the name in the JSON.
  std::string name;
  std::string what;
  double per_second = 0;
  Latencies latencies;
  uint64_t errors = 0;
  // CPU time of the processes measured, each by name, for one of what was done.
  std::vector<std::pair<std::string, absl::Duration>> cpu;
  // Resident memory of the hub at the end, in bytes; 0: not measured.
  uint64_t hub_bytes = 0;
  // The same when it began; 0: not measured.
  uint64_t hub_bytes_before = 0;
};

struct Report {
  size_t connections = 0;
  double rate = 0;
  size_t subscribers = 0;
  size_t body_bytes = 0;
  std::vector<Part> parts;

  // Null: that part was not run.
  const Part* Find(const std::string& name) const;
  // Throughput of one part as a share of another's; nothing if either was not run.
  std::optional<double> Ratio(const std::string& name, const std::string& of) const;

  std::string ToTable() const;
  // One object, in one line.
  std::string ToJson() const;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_REPORT_H_
