#include "server/rpc/commit_queue.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/error_details.h"
#include "gtest/gtest.h"
#include "server/fanout/resume_token.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/unsynced_env.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::HasReason;
using testing::TestDatabase;
using testing::UnsyncedEnv;

class CommitQueueTest : public ::testing::Test {
 protected:
  CommitQueueTest() {
    EXPECT_OK(consumers_.Load());
    const auto stream = consumers_.Begin(
        "pager", ConsumerUser(), consumers_.NextArrival(), Consumers::Start::kPosition, {},
        [](const Consumers::Token&) { return absl::OkStatus(); }, At(0));
    EXPECT_OK(stream);
    if (stream.ok()) stream_ = stream->number;
    // The pool's one thread waits, and so does every commit.
    pool_.Post([this] { gate_.WaitForNotification(); });
  }

  ConsumerCommit CommitAt(Sequence position) const {
    ConsumerCommit commit;
    commit.name = "pager";
    commit.token.set_version(kResumeTokenVersion);
    commit.token.set_phase(Consumers::Token::PHASE_EVENTS);
    commit.token.set_position(position);
    commit.token.set_stream(stream_);
    commit.token.set_consumer_hash(ConsumerHash("pager"));
    return commit;
  }

  UnsyncedEnv env_;
  TestDatabase database_{{.env = env_.get()}};
  Consumers consumers_{database_.get(), [] { return absl::OkStatus(); },
                       [](const absl::Status&) {}};
  uint64_t stream_ = 0;
  absl::Notification gate_;
  ReadPool pool_{1, 16};
  const std::shared_ptr<CommitQueue> queue_ = std::make_shared<CommitQueue>(&consumers_, &pool_);
};

TEST_F(CommitQueueTest, WhatWaitsIsWrittenWithOneSync) {
  constexpr int kCommits = 100;
  absl::BlockingCounter answered(kCommits);
  std::atomic<int> changed_count{0};
  for (int i = 1; i <= kCommits; ++i) {
    EXPECT_OK(
        queue_->Add(CommitAt(static_cast<Sequence>(i)), [&](const absl::StatusOr<bool>& changed) {
          EXPECT_OK(changed);
          if (changed.ok() && *changed) ++changed_count;
          answered.DecrementCount();
        }));
  }
  const uint64_t before = env_.log_syncs();
  gate_.Notify();
  answered.Wait();
  EXPECT_EQ(changed_count, kCommits);
  EXPECT_EQ(env_.log_syncs(), before + 1);
  EXPECT_EQ(consumers_.LeastPosition(), Sequence{kCommits});
}

TEST_F(CommitQueueTest, PastItsBoundCommitsAreRefusedAndTheOthersAnsweredInTheirOrder) {
  absl::BlockingCounter answered(static_cast<int>(kCommitsQueuedMax));
  std::atomic<bool> in_order{true};
  std::atomic<size_t> next{1};
  for (size_t i = 1; i <= kCommitsQueuedMax; ++i) {
    EXPECT_OK(queue_->Add(CommitAt(i), [&, i](const absl::StatusOr<bool>& changed) {
      if (next++ != i || !changed.ok() || !*changed) in_order = false;
      answered.DecrementCount();
    }));
  }
  const absl::Status status =
      queue_->Add(CommitAt(1), [](const absl::StatusOr<bool>&) { ADD_FAILURE() << "answered"; });
  EXPECT_THAT(status, HasReason("QUEUE_FULL"));
  EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
  gate_.Notify();
  answered.Wait();
  EXPECT_TRUE(in_order);
  absl::Notification once_more;
  EXPECT_OK(queue_->Add(CommitAt(kCommitsQueuedMax + 1),
                        [&](const absl::StatusOr<bool>&) { once_more.Notify(); }));
  once_more.WaitForNotification();
}

}  // namespace
}  // namespace incidenthub
