// The hub and the gateway of a random run, with their ports, files and disk; and what is done to
// them.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_WORLD_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_WORLD_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/e2e/random_run/small_disk.h"
#include "tests/support/finding.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::testing {

// One thing that was done to the servers, or that they did.
struct Happening {
  absl::Time time;
  std::string text;
};

class World {
 public:
  // `with_small_disk`: see EnterOwnMounts().
  World(const Plan& plan, bool with_small_disk);

  // Starts both.
  absl::Status Start();
  // Does it, and returns when it is over: both run again then, and the disk is not full.
  absl::Status Do(const FaultPlan& fault);
  // Notes which of them have ended by themselves, and starts those again.
  absl::Status Revive();
  // A stop in good order and a start, with nothing that drops events by itself.
  absl::Status RestartHubWithoutRetention();

  int hub_port() const { return hub_port_; }
  int gateway_port() const { return gateway_port_; }

  const std::vector<Happening>& happenings() const { return happenings_; }
  // Ends that nobody asked for.
  const Findings& findings() const { return findings_; }

  // Copies data and logs of both servers to `directory`, which exists.
  void KeepFiles(const std::string& directory);

 private:
  absl::Status StartHub();
  absl::Status StartGateway();
  void KillHub();
  void KillGateway();
  absl::Status TermHub();
  absl::Status FillDisk(const FaultPlan& fault);
  void HangSockets(absl::Duration duration);
  void Happened(std::string text);
  // Takes the logs of a server that is no more.
  void TakeLog(ServerProcess& server, std::string* log);
  void Unexpected(absl::string_view who, int exit_code, ServerProcess* server);
  static void Wait(absl::Duration duration);

  const TempDir dir_;
  const int hub_port_;
  const int gateway_port_;
  std::vector<std::string> hub_flags_;
  const std::vector<std::string> gateway_flags_;
  std::vector<std::string> retention_flags_;
  std::unique_ptr<SmallDisk> disk_;
  std::unique_ptr<ServerProcess> hub_;
  std::unique_ptr<ServerProcess> gateway_;
  std::string hub_log_;
  std::string gateway_log_;
  std::vector<Happening> happenings_;
  Findings findings_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_WORLD_H_
