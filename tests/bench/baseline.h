// What the machine can do at best: the yardsticks that throughput is given as a ratio of.

#ifndef INCIDENTHUB_TESTS_BENCH_BASELINE_H_
#define INCIDENTHUB_TESTS_BENCH_BASELINE_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/bench/latencies.h"

namespace incidenthub::bench {

// Serves POSTs on a free port of 127.0.0.1 by sending their bodies back, with the packaged
// cpp-httplib and nothing else; one thread a connection, up to `threads`. Logs
// {"message":"serving","port":N}, and never returns.
[[noreturn]] void ServeEcho(size_t threads);

// Appends of `bytes` to a file in `folder`, each followed by fdatasync. UNAVAILABLE: it cannot be
// written.
absl::StatusOr<Latencies> MeasureSyncs(const std::string& folder, size_t bytes,
                                       absl::Duration duration);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_BASELINE_H_
