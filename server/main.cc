// incident-hub: the core. Flags and signals; everything else is in server.h.

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/admin_http.h"
#include "common/flags.h"
#include "common/grpc_log.h"
#include "common/logging.h"
#include "common/signals.h"
#include "common/strings.h"
#include "server/backup/restore.h"
#include "server/options.h"
#include "server/server.h"

namespace incidenthub {
namespace {

constexpr absl::string_view kUsage =
    "incident-hub stores incidents, and streams every change of them to whoever subscribes.\n"
    "\n"
    "  incident-hub --data_dir=/var/lib/incident-hub\n";

int FailToStart(const absl::Status& status) {
  Log(LogLevel::kError, "cannot start", {{"error", status}});
  FlushLogs();
  return EXIT_FAILURE;
}

int Restore(const HubOptions& options) {
  const absl::StatusOr<Restored> restored = RestoreBackup(options.restore_from, options.data_dir);
  FlushLogs();
  if (!restored.ok()) {
    std::fprintf(stderr, "incident-hub: cannot restore: %s\n",
                 std::string(restored.status().message()).c_str());
    return EXIT_FAILURE;
  }
  std::printf("%s\n", absl::StrCat("restored ", options.restore_from, " into ", options.data_dir,
                                   ": ", Counted(restored->incidents, "incident"), ", ",
                                   Counted(restored->events, "event"), ", the last with sequence ",
                                   restored->head, "; the next one gets ", restored->next)
                          .c_str());
  return EXIT_SUCCESS;
}

int Run() {
  const absl::StatusOr<HubOptions> options = OptionsFromFlags();
  if (!options.ok()) {
    std::fprintf(stderr, "incident-hub: %s\n", std::string(options.status().message()).c_str());
    return EXIT_FAILURE;
  }
  // The packaged Abseil is built with its debugging aid on, which costs every lock of every
  // request.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  ShutdownSignal shutdown;
  if (const absl::Status status = StartLogging(options->log_level); !status.ok()) {
    std::fprintf(stderr, "incident-hub: --%s\n", std::string(status.message()).c_str());
    return EXIT_FAILURE;
  }
  if (!options->restore_from.empty()) return Restore(*options);
  ForwardGrpcLog();
  std::atomic<bool> failed{false};
  absl::StatusOr<std::unique_ptr<Server>> server =
      Server::Start(*options, [&shutdown, &failed](const absl::Status&) {
        failed = true;
        shutdown.Wake();
      });
  if (!server.ok()) return FailToStart(server.status());
  absl::StatusOr<std::unique_ptr<AdminServer>> admin =
      AdminServer::Start({.address = options->admin_listen,
                          .ready = [&server] { return (*server)->Ready(); },
                          .metrics = [&server] { return (*server)->Metrics(); },
                          .notice = [&server] { return (*server)->Notice(); }});
  if (!admin.ok()) {
    const bool stopped = (*server)->Shutdown(options->drain_timeout);
    const int code = FailToStart(admin.status());
    if (!stopped) _exit(code);
    return code;
  }
  Log(LogLevel::kInfo, "serving",
      {{"address", options->listen},
       {"port", (*server)->port()},
       {"admin_port", (*admin)->port()},
       {"data_dir", options->data_dir},
       {"tls", !options->tls.certificate_file.empty()},
       {"asks_who_calls", !options->access_config.empty()}});

  const int signal = shutdown.Wait();
  shutdown.ExitOnNext(EXIT_FAILURE);
  Log(LogLevel::kInfo, "stopping", {{"signal", signal}});
  admin->reset();
  const bool stopped = (*server)->Shutdown(options->drain_timeout);
  const int code = failed ? EXIT_FAILURE : EXIT_SUCCESS;
  Log(LogLevel::kInfo, "stopped", {{"exit_code", code}});
  FlushLogs();
  // Everything durable is closed or synced; what is left are streams that nobody can end.
  if (!stopped) _exit(code);
  return code;
}

}  // namespace
}  // namespace incidenthub

int main(int argc, char** argv) {
  incidenthub::ParseFlags(incidenthub::kUsage, argc, argv);
  return incidenthub::Run();
}
