// The parts of a run, against a hub and a gateway of its own or against running ones.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_RUNNER_H_
#define INCIDENTHUB_TESTS_BENCH_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "tests/bench/http_load.h"
#include "tests/bench/report.h"
#include "tests/bench/request_template.h"
#include "tests/support/server_process.h"
#include "tests/support/subscriber_pool.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::bench {

struct RunnerOptions {
  // Of each part, after its warmup.
  absl::Duration duration;
  absl::Duration warmup;
  size_t connections = 0;
  size_t threads = 0;
  uint64_t incidents = 0;
  // Of the latency part.
  double rate = 0;
  size_t subscribers = 0;
  // Ports of running ones; 0: starts its own, in `folder`, with these flags beside the usual ones.
  int hub_port = 0;
  int gateway_port = 0;
  std::string authorization;
  std::string folder;
  std::vector<std::string> hub_flags;
  std::vector<std::string> gateway_flags;
};

// One subscriber that was sent nothing since the start of the run, and what it is sent now.
struct CatchUp {
  // What there was when it came.
  uint64_t events = 0;
  int64_t start_nanos = 0;
  // Its responses come one after the other.
  uint64_t seen = 0;
  int64_t end_nanos = 0;
  // It has had `events`.
  absl::Notification done;
  // Last: it calls into all of the above.
  std::unique_ptr<testing::SubscriberPool> pool;
};

class Runner {
 public:
  // Starts what is to be started. Errors as of ServerProcess.
  static absl::StatusOr<std::unique_ptr<Runner>> Create(RunnerOptions options);

  // Runs a part by name, and adds it to the report:
  //   sync      appends with fdatasync, in the folder of the hub's data;
  //   echo      the same posts to a bare cpp-httplib server that sends bodies back;
  //   webhooks  posts, each connection as fast as it is answered;
  //   followed  the same, while one subscriber follows;
  //   latency   posts at a fixed rate, and when they are answered and with subscribers;
  //   stalled   the same, beside one more subscriber that does not read;
  //   behind    the same, beside one that catches up with everything since the start of the run;
  //             only with servers of its own.
  // INVALID_ARGUMENT: there is no such part.
  absl::Status Run(absl::string_view part);

  const Report& report() const { return report_; }

 private:
  explicit Runner(RunnerOptions options);

  absl::Status Start();
  absl::Status RunPart(absl::string_view part);
  absl::Status RunSync();
  absl::Status RunEcho();
  absl::Status RunWebhooks(bool followed);
  // Who else subscribes while latencies are measured.
  enum class Beside { kNobody, kStalled, kBehind };
  absl::Status RunLatency(Beside beside);
  absl::StatusOr<std::unique_ptr<CatchUp>> StartCatchUp();
  // Waits for its end, and adds the part.
  absl::Status AddCatchUp(CatchUp* catch_up);
  // Posts without a pause; adds the part.
  absl::Status Load(int port, const std::string& name, const std::string& what,
                    const std::vector<std::pair<std::string, pid_t>>& measured);
  std::vector<std::pair<std::string, pid_t>> Servers();

  const RunnerOptions options_;
  RequestTemplate requests_;
  uint64_t next_index_ = 0;
  Report report_;
  // Of the hub before its first event.
  std::string first_token_;
  int hub_port_;
  int gateway_port_;
  std::unique_ptr<testing::ServerProcess> hub_;
  std::unique_ptr<testing::ServerProcess> gateway_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_RUNNER_H_
