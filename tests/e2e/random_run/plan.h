// What a random run does, decided by its seed: who takes part, with which flags the servers run,
// and when which fault comes. What depends on real time, like whose request comes first, is not
// decided.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_PLAN_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident.pb.h"
#include "tests/support/stream_validator.h"

namespace incidenthub::testing {

// Random numbers of one actor: the same for the same seed and name.
class Rng {
 public:
  Rng(uint64_t seed, absl::string_view actor);

  // From 0 to `n` - 1. REQUIRES: `n` > 0.
  size_t Below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(engine_); }
  bool Chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }
  absl::Duration Between(absl::Duration min, absl::Duration max);
  // Around `mean`, mostly shorter, sometimes much longer.
  absl::Duration Around(absl::Duration mean);

 private:
  std::mt19937_64 engine_;
};

// A set of matchers, and what it means, said a second time and independently of the hub.
struct Filter {
  std::vector<std::string> matchers;
  std::function<bool(const v1::Incident&)> matches;
};

// All that subscribers use; the first is everything. At most kFiltersMax.
const std::vector<Filter>& Filters();

inline constexpr size_t kForEver = std::numeric_limits<size_t>::max();

struct SubscriberPlan {
  std::string name;
  size_t filter = 0;
  // How each life begins.
  StreamStart start = StreamStart::kSnapshot;
  bool latest_only = false;
  // Each stream has one mode or the other.
  bool alternates = false;
  // What it does when a stream has ended, instead of resuming with its newest token.
  double starts_anew = 0.04;
  double goes_back = 0.12;
  // How often it looks back as far as it likes, not just a little.
  double goes_far = 0.3;
  // A message is followed by a long pause.
  double stalls = 0.01;
  // The longest stream that it reads before it cancels, in messages. kForEver: it never does.
  size_t messages_max = 600;
  // It wants every event, or to be refused; then it takes what there is.
  bool require_history = false;
  // The hub keeps its position.
  bool consumer = false;
  // Of a consumer: it commits after a message; a second stream takes over; and a stream resumes
  // with the newest token instead of where it committed.
  double commits = 0.1;
  double taken_over = 0.004;
  double reconnects = 0.25;
};

enum class Fault {
  kKillHub,
  kKillGateway,
  kKillBoth,
  kRestartHub,
  kRestartGateway,
  kStopHub,
  kFillDisk,
  kHangSockets,
};
absl::string_view FaultName(Fault fault);

struct FaultPlan {
  // From the begin of the run.
  absl::Duration at = absl::ZeroDuration();
  Fault fault = Fault::kKillHub;
  // How long the hub is stopped, or away, or the disk full.
  absl::Duration lasts = absl::ZeroDuration();
  // With kFillDisk: the hub is killed in the middle of it.
  bool kill = false;
  // With kFillDisk: also what the hub keeps free for itself.
  bool to_the_last_byte = false;
};

struct Plan {
  uint64_t seed = 0;
  absl::Duration duration;
  std::vector<std::string> hub_flags;
  std::vector<std::string> gateway_flags;
  // Of the hub, until the actors have ended.
  std::vector<std::string> retention_flags;
  // The hub forgets tombstones.
  bool may_reset = false;
  size_t posters = 0;
  size_t responders = 0;
  // The mean time between two posts of a poster.
  absl::Duration post_interval;
  std::vector<SubscriberPlan> subscribers;
  std::vector<FaultPlan> faults;
};

Plan MakePlan(uint64_t seed, absl::Duration duration);

// For people.
std::string Describe(const Plan& plan);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_PLAN_H_
