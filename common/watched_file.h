// Small files that are used, and used again when they change, without a thread.
//
// A change is noticed within kFileCheckInterval of the next use. Files that have become unreadable,
// or of no use, change nothing; each such state of them is complained about in the log once, and
// tried again at every look, since it may be a moment between two files that belong together.
//
// Threads: any.

#ifndef INCIDENTHUB_COMMON_WATCHED_FILE_H_
#define INCIDENTHUB_COMMON_WATCHED_FILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/clock.h"

namespace incidenthub {

inline constexpr absl::Duration kFileCheckInterval = absl::Seconds(1);

// Files that count together: if one changes, all are used again.
class WatchedFiles {
 public:
  // Keeps what the texts say, in the order of the paths, or says why they are of no use. The texts
  // are wiped afterwards.
  using Use = absl::FunctionRef<absl::Status(absl::Span<const std::string> texts)>;

  // `what` is in them, for log lines: "credentials". Each has at most `bytes_max`. `clock` must
  // outlive this.
  WatchedFiles(std::vector<std::string> paths, std::string what, size_t bytes_max,
               const Clock& clock);
  WatchedFiles(const WatchedFiles&) = delete;
  WatchedFiles& operator=(const WatchedFiles&) = delete;

  // Call once, before ReloadIfChanged. NOT_FOUND, PERMISSION_DENIED and so on: one cannot be read.
  // INVALID_ARGUMENT: one is too large. Both name the file. Errors of `use`, as they are.
  absl::Status Load(Use use) ABSL_LOCKS_EXCLUDED(mu_);

  // `use` is called under a lock of this object's, by one thread at a time; others go on with what
  // there is.
  void ReloadIfChanged(Use use) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // What tells one state of a file from another.
  struct FileState {
    int64_t modified_nanos = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    bool operator==(const FileState&) const = default;
  };
  using State = std::vector<FileState>;

  // Adds the text and the state that it was read in.
  static absl::Status Read(const std::string& path, size_t bytes_max,
                           std::vector<std::string>* texts, State* state);
  State CurrentState() const;
  absl::Status UseNow(Use use) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::vector<std::string> paths_;
  const std::string what_;
  const size_t bytes_max_;
  const Clock& clock_;
  // Unix nanoseconds of the next look at the files; whoever moves it on looks.
  std::atomic<int64_t> next_check_;

  absl::Mutex mu_;
  State loaded_ ABSL_GUARDED_BY(mu_);
  // The last state that was of no use.
  absl::optional<State> refused_ ABSL_GUARDED_BY(mu_);
};

// One of them.
class WatchedFile {
 public:
  // As WatchedFiles::Use; what it says goes on after the file's name.
  using Use = absl::FunctionRef<absl::Status(absl::string_view text)>;

  // As WatchedFiles().
  WatchedFile(std::string path, std::string what, size_t bytes_max, const Clock& clock);
  WatchedFile(const WatchedFile&) = delete;
  WatchedFile& operator=(const WatchedFile&) = delete;

  // As WatchedFiles::Load(); all errors name the file.
  absl::Status Load(Use use);
  void ReloadIfChanged(Use use);

 private:
  const std::string path_;
  WatchedFiles files_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_WATCHED_FILE_H_
