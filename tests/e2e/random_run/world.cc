#include "tests/e2e/random_run/world.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/support/ports.h"
#include "tests/support/stalled_subscriber.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

// What the hub keeps free, what is left when the disk is full, and the disk: with room for what a
// run of the default length writes, several times over.
constexpr uint64_t kMinFreeBytes = uint64_t{32} << 20U;
constexpr uint64_t kFullFreeBytes = uint64_t{16} << 20U;
constexpr uint64_t kDiskBytes = uint64_t{2} << 30U;
// Logs of all lives of a server, together.
constexpr size_t kLogBytesMax = size_t{256} << 20U;
constexpr size_t kHungSockets = 4;
constexpr int kFailedWriteCode = 1;
constexpr absl::Duration kStopPatience = absl::Seconds(60);

}  // namespace

World::World(const Plan& plan, bool with_small_disk)
    : hub_port_(PickPort()),
      gateway_port_(PickPort()),
      hub_flags_(plan.hub_flags),
      gateway_flags_(plan.gateway_flags),
      retention_flags_(plan.retention_flags) {
  std::error_code ignored;
  std::filesystem::create_directory(dir_ / "disk", ignored);
  std::ofstream(dir_ / "secret") << kWebhookSecret << "\n";
  if (with_small_disk) {
    absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(dir_ / "disk", kDiskBytes);
    if (disk.ok()) {
      disk_ = *std::move(disk);
      hub_flags_.push_back(absl::StrCat("--min_free_bytes=", kMinFreeBytes));
    } else {
      std::cout << "no disk is filled: " << disk.status() << "\n";
    }
  }
}

absl::Status World::Start() {
  RETURN_IF_ERROR(StartHub());
  RETURN_IF_ERROR(StartGateway());
  return gateway_->WaitUntilReady() ? absl::OkStatus()
                                    : absl::DeadlineExceededError("the gateway finds no hub");
}

absl::Status World::StartHub() {
  HubConfig config{.data_dir = dir_ / "disk/data", .port = hub_port_, .flags = hub_flags_};
  config.flags.insert(config.flags.end(), retention_flags_.begin(), retention_flags_.end());
  ASSIGN_OR_RETURN(hub_, ServerProcess::StartHub(config));
  Happened("the hub serves");
  return absl::OkStatus();
}

absl::Status World::StartGateway() {
  ASSIGN_OR_RETURN(gateway_, ServerProcess::StartGateway({.hub_port = hub_port_,
                                                          .port = gateway_port_,
                                                          .secret_file = dir_ / "secret",
                                                          .flags = gateway_flags_}));
  Happened("the gateway listens");
  return absl::OkStatus();
}

absl::Status World::Revive() {
  for (auto* server : {&hub_, &gateway_}) {
    const bool is_hub = server == &hub_;
    if (*server == nullptr || (*server)->process().running()) continue;
    Unexpected(is_hub ? "hub" : "gateway",
               (*server)->process().WaitForExit(absl::ZeroDuration()).value_or(-1), server->get());
    TakeLog(**server, is_hub ? &hub_log_ : &gateway_log_);
    RETURN_IF_ERROR(is_hub ? StartHub() : StartGateway());
  }
  return absl::OkStatus();
}

