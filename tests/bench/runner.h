// A run: rounds of parts, against a hub and a gateway of its own, new ones for each round, or
// against running ones.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_RUNNER_H_
#define INCIDENTHUB_TESTS_BENCH_RUNNER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/bench/parts.h"

namespace incidenthub::bench {

class Runner {
 public:
  // INVALID_ARGUMENT: one of `parts` is none; the message says which there are.
  static absl::StatusOr<std::unique_ptr<Runner>> Create(BenchOptions options,
                                                        std::vector<std::string> parts);

  // All rounds, each part in turn in each of them, and then what is said of two figures, and the
  // budgets. Says on stderr how far it is. Errors name the part.
  absl::Status Run();

  const Bench& bench() const { return bench_; }

 private:
  Runner(BenchOptions options, DeliveryTemplate deliveries, std::vector<std::string> parts);

  absl::Status RunRound(size_t round);
  void AddRatios();
  void SetBudgets();

  const std::vector<std::string> parts_;
  Bench bench_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_RUNNER_H_
