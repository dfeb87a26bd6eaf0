// Servers of others, as a yardstick: what they take on the same machine in the same run.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_PEERS_H_
#define INCIDENTHUB_TESTS_BENCH_PEERS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/bench/latencies.h"

namespace incidenthub::bench {

// So many at once, each followed by the next as soon as it is answered.
struct PeerLoad {
  int port = 0;
  size_t in_flight = 1;
  size_t body_bytes = 0;
  // Different keys, or subjects.
  uint64_t keys = 1;
  absl::Duration warmup;
  absl::Duration duration;
};

struct PeerResult {
  double per_second = 0;
  Latencies latencies;
};

// Puts to an etcd by its gRPC API, each a key of `keys` with a value of `body_bytes`; each of those
// in flight has a connection of its own, as a webhook's. Errors: of the first put that failed.
absl::StatusOr<PeerResult> PutToEtcd(const PeerLoad& load);

// Messages published to a JetStream stream with storage on disk, which is made, each waiting for
// its acknowledgement; all over one connection. Errors: what the server said.
absl::StatusOr<PeerResult> PublishToNats(const PeerLoad& load);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_PEERS_H_