absl::Status World::Do(const FaultPlan& fault) {
  RETURN_IF_ERROR(Revive());
  switch (fault.fault) {
    case Fault::kKillHub:
      KillHub();
      Wait(fault.lasts);
      return StartHub();
    case Fault::kKillGateway:
      KillGateway();
      Wait(fault.lasts);
      return StartGateway();
    case Fault::kKillBoth:
      KillHub();
      KillGateway();
      Wait(fault.lasts);
      RETURN_IF_ERROR(StartHub());
      return StartGateway();
    case Fault::kRestartHub:
      RETURN_IF_ERROR(TermHub());
      Wait(fault.lasts);
      return StartHub();
    case Fault::kRestartGateway: {
      ASSIGN_OR_RETURN(const int code, gateway_->Stop(kStopPatience));
      Happened(absl::StrCat("the gateway stopped in good order, code ", code));
      if (code != 0) Unexpected("gateway", code, gateway_.get());
      TakeLog(*gateway_, &gateway_log_);
      return StartGateway();
    }
    case Fault::kStopHub:
      hub_->process().Signal(SIGSTOP);
      Happened("the hub is stopped");
      Wait(fault.lasts);
      hub_->process().Signal(SIGCONT);
      Happened("the hub goes on");
      return absl::OkStatus();
    case Fault::kFillDisk:
      return FillDisk(fault);
    case Fault::kHangSockets:
      HangSockets(fault.lasts);
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

void World::KillHub() {
  Happened("the hub is killed");
  hub_->Kill();
  TakeLog(*hub_, &hub_log_);
}

void World::KillGateway() {
  Happened("the gateway is killed");
  gateway_->Kill();
  TakeLog(*gateway_, &gateway_log_);
}

absl::Status World::TermHub() {
  ASSIGN_OR_RETURN(const int code, hub_->Stop(kStopPatience));
  Happened(absl::StrCat("the hub stopped in good order, code ", code));
  if (code != 0) Unexpected("hub", code, hub_.get());
  TakeLog(*hub_, &hub_log_);
  return absl::OkStatus();
}

absl::Status World::RestartHubWithoutRetention() {
  retention_flags_.clear();
  RETURN_IF_ERROR(TermHub());
  return StartHub();
}

absl::Status World::FillDisk(const FaultPlan& fault) {
  if (disk_ == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(disk_->LeaveFree(fault.to_the_last_byte ? 0 : kFullFreeBytes));
  Happened(fault.to_the_last_byte ? "the disk is full to the last byte" : "the disk is full");
  Wait(fault.lasts / 2);
  if (fault.kill && !fault.to_the_last_byte && hub_->process().running()) {
    KillHub();
    RETURN_IF_ERROR(StartHub());
  }
  Wait(fault.lasts / 2);
  RETURN_IF_ERROR(disk_->Restore());
  Happened("the disk has room again");
  if (!fault.to_the_last_byte || hub_->process().running()) return absl::OkStatus();
  // It is documented to end so where a write has failed.
  const int code = hub_->process().WaitForExit(absl::ZeroDuration()).value_or(-1);
  if (code != kFailedWriteCode) return Revive();
  Happened("the hub had ended, since a write failed");
  TakeLog(*hub_, &hub_log_);
  return StartHub();
}

void World::HangSockets(absl::Duration duration) {
  std::vector<OwnedFd> hung;
  for (size_t i = 0; i < kHungSockets; ++i) {
    absl::StatusOr<OwnedFd> fd = OpenStalledSubscriber(hub_port_);
    if (fd.ok()) hung.push_back(*std::move(fd));
  }
  Happened(absl::StrCat(hung.size(), " subscribers hang"));
  Wait(duration);
  Happened("they are gone");
}

void World::Happened(std::string text) {
  happenings_.push_back({.time = absl::Now(), .text = std::move(text)});
}

void World::TakeLog(ServerProcess& server, std::string* log) {
  const std::string text = server.process().err();
  if (log->size() + text.size() <= kLogBytesMax) log->append(text);
}

void World::Unexpected(absl::string_view who, int exit_code, ServerProcess* server) {
  findings_.push_back({.check = "alive",
                       .text = absl::StrCat("the ", who, " ended with code ", exit_code, ": ",
                                            server->process().ErrTail()),
                       .actor = std::string(who)});
  Happened(absl::StrCat("the ", who, " ended by itself, code ", exit_code));
}

void World::Wait(absl::Duration duration) {
  absl::Notification never;
  never.WaitForNotificationWithTimeout(duration);
}

void World::KeepFiles(const std::string& directory) {
  if (hub_ != nullptr) TakeLog(*hub_, &hub_log_);
  if (gateway_ != nullptr) TakeLog(*gateway_, &gateway_log_);
  std::ofstream(directory + "/hub.log") << hub_log_;
  std::ofstream(directory + "/gateway.log") << gateway_log_;
  std::error_code ignored;
  std::filesystem::copy(dir_ / "disk/data", directory + "/data",
                        std::filesystem::copy_options::recursive, ignored);
}

}  // namespace incidenthub::testing
