// Subscribers that measure how long after a webhook was due its event is with them.

#ifndef INCIDENTHUB_TESTS_BENCH_FANOUT_PROBE_H_
#define INCIDENTHUB_TESTS_BENCH_FANOUT_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"
#include "tests/bench/http_load.h"
#include "tests/bench/latencies.h"
#include "tests/bench/raw_subscribers.h"
#include "tests/bench/request_template.h"

namespace incidenthub::bench {

class FanoutProbe {
 public:
  // Opens `subscribers` streams, each on a connection of its own, from now on. `requests` must
  // outlive it.
  FanoutProbe(int hub_port, size_t subscribers, const RequestTemplate& requests);

  // As RawSubscribers'.
  absl::Status WaitUntilOpen() const;

  // Before the first event. Events of requests before `measured_from` are not measured.
  void Expect(const Schedule& schedule, int64_t measured_from);

  // Waits until each subscriber has had `events` events in all, closes them, and adds what was
  // measured. DEADLINE_EXCEEDED: some did not come.
  absl::Status Finish(uint64_t events, Latencies* latencies);

 private:
  void OnMessage(size_t subscriber, const grpc::ByteBuffer& message);

  const RequestTemplate& requests_;
  Schedule schedule_;
  int64_t measured_from_ = 0;
  // A subscriber's messages come one after the other.
  std::vector<Latencies> latencies_;
  // Last: it calls into all of the above.
  RawSubscribers subscribers_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_FANOUT_PROBE_H_
