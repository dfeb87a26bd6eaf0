// Whether the disk has room for more. One for the whole process: whoever writes asks it first, so
// that the database does not meet a full disk in the middle of a write.
//
// Threads: all methods, any thread; Watch once.

#ifndef INCIDENTHUB_SERVER_CORE_DISK_SPACE_H_
#define INCIDENTHUB_SERVER_CORE_DISK_SPACE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/repeated_line.h"

namespace incidenthub {

struct DiskSpaceOptions {
  // Below this much free disk nothing is written any more.
  uint64_t min_free_bytes = uint64_t{1} << 30U;
  // When callers should come back after a refusal.
  absl::Duration retry_delay = absl::Seconds(1);
};

class DiskSpace {
 public:
  // How much disk is left; an error counts as none.
  using FreeBytes = std::function<absl::StatusOr<uint64_t>()>;
  using OnState = std::function<void(bool ok)>;

  DiskSpace(FreeBytes free_bytes, const DiskSpaceOptions& options)
      : free_bytes_(std::move(free_bytes)), options_(options) {}
  // Ends the watch.
  ~DiskSpace() { StopWatch(); }
  DiskSpace(const DiskSpace&) = delete;
  DiskSpace& operator=(const DiskSpace&) = delete;

  // Looks now. OK, or UNAVAILABLE / DISK_FULL with when to come back. A change is logged, once.
  absl::Status Check() ABSL_LOCKS_EXCLUDED(mu_);

  // What the last look found; true before the first.
  bool ok() const { return ok_.load(std::memory_order_relaxed); }

  // Looks now, and from now on each `interval`, whether or not anybody writes. `on_state` is called
  // with what the first look finds, and then with every change, in their order, whoever found it;
  // it must not block, and must not call back.
  void Watch(absl::Duration interval, OnState on_state) ABSL_LOCKS_EXCLUDED(mu_);
  // From its return on `on_state` is not called any more.
  void StopWatch() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status CheckLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const FreeBytes free_bytes_;
  const DiskSpaceOptions options_;
  std::atomic<bool> ok_{true};
  absl::Mutex mu_;
  RepeatedLine state_lines_ ABSL_GUARDED_BY(mu_);
  OnState on_state_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_CORE_DISK_SPACE_H_
