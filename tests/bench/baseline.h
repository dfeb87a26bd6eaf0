// What the machine can do at best: the yardsticks that throughput is given as a ratio of.

#ifndef INCIDENTHUB_TESTS_BENCH_BASELINE_H_
#define INCIDENTHUB_TESTS_BENCH_BASELINE_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/bench/latencies.h"
#include "tests/support/process.h"

namespace incidenthub::bench {

// Serves POSTs on a free port of 127.0.0.1 by sending their bodies back, with the packaged
// cpp-httplib and nothing else; one thread a connection, up to `threads`. Logs
// {"message":"serving","port":N}, and never returns.
[[noreturn]] void ServeEcho(size_t threads);

// Serves Subscribe on a free port of 127.0.0.1 by sending what is in that file, one message after
// the other, to whoever calls, with gRPC's callback API and nothing else. Logs and returns as
// ServeEcho().
[[noreturn]] void ServeBroadcast(const std::string& message_file);

// One of these servers, in a process of its own.
class BareServer {
 public:
  // `flags`: of this tool. Errors as of Process::WaitForLine.
  static absl::StatusOr<std::unique_ptr<BareServer>> Start(std::vector<std::string> flags);

  int port() const { return port_; }
  pid_t pid() const { return process_->pid(); }

 private:
  BareServer(std::unique_ptr<testing::Process> process, int port)
      : process_(std::move(process)), port_(port) {}

  const std::unique_ptr<testing::Process> process_;
  const int port_;
};

// Appends of `bytes` to a file in `folder`, each followed by fdatasync. UNAVAILABLE: it cannot be
// written.
absl::StatusOr<Latencies> MeasureSyncs(const std::string& folder, size_t bytes,
                                       absl::Duration duration);

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_BASELINE_H_
