// A child process of a test: started, watched, signalled by its pid, and never left behind.
//
// Invariants: (1) the child is killed when the Process is destroyed, and by the kernel when the
//             test ends in any other way; (2) a signal never reaches anybody else, since the child
//             is held by a pidfd; (3) what it prints is read at once, so that it never blocks on
//             it.
// Threads:    any, all methods. One thread of its own reads and reaps.

#ifndef INCIDENTHUB_TESTS_SUPPORT_PROCESS_H_
#define INCIDENTHUB_TESTS_SUPPORT_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace incidenthub::testing {

// What is kept of each output; what comes after it is dropped.
inline constexpr size_t kOutputBytesMax = size_t{32} << 20;

class Process {
 public:
  // Runs `argv[0]`, an absolute path, with stdin at its end. NOT_FOUND: there is no such program.
  static absl::StatusOr<std::unique_ptr<Process>> Start(std::vector<std::string> argv);
  // Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  pid_t pid() const { return pid_; }

  // Sends a signal; to a process that has ended already it does nothing.
  void Signal(int signal);

  // The exit code, or 128 plus the signal that ended it. DEADLINE_EXCEEDED: it still runs.
  absl::StatusOr<int> WaitForExit(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  bool running() const ABSL_LOCKS_EXCLUDED(mu_);

  // The first line on stderr that `matches`, whether it was printed before the call or after.
  // DEADLINE_EXCEEDED, or UNAVAILABLE once the process has ended without it; the message then has
  // the exit code and the end of stderr.
  absl::StatusOr<std::string> WaitForLine(const std::function<bool(absl::string_view)>& matches,
                                          absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // What it printed so far; all of it once WaitForExit() has returned a code.
  std::string out() const ABSL_LOCKS_EXCLUDED(mu_);
  std::string err() const ABSL_LOCKS_EXCLUDED(mu_);
  // The last bytes of stderr, for a message.
  std::string ErrTail() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Pipes {
    int out = -1;
    int err = -1;
  };

  Process(pid_t pid, int pidfd, Pipes pipes);

  void Watch() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes what is there. False: no more will come.
  bool Take(int fd, std::string* to) ABSL_LOCKS_EXCLUDED(mu_);
  void Reap() ABSL_LOCKS_EXCLUDED(mu_);
  bool Exited() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return exit_code_.has_value(); }

  const pid_t pid_;
  const int pidfd_;
  const Pipes pipes_;

  mutable absl::Mutex mu_;
  // Output has come, or the end.
  absl::CondVar changed_;
  std::string out_ ABSL_GUARDED_BY(mu_);
  std::string err_ ABSL_GUARDED_BY(mu_);
  std::optional<int> exit_code_ ABSL_GUARDED_BY(mu_);

  // Last: it uses all of the above.
  std::thread thread_;
};

// Runs a program to its end. DEADLINE_EXCEEDED: it took longer, and was killed.
struct Finished {
  int exit_code = 0;
  std::string out;
  std::string err;
};
absl::StatusOr<Finished> RunProcess(std::vector<std::string> argv, absl::Duration timeout);

// Resident memory of a process now, in bytes. NOT_FOUND: it has ended.
absl::StatusOr<uint64_t> ResidentBytes(pid_t pid);
// The most that it ever held.
absl::StatusOr<uint64_t> PeakResidentBytes(pid_t pid);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_PROCESS_H_
