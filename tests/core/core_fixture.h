// Database, log, store and sequencer of a hub, without its ports.

#ifndef INCIDENTHUB_TESTS_CORE_CORE_FIXTURE_H_
#define INCIDENTHUB_TESTS_CORE_CORE_FIXTURE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/event.pb.h"
#include "server/core/recovery.h"
#include "server/core/sequencer.h"
#include "server/log/local_event_log.h"
#include "server/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/faulty_log.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/unsynced_env.h"

namespace incidenthub::testing {

// What a group was answered, once it was.
class Answer {
 public:
  // The outcomes; fails the test if they do not come, or not exactly once.
  std::vector<Outcome> Wait() {
    EXPECT_TRUE(answered_.WaitForNotificationWithTimeout(absl::Seconds(30))) << "never answered";
    return outcomes_;
  }
  bool answered() const { return answered_.HasBeenNotified(); }
  void Set(std::vector<Outcome> outcomes) {
    ASSERT_FALSE(answered_.HasBeenNotified()) << "answered twice";
    outcomes_ = std::move(outcomes);
    answered_.Notify();
  }

 private:
  std::vector<Outcome> outcomes_;
  absl::Notification answered_;
};

class CoreTest : public ::testing::Test {
 protected:
  CoreTest() : database_({.env = env_.get()}) { OpenStore(); }
  ~CoreTest() override { StopHub(); }

  // Starts a sequencer on what the database holds.
  void Start(const SequencerOptions& options = {}) {
    disk_ = std::make_unique<DiskSpace>(
        [this] { return FreeBytes(); },
        DiskSpaceOptions{.min_free_bytes = min_free_bytes_, .retry_delay = options.retry_delay});
    sequencer_ = std::make_unique<Sequencer>(
        log_.get(), store_.get(), &clock_, disk_.get(),
        [this, then = on_published_](absl::Span<const SharedEvent> events) {
          Published(events);
          if (then != nullptr) then();
        },
        [this](const absl::Status& status) { Failed(status); }, options);
  }
  void StopHub() {
    if (log_ != nullptr) log_->OpenGate();
    sequencer_.reset();
    log_.reset();
    store_.reset();
    local_log_.reset();
  }
  void OpenStore() {
    auto log = LocalEventLog::Open(database_.get());
    ASSERT_OK(log);
    local_log_ = *std::move(log);
    log_ = std::make_unique<FaultyLog>(local_log_.get());
    auto store = Store::Open(database_.get());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  // The process ends, and the machine keeps all that was written; what was applied is brought up to
  // the log. Returns how many events that took.
  uint64_t RestartHub() {
    StopHub();
    database_.Reopen();
    return OpenAndRecover();
  }
  // The power fails.
  uint64_t CrashHub() {
    env_.PowerOff();
    StopHub();
    database_.Close();
    env_.PowerOn();
    database_.Open();
    return OpenAndRecover();
  }

  // Submits a group that must be taken.
  std::shared_ptr<Answer> Submit(std::vector<Command> commands, size_t bytes = 0) {
    auto answer = std::make_shared<Answer>();
    EXPECT_OK(TrySubmit(std::move(commands), bytes, answer));
    return answer;
  }
  absl::Status TrySubmit(std::vector<Command> commands, size_t bytes = 0,
                         std::shared_ptr<Answer> answer = std::make_shared<Answer>()) {
    CommandGroup group;
    group.commands = std::move(commands);
    group.bytes = bytes;
    group.done = [answer](std::vector<Outcome> outcomes) { answer->Set(std::move(outcomes)); };
    return sequencer_->Submit(std::move(group));
  }

  // What was committed; fails the test if it was not.
  static Committed CommittedOf(const Outcome& outcome) {
    EXPECT_OK(outcome);
    if (!outcome.ok() || !std::holds_alternative<Committed>(*outcome)) {
      ADD_FAILURE() << "nothing was committed";
      return {};
    }
    return std::get<Committed>(*outcome);
  }
  // Of a group of one.
  Committed Commit(Command command) {
    std::vector<Command> commands;
    commands.push_back(std::move(command));
    const std::vector<Outcome> outcomes = Submit(std::move(commands))->Wait();
    return outcomes.empty() ? Committed() : CommittedOf(outcomes[0]);
  }

  // Has the sequencer wait in an append, with this group alone in its batch.
  std::shared_ptr<Answer> HoldUp(const std::string& incident_id = "held-up") {
    log_->CloseGate();
    auto answer = Submit({DeliveryBuilder(incident_id).Build()});
    EXPECT_TRUE(log_->AwaitAppendAtGate());
    return answer;
  }

  std::vector<Sequence> published() const {
    absl::MutexLock lock(&mu_);
    return published_;
  }
  // Waits until the event with this sequence is published: that comes after the answer.
  [[nodiscard]] bool AwaitPublished(Sequence sequence) const {
    absl::MutexLock lock(&mu_);
    const auto there = [this, sequence]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return !published_.empty() && published_.back() >= sequence;
    };
    return mu_.AwaitWithTimeout(absl::Condition(&there), absl::Seconds(30));
  }
  std::vector<absl::Status> failures() const {
    absl::MutexLock lock(&mu_);
    return failures_;
  }
  void SetFreeBytes(absl::StatusOr<uint64_t> bytes) {
    absl::MutexLock lock(&mu_);
    free_bytes_ = std::move(bytes);
  }

  UnsyncedEnv env_;
  TestDatabase database_;
  FakeClock clock_{At(0)};
  std::unique_ptr<LocalEventLog> local_log_;
  std::unique_ptr<FaultyLog> log_;
  std::unique_ptr<Store> store_;
  // These take effect with Start. Called after events were published; null: nothing is.
  std::function<void()> on_published_;
  uint64_t min_free_bytes_ = 1000;
  std::unique_ptr<DiskSpace> disk_;
  std::unique_ptr<Sequencer> sequencer_;

 private:
  uint64_t OpenAndRecover() {
    OpenStore();
    const auto replayed = Recover(*log_, store_.get());
    EXPECT_OK(replayed);
    return replayed.value_or(0);
  }
  absl::StatusOr<uint64_t> FreeBytes() const {
    absl::MutexLock lock(&mu_);
    return free_bytes_;
  }
  void Published(absl::Span<const SharedEvent> events) {
    absl::MutexLock lock(&mu_);
    for (const SharedEvent& shared : events) {
      v1::Event event;
      EXPECT_TRUE(event.ParseFromString(*shared.bytes));
      EXPECT_EQ(event.sequence(), shared.sequence);
      EXPECT_EQ(event.previous_sequence(), shared.previous_sequence);
      published_.push_back(shared.sequence);
    }
  }
  void Failed(const absl::Status& status) {
    absl::MutexLock lock(&mu_);
    failures_.push_back(status);
  }

  mutable absl::Mutex mu_;
  absl::StatusOr<uint64_t> free_bytes_ ABSL_GUARDED_BY(mu_) = uint64_t{1} << 40U;
  std::vector<Sequence> published_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Status> failures_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_CORE_CORE_FIXTURE_H_
