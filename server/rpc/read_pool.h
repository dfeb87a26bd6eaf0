// A few threads for reads of the store, which may wait for a disk: gRPC's own threads and the
// broadcaster's never do.
//
// Threads: Post from any.

#ifndef INCIDENTHUB_SERVER_RPC_READ_POOL_H_
#define INCIDENTHUB_SERVER_RPC_READ_POOL_H_

#include <cstddef>
#include <deque>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace incidenthub {

class ReadPool {
 public:
  using Task = absl::AnyInvocable<void()>;

  // At most `queue_max` tasks of TryPost wait.
  ReadPool(size_t threads, size_t queue_max);
  // Runs what was posted, then ends.
  ~ReadPool();

  // For a caller that has at most one task here at a time and is counted elsewhere: always taken.
  void Post(Task task) ABSL_LOCKS_EXCLUDED(mu_);

  // False, and nothing happens, if too many wait.
  [[nodiscard]] bool TryPost(Task task) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !tasks_.empty() || stopping_; }

  const size_t queue_max_;
  absl::Mutex mu_;
  std::deque<Task> tasks_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_READ_POOL_H_
