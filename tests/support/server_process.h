// The real hub and the real gateway, as child processes.

#ifndef INCIDENTHUB_TESTS_SUPPORT_SERVER_PROCESS_H_
#define INCIDENTHUB_TESTS_SUPPORT_SERVER_PROCESS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/process.h"

namespace incidenthub::testing {

// From the start of a binary to its readiness; generous, since builds may run beside the tests.
inline constexpr absl::Duration kStartTimeout = absl::Seconds(30);

// The path of a binary of this build.
std::string BinaryPath(absl::string_view name);

struct HubConfig {
  std::string data_dir;
  // 0: any free one.
  int port = 0;
  // More flags.
  std::vector<std::string> flags = {};
  // More of its environment, NAME=value.
  std::vector<std::string> env = {};
};

struct GatewayConfig {
  int hub_port = 0;
  int port = 0;
  std::string secret_file;
  std::vector<std::string> flags = {};
};

// The command lines.
std::vector<std::string> HubCommand(const HubConfig& config);
std::vector<std::string> GatewayCommand(const GatewayConfig& config);

// A hub or a gateway that listens.
//
// Threads: any, all methods.
class ServerProcess {
 public:
  // Return once it listens; a gateway may not have found its hub yet, see WaitUntilReady(). Errors
  // as of Process::WaitForLine.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> StartHub(const HubConfig& config);
  static absl::StatusOr<std::unique_ptr<ServerProcess>> StartGateway(const GatewayConfig& config);

  // Where it takes requests, and its admin port.
  int port() const { return port_; }
  int admin_port() const { return admin_port_; }
  std::string address() const;
  Process& process() { return *process_; }

  // Until /readyz says 200.
  bool WaitUntilReady(absl::Duration timeout = kStartTimeout) const;
  // The value of a metric without labels, or with exactly these: `name{code="200"}`. NOT_FOUND: it
  // has no such metric. UNAVAILABLE: nobody answers.
  absl::StatusOr<double> Metric(absl::string_view name) const;

  // SIGKILL, and waits for the end.
  void Kill();
  // SIGTERM; the exit code. DEADLINE_EXCEEDED: it did not end.
  absl::StatusOr<int> Stop(absl::Duration timeout = absl::Seconds(15));

 private:
  ServerProcess(std::unique_ptr<Process> process, int port, int admin_port);

  const std::unique_ptr<Process> process_;
  const int port_;
  const int admin_port_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_SERVER_PROCESS_H_
