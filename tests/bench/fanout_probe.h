// Subscribers that measure how long after a webhook was due its event is with them.

#ifndef INCIDENTHUB_TESTS_BENCH_FANOUT_PROBE_H_
#define INCIDENTHUB_TESTS_BENCH_FANOUT_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/bench/http_load.h"
#include "tests/bench/latencies.h"
#include "tests/bench/request_template.h"
#include "tests/support/subscriber_pool.h"

namespace incidenthub::bench {

class FanoutProbe {
 public:
  // Opens `subscribers` streams, each on a connection of its own, from now on. `requests` must
  // outlive it.
  FanoutProbe(int hub_port, size_t subscribers, const RequestTemplate& requests);

  // DEADLINE_EXCEEDED: not all of them were opened.
  absl::Status WaitUntilOpen();

  // Before the first event. Events of requests before `measured_from` are not measured.
  void Expect(const Schedule& schedule, int64_t measured_from);

  // Waits until each subscriber has had `events` events in all, closes them, and returns what was
  // measured. `*missing`: events that did not come.
  Latencies Finish(uint64_t events, uint64_t* missing);

 private:
  void OnResponse(size_t subscriber, const v1::SubscribeResponse& response);

  const RequestTemplate& requests_;
  const size_t subscribers_;
  Schedule schedule_;
  int64_t measured_from_ = 0;
  // A subscriber's responses come one after the other.
  std::vector<Latencies> latencies_;
  // Last: it calls into all of the above.
  std::unique_ptr<testing::SubscriberPool> pool_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_FANOUT_PROBE_H_
