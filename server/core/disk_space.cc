#include "server/core/disk_space.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/logging.h"

namespace incidenthub {

void DiskSpace::StopWatch() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    on_state_ = nullptr;
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status DiskSpace::Check() {
  absl::MutexLock lock(&mu_);
  return CheckLocked();
}

absl::Status DiskSpace::CheckLocked() {
  const absl::StatusOr<uint64_t> free = free_bytes_();
  const bool ok = free.ok() && *free >= options_.min_free_bytes;
  if (ok != ok_.exchange(ok, std::memory_order_relaxed)) {
    // A disk that stays at the bound crosses it again and again.
    if (const auto left_out = state_lines_.Next()) {
      Log(ok ? LogLevel::kInfo : LogLevel::kError,
          ok ? "enough free disk again, taking commands"
             : "too little free disk, refusing commands",
          {{"free_bytes", free.value_or(0)},
           {"min_free_bytes", options_.min_free_bytes},
           {"more_before", *left_out}});
    }
    if (on_state_ != nullptr) on_state_(ok);
  }
  if (ok) return absl::OkStatus();
  return WithRetryDelay(
      ReasonError("DISK_FULL",
                  free.ok() ? absl::StrCat("the hub's disk has ", *free, " bytes free, fewer than ",
                                           options_.min_free_bytes, "; try again later")
                            : std::string(free.status().message())),
      options_.retry_delay);
}

void DiskSpace::Watch(absl::Duration interval, OnState on_state) {
  absl::MutexLock lock(&mu_);
  CheckLocked().IgnoreError();
  on_state_ = std::move(on_state);
  on_state_(ok());
  thread_ = std::thread([this, interval] {
    absl::MutexLock watch_lock(&mu_);
    while (!mu_.AwaitWithTimeout(absl::Condition(&stopping_), interval)) {
      CheckLocked().IgnoreError();
    }
  });
}

}  // namespace incidenthub
