// Posts webhooks over kept connections and measures the answers, at as little cost as it can: bare
// sockets, epoll, requests that are patched in place, responses of which only status and length are
// read.

#ifndef INCIDENTHUB_TESTS_BENCH_HTTP_LOAD_H_
#define INCIDENTHUB_TESTS_BENCH_HTTP_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/bench/latencies.h"
#include "tests/bench/request_template.h"

namespace incidenthub::bench {

// When the requests of an open loop are due.
struct Schedule {
  // On the monotonic clock.
  int64_t start_nanos = 0;
  uint64_t first_index = 0;
  // Requests a second.
  double rate = 0;

  int64_t DueNanos(uint64_t index) const {
    return start_nanos +
           static_cast<int64_t>(static_cast<double>(index - first_index) / rate * 1e9);
  }
};

struct LoadOptions {
  int port = 0;
  size_t connections = 64;
  // Each has its part of the connections. One is enough for some 50,000 requests a second.
  size_t threads = 1;
  absl::Duration warmup = absl::Milliseconds(500);
  // Measured, after the warmup.
  absl::Duration duration = absl::Seconds(5);
  // Number of the first request, and when it is due. With `rate` 0 each connection posts again as
  // soon as it is answered, and latencies count from the sending; otherwise requests are sent when
  // they are due, or as soon after that as a connection is free, and latencies count from when they
  // were due.
  Schedule schedule;
};

struct LoadResult {
  // Answered 200 while it was measured, in an open loop those that were due then; and how long that
  // was.
  uint64_t requests = 0;
  absl::Duration elapsed;
  Latencies latencies;
  // Other answers, at any time, and the first of them.
  uint64_t errors = 0;
  std::string first_error;
  // Of a request that was not sent: where the next part begins.
  uint64_t next_index = 0;

  double PerSecond() const {
    return static_cast<double>(requests) / absl::ToDoubleSeconds(elapsed);
  }
};

// Runs to its end. UNAVAILABLE: a connection could not be made, or broke.
absl::StatusOr<LoadResult> RunLoad(const LoadOptions& options, const RequestTemplate& requests);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_HTTP_LOAD_H_
