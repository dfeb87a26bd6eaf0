// What a stream takes at the least: a server of gRPC's and nothing else.

#ifndef INCIDENTHUB_TESTS_BENCH_BARE_STREAMS_H_
#define INCIDENTHUB_TESTS_BENCH_BARE_STREAMS_H_

#include <cstddef>

#include "absl/status/statusor.h"

namespace incidenthub::bench {

// Serves Subscribe on a free port of 127.0.0.1: `opened`, and then silence. Logs
// {"message":"serving","port":N}, and never returns.
[[noreturn]] void ServeBareStreams();

// The memory of such a server, a process of this program's with --serve_bare, for each of `count`
// streams on connections of their own. Errors as of Process and RawSubscribers.
absl::StatusOr<double> MeasureBareStreamKiB(size_t count);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_BARE_STREAMS_H_
