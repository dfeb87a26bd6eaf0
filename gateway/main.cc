// incident-gateway: takes webhooks over HTTP and answers when the hub has committed them.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/flags.h"
#include "common/logging.h"
#include "common/signals.h"
#include "gateway/gateway.h"
#include "gateway/options.h"

namespace incidenthub::gateway {
namespace {

constexpr char kUsage[] =
    "Takes BigPanda's webhooks over HTTP, hands them to the hub over gRPC, and answers 200 when\n"
    "the hub has stored them.";

// What is wrong before there is a log.
int Refuse(absl::string_view message) {
  std::fprintf(stderr, "incident-gateway: %.*s\n", static_cast<int>(message.size()),
               message.data());
  return EXIT_FAILURE;
}

int Run(int argc, char** argv) {
  const std::vector<std::string> arguments = ParseFlags(kUsage, argc, argv);
  if (!arguments.empty()) return Refuse("takes flags only; see --help");
  const Options options = OptionsFromFlags();
  if (const absl::Status status = options.Validate(); !status.ok()) {
    return Refuse(status.message());
  }
  // The packaged Abseil is built with its debugging aid on, which costs every lock of every
  // request.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  ShutdownSignal shutdown;
  if (const absl::Status status = StartLogging(options.log_level); !status.ok()) {
    return Refuse(status.message());
  }
  absl::StatusOr<std::unique_ptr<Gateway>> gateway = Gateway::Start(options);
  if (!gateway.ok()) {
    Log(LogLevel::kError, "cannot start", {{"error", gateway.status()}});
    FlushLogs();
    return EXIT_FAILURE;
  }
  const int signal = shutdown.Wait();
  shutdown.ExitOnNext(EXIT_FAILURE);
  Log(LogLevel::kInfo, "stopping", {{"signal", signal}});
  (*gateway)->Drain();
  gateway->reset();
  Log(LogLevel::kInfo, "stopped");
  FlushLogs();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace incidenthub::gateway

int main(int argc, char** argv) { return incidenthub::gateway::Run(argc, argv); }
