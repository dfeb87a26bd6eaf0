// The hub and the gateway that are measured.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_SERVERS_H_
#define INCIDENTHUB_TESTS_BENCH_SERVERS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/bench/cpu_meter.h"
#include "tests/support/server_process.h"

namespace incidenthub::bench {

struct ServersOptions {
  // Ports of running ones; 0: starts its own, with these flags beside the usual ones.
  int hub_port = 0;
  int gateway_port = 0;
  // A whole header value.
  std::string authorization;
  // An existing one, for the hub's data.
  std::string folder;
  // That the gateway takes.
  size_t connections = 0;
  std::vector<std::string> hub_flags;
  std::vector<std::string> gateway_flags;
  // Of the hub, NAME=value.
  std::vector<std::string> hub_env;
};

class Servers {
 public:
  // Errors as of ServerProcess.
  static absl::StatusOr<std::unique_ptr<Servers>> Start(const ServersOptions& options);

  int hub_port() const { return hub_port_; }
  int gateway_port() const { return gateway_port_; }
  // Whether they are its own: only then there is what follows.
  bool own() const { return hub_ != nullptr; }
  // Of the hub before its first event.
  const std::string& first_token() const { return first_token_; }
  // None if they are not its own.
  Pids pids() const;
  absl::StatusOr<double> HubMetric(absl::string_view name) const { return hub_->Metric(name); }
  pid_t hub_pid() const { return hub_->process().pid(); }
  // The last that they logged.
  std::string ErrTails() const;

 private:
  Servers() = default;

  absl::Status StartOwn(const ServersOptions& options);

  int hub_port_ = 0;
  int gateway_port_ = 0;
  std::string first_token_;
  std::unique_ptr<testing::ServerProcess> hub_;
  std::unique_ptr<testing::ServerProcess> gateway_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_SERVERS_H_
