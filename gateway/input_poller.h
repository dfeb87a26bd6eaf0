// Waits for input on many sockets at once, each for as long as a peer may be idle.
//
// Whoever has input is called on one of a few threads, so nobody may hold that thread up; what
// comes in a burst is served there one after the other, without a switch of threads for each.
//
// Threads: Await() on any.

#ifndef INCIDENTHUB_GATEWAY_INPUT_POLLER_H_
#define INCIDENTHUB_GATEWAY_INPUT_POLLER_H_

#include <cstddef>
#include <functional>
#include <list>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace incidenthub::gateway {

class InputPoller {
 public:
  // Somebody with a socket. Belongs to the poller from Await() until it is called back, and may
  // not end meanwhile.
  class Waiter {
   public:
    explicit Waiter(int fd) : fd_(fd) {}
    virtual ~Waiter() = default;
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

   private:
    friend class InputPoller;
    const int fd_;
    // Whether the kernel knows the socket already.
    bool is_known_ = false;
    absl::Time deadline_;
    // Its place among those that wait.
    std::list<Waiter*>::iterator place_;
  };

  // There is input, or its end, for `waiter`; or, if `timed_out`, there was none in time.
  using OnInput = std::function<void(Waiter* waiter, bool timed_out)>;

  InputPoller(absl::Duration idle_timeout, OnInput on_input);
  // Nobody may wait any more.
  ~InputPoller();
  InputPoller(const InputPoller&) = delete;
  InputPoller& operator=(const InputPoller&) = delete;

  // Calls `waiter` back once. The last thing to do with it: it may be called, and end, before this
  // returns. False: the system has no room for one more, and it will not be called.
  bool Await(Waiter* waiter) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mu_);
  // Takes off the list whoever has waited for too long, one each time; null: nobody has.
  Waiter* TakeOverdue(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);
  // How long the kernel may be asked to wait, in milliseconds.
  int WaitMilliseconds(absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

  const absl::Duration idle_timeout_;
  const OnInput on_input_;
  const int epoll_fd_;
  const int stop_fd_;
  absl::Mutex mu_;
  // The one that has waited longest comes first: all may wait equally long.
  std::list<Waiter*> waiting_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_INPUT_POLLER_H_
