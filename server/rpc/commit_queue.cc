#include "server/rpc/commit_queue.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error_details.h"

namespace incidenthub {

absl::Status CommitQueue::Add(ConsumerCommit commit, Done done) {
  {
    absl::MutexLock lock(&mu_);
    if (waiting_.size() >= kCommitsQueuedMax) {
      return WithRetryDelay(
          ReasonError("QUEUE_FULL",
                      absl::StrCat(waiting_.size(), " commits wait already; commit less often")),
          absl::Seconds(1));
    }
    waiting_.push_back({std::move(commit), std::move(done)});
    if (std::exchange(writing_, true)) return absl::OkStatus();
  }
  PostWrite();
  return absl::OkStatus();
}

void CommitQueue::PostWrite() {
  read_pool_->Post([self = shared_from_this()] { self->Write(); });
}

void CommitQueue::Write() {
  std::vector<ConsumerCommit> commits;
  std::vector<Done> dones;
  {
    absl::MutexLock lock(&mu_);
    while (!waiting_.empty() && commits.size() < kCommitsWrittenMax) {
      commits.push_back(std::move(waiting_.front().commit));
      dones.push_back(std::move(waiting_.front().done));
      waiting_.pop_front();
    }
  }
  const std::vector<absl::StatusOr<bool>> answers = consumers_->Commit(commits, absl::Now());
  bool more = false;
  {
    absl::MutexLock lock(&mu_);
    more = writing_ = !waiting_.empty();
  }
  // Behind the reads that came meanwhile.
  if (more) PostWrite();
  for (size_t i = 0; i < dones.size(); ++i) dones[i](answers[i]);
}

}  // namespace incidenthub
