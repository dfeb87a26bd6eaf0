// The threads that serve connections: one each, made on demand up to a bound, and used again.
//
// Threads: Run() on any.

#ifndef INCIDENTHUB_GATEWAY_CONNECTION_THREADS_H_
#define INCIDENTHUB_GATEWAY_CONNECTION_THREADS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace incidenthub::gateway {

class ConnectionThreads {
 public:
  explicit ConnectionThreads(size_t threads_max) : threads_max_(threads_max) {}
  // Waits for everything that runs; make it end soon.
  ~ConnectionThreads();
  ConnectionThreads(const ConnectionThreads&) = delete;
  ConnectionThreads& operator=(const ConnectionThreads&) = delete;

  // Runs `work` on a thread of its own, at once. False: all threads are busy, or the system has no
  // more, and it will not run.
  bool Run(std::function<void()> work);

 private:
  void Loop();
  bool AddThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasWorkOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !waiting_.empty() || stopping_;
  }

  const size_t threads_max_;
  absl::Mutex mu_;
  // Handed to a thread, and not yet taken by it.
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mu_);
  // Handed out and not finished.
  size_t busy_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_CONNECTION_THREADS_H_
