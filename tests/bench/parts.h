// The parts of a round. Each does one thing for some seconds and adds its figures; what each is and
// how it is measured is in README.md.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_PARTS_H_
#define INCIDENTHUB_TESTS_BENCH_PARTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/bench/delivery_template.h"
#include "tests/bench/figures.h"
#include "tests/bench/http_load.h"
#include "tests/bench/request_template.h"
#include "tests/bench/servers.h"

namespace incidenthub::bench {

struct BenchOptions {
  size_t rounds = 1;
  // Of each part, after its warmup.
  absl::Duration duration;
  absl::Duration warmup;
  // Each of them is measured; the most are what other parts use.
  std::vector<size_t> connections;
  size_t threads = 1;
  uint64_t incidents = 0;
  // Webhooks a second in the parts latency, stalled and behind.
  double rate = 0;
  // That keep up in those, and that the part fanout has besides one.
  size_t subscribers = 0;
  size_t fanout_subscribers = 0;
  // Of the part many.
  size_t many_subscribers = 0;
  // Where programs of others are; those that are not there are skipped.
  std::string tools_folder;
  // With the folder of the round.
  ServersOptions servers;
};

// What the parts share.
struct Bench {
  Bench(BenchOptions given, DeliveryTemplate made)
      : options(std::move(given)),
        requests(options.incidents, options.servers.authorization),
        deliveries(std::move(made)) {}

  size_t most_connections() const { return options.connections.back(); }
  // The newest value of a figure; 0: there is none.
  double Newest(absl::string_view figure) const;
  // How long, in microseconds: `name_p50_us` and so on.
  void AddLatencies(absl::string_view name, absl::string_view what, const Latencies& latencies,
                    const std::vector<double>& shares);

  const BenchOptions options;
  const RequestTemplate requests;
  uint64_t next_request = 0;
  const DeliveryTemplate deliveries;
  uint64_t next_delivery = 0;
  Figures figures;
  // What could not be measured, and why.
  std::map<std::string, std::string> skipped;
  // Of this round; its folder.
  std::unique_ptr<Servers> servers;
  std::string folder;
};

// Posts to `port` without a pause. Errors also if an answer was not 200.
absl::StatusOr<LoadResult> PostWithoutPause(int port, size_t connections,
                                            const RequestTemplate& requests, Bench* bench);

// webhook_parts.cc
absl::Status RunSync(Bench* bench);
absl::Status RunSyncBatch(Bench* bench);
absl::Status RunEcho(Bench* bench);
absl::Status RunWebhooks(Bench* bench);
absl::Status RunFollowed(Bench* bench);
absl::Status RunSyncCount(Bench* bench);

// latency_parts.cc
absl::Status RunIdle(Bench* bench);
absl::Status RunOpenLoop(Bench* bench);
// Who else subscribes while latencies are measured.
enum class Beside { kNobody, kStalled, kBehind };
absl::Status RunLatency(Beside beside, Bench* bench);

// fanout_parts.cc
absl::Status RunFanout(Bench* bench);
absl::Status RunCatchUp(Bench* bench);
absl::Status RunMany(Bench* bench);

// peer_parts.cc
absl::Status RunAlertmanager(Bench* bench);
absl::Status RunEtcd(Bench* bench);
absl::Status RunNats(Bench* bench);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_PARTS_H_
