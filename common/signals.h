// How a process is asked to stop.

#ifndef INCIDENTHUB_COMMON_SIGNALS_H_
#define INCIDENTHUB_COMMON_SIGNALS_H_

#include <thread>

namespace incidenthub {

// Turns SIGTERM and SIGINT into a value that main waits for; no code runs in a signal handler.
//
//   ShutdownSignal shutdown;            // before any other thread exists
//   ... start ...
//   const int signal = shutdown.Wait();
//   shutdown.ExitOnNext(1);             // an impatient second signal ends the process at once
//   ... drain ...
//
// Threads:  construct before others are started, since they inherit the blocked signals; then any.
// Lifetime: the signals stay blocked, and SIGPIPE ignored, after it is gone.
class ShutdownSignal {
 public:
  ShutdownSignal();
  ~ShutdownSignal();
  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

  // Blocks until a signal comes and returns its number; each signal is returned to one caller. 0
  // once Wake() was called.
  int Wait();

  // Makes this and every later Wait() return 0: the program itself has decided to stop.
  void Wake();

  // From now on a signal ends the process at once with `exit_code`, without destructors. Nobody may
  // call Wait() any more. Call once at most.
  void ExitOnNext(int exit_code);

 private:
  int signal_fd_;
  int wake_fd_;
  std::thread exit_thread_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_SIGNALS_H_
