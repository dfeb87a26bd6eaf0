// A run's outcome, for people and for programs.

#ifndef INCIDENTHUB_TESTS_BENCH_RESULTS_H_
#define INCIDENTHUB_TESTS_BENCH_RESULTS_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "tests/bench/figures.h"

namespace incidenthub::bench {

struct Results {
  const Figures& figures;
  std::vector<std::pair<std::string, std::string>> machine;
  // How it was measured: rounds, seconds, bytes.
  std::string setup;
  // What could not be measured, and why.
  std::map<std::string, std::string> skipped;

  std::string ToMarkdown() const;
  // {"machine":{...},"setup":"...","skipped":{...},"figures":{...}}
  std::string ToJson() const;
};

// Writes PREFIX.md, PREFIX.json and PREFIX.svg. UNAVAILABLE: one of them cannot be written.
absl::Status WriteResults(const Results& results, const std::string& prefix);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_RESULTS_H_
