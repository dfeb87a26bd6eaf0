#include "tests/bench/catch_up.h"

#include "absl/time/time.h"
#include "common/status_macros.h"
#include "tests/bench/latencies.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kTimeout = absl::Minutes(10);

}  // namespace

CatchUp::CatchUp(uint64_t events) : events_(events), start_nanos_(NowNanos()) {}

absl::StatusOr<std::unique_ptr<CatchUp>> CatchUp::Start(const Servers& servers) {
  if (!servers.own()) {
    return absl::InvalidArgumentError("only with a hub that the tool starts itself");
  }
  // Sequences of a hub that the tool starts are dense from 1.
  ASSIGN_OR_RETURN(const double head, servers.HubMetric("incidenthub_head_sequence"));
  std::unique_ptr<CatchUp> made(new CatchUp(static_cast<uint64_t>(head)));
  made->subscriber_.emplace(
      RawSubscribers::Options{.port = servers.hub_port(),
                              .resume_token = servers.first_token(),
                              .on_entries = [state = made.get()](uint64_t before, uint64_t after) {
                                if (before >= state->events_ || after < state->events_) return;
                                state->end_nanos_ = NowNanos();
                                state->done_.Notify();
                              }});
  return made;
}

absl::StatusOr<double> CatchUp::Finish() {
  constexpr double kNanosPerSecond = 1e9;
  if (!done_.WaitForNotificationWithTimeout(kTimeout)) {
    return absl::DeadlineExceededError("the one that is behind does not catch up");
  }
  return static_cast<double>(events_) * kNanosPerSecond /
         static_cast<double>(end_nanos_ - start_nanos_);
}

}  // namespace incidenthub::bench
