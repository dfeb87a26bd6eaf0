// Commits that wait: whatever has come is written together, with one sync, so that many consumers
// cost a disk no more than a few, and take one thread of the read pool.
//
// Threads:  Add from any; `done` runs in the read pool.
// Lifetime: shared with the task that it has in the pool. The consumers and the pool outlive that.

#ifndef INCIDENTHUB_SERVER_RPC_COMMIT_QUEUE_H_
#define INCIDENTHUB_SERVER_RPC_COMMIT_QUEUE_H_

#include <cstddef>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/read_pool.h"
#include "server/store/consumers.h"

namespace incidenthub {

// Commits that may wait, and those that are written together.
inline constexpr size_t kCommitsQueuedMax = 16'384;
inline constexpr size_t kCommitsWrittenMax = 1024;

class CommitQueue : public std::enable_shared_from_this<CommitQueue> {
 public:
  // As of Consumers::Commit.
  using Done = absl::AnyInvocable<void(const absl::StatusOr<bool>& changed)>;

  CommitQueue(Consumers* consumers, ReadPool* read_pool)
      : consumers_(consumers), read_pool_(read_pool) {}

  // `done` is called once if the result is OK, and never if it isn't. RESOURCE_EXHAUSTED /
  // QUEUE_FULL.
  absl::Status Add(ConsumerCommit commit, Done done) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Waiting {
    ConsumerCommit commit;
    Done done;
  };
  void Write() ABSL_LOCKS_EXCLUDED(mu_);
  void PostWrite();

  Consumers* const consumers_;
  ReadPool* const read_pool_;
  absl::Mutex mu_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
  // It has a task in the pool.
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_COMMIT_QUEUE_H_
