// A small file that is used, and used again when it changes, without a thread.
//
// A change is noticed within kFileCheckInterval of the next use. A file that has become unreadable,
// or of no use, changes nothing; each such state of it is complained about in the log once.
//
// Threads: any.

#ifndef INCIDENTHUB_COMMON_WATCHED_FILE_H_
#define INCIDENTHUB_COMMON_WATCHED_FILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/clock.h"

namespace incidenthub {

inline constexpr absl::Duration kFileCheckInterval = absl::Seconds(1);

class WatchedFile {
 public:
  // Keeps what the text says, or says why it is of no use: words that go on after the file's name.
  // The text is wiped afterwards.
  using Use = absl::FunctionRef<absl::Status(absl::string_view text)>;

  // `what` is in it, for log lines: "credentials". `clock` must outlive this.
  WatchedFile(std::string path, std::string what, size_t bytes_max, const Clock& clock);
  WatchedFile(const WatchedFile&) = delete;
  WatchedFile& operator=(const WatchedFile&) = delete;

  // Call once, before ReloadIfChanged. NOT_FOUND, PERMISSION_DENIED and so on: it cannot be read.
  // INVALID_ARGUMENT: it is too large. Errors of `use`. All name the file.
  absl::Status Load(Use use) ABSL_LOCKS_EXCLUDED(mu_);

  // `use` is called under a lock of this file's, by one thread at a time; others go on with what
  // there is.
  void ReloadIfChanged(Use use) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What tells one state of the file from another.
  struct State {
    int64_t modified_nanos = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    bool operator==(const State&) const = default;
  };

  absl::Status UseNow(Use use) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  const std::string what_;
  const size_t bytes_max_;
  const Clock& clock_;
  // Unix nanoseconds of the next look at the file; whoever moves it on looks.
  std::atomic<int64_t> next_check_;

  absl::Mutex mu_;
  State loaded_ ABSL_GUARDED_BY(mu_);
  // The last state that was of no use.
  absl::optional<State> refused_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_WATCHED_FILE_H_
