// When an endpoint of a FakeBigPanda is too busy, and what goes wrong with its next answers.
//
// Threads: one at a time; FakeBigPandaApi has the lock.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_FAULTS_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_FAULTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>

#include "absl/time/time.h"
#include "tests/support/fake_bigpanda_types.h"

namespace incidenthub::testing {

// Requests in the second that ends now.
class RateMeter {
 public:
  // A request has come. Whether it is let through: of those that are, there are at most `limit` in
  // any one second; 0: no limit. Those that are not do not count against the limit.
  bool Arrive(absl::Time now, int limit);
  // Most requests in any one second, let through or not.
  size_t most() const { return most_; }

 private:
  std::deque<absl::Time> all_;
  std::deque<absl::Time> let_through_;
  size_t most_ = 0;
};

class FaultPlan {
 public:
  // The next `count` requests; behind those planned before.
  void Add(BigPandaFault fault, int count);
  // Each request for which nothing else is planned, with this probability. The same seed makes the
  // same choices.
  void SetRandom(BigPandaFault fault, double probability, uint64_t seed);
  void Clear();

  // Of the request that has come.
  std::optional<BigPandaFault> Next();

 private:
  struct Planned {
    BigPandaFault fault;
    int count = 0;
  };
  struct Random {
    BigPandaFault fault;
    std::bernoulli_distribution happens;
    std::mt19937_64 engine;
  };
  std::deque<Planned> planned_;
  std::optional<Random> random_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_FAULTS_H_
