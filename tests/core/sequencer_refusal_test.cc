// What the sequencer does not take, and how it ends: bounds, a full disk, a log that fails, a
// drain.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/core/sequencer.h"
#include "tests/core/core_fixture.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::Answer;
using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using testing::FaultyLog;
using testing::HasCode;
using testing::HasReason;
using testing::UnmappedDelivery;

constexpr absl::Duration kRetry = absl::Seconds(7);

class SequencerRefusalTest : public CoreTest {
 protected:
  static std::vector<Command> Acks(size_t count) { return std::vector<Command>(count, AckOf("x")); }

  // The error, with this reason, that says when to come back.
  static void ExpectRefused(const absl::Status& status, absl::StatusCode code,
                            const std::string& reason) {
    EXPECT_THAT(status, HasCode(code));
    EXPECT_THAT(status, HasReason(reason));
    EXPECT_EQ(RetryDelay(status, absl::ZeroDuration()), kRetry);
  }
  static void ExpectRefused(const std::vector<Outcome>& outcomes, const std::string& reason) {
    EXPECT_FALSE(outcomes.empty());
    for (const Outcome& outcome : outcomes) {
      ExpectRefused(outcome.status(), absl::StatusCode::kUnavailable, reason);
    }
  }
};

TEST_F(SequencerRefusalTest, PastItsCommandsTheQueueIsFull) {
  Start({.queue_commands_max = 4, .retry_delay = kRetry});
  const auto held = HoldUp();
  const auto first = Submit(Acks(2));
  const auto second = Submit(Acks(2));
  EXPECT_EQ(sequencer_->queued_commands(), 4U);
  ExpectRefused(TrySubmit(Acks(1)), absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  EXPECT_EQ(sequencer_->queued_commands(), 4U);
  log_->OpenGate();
  first->Wait();
  second->Wait();
  EXPECT_EQ(Submit(Acks(4))->Wait().size(), 4U) << "there is room again";
}

TEST_F(SequencerRefusalTest, PastItsBytesTheQueueIsFull) {
  Start({.queue_bytes_max = 100, .retry_delay = kRetry});
  const auto held = HoldUp();
  const auto first = Submit(Acks(1), 60);
  ExpectRefused(TrySubmit(Acks(1), 41), absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  const auto second = Submit(Acks(1), 40);
  ExpectRefused(TrySubmit(Acks(1), 1), absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  log_->OpenGate();
  first->Wait();
  second->Wait();

  const auto held_again = HoldUp("held-up again");
  const auto third = Submit(Acks(1), 60);
  const auto fourth = Submit(Acks(1), 40);
  log_->OpenGate();
  third->Wait();
  fourth->Wait();
}

TEST_F(SequencerRefusalTest, AGroupLargerThanTheQueueIsTakenWhenNothingWaits) {
  Start({.queue_commands_max = 4, .queue_bytes_max = 100, .retry_delay = kRetry});
  const auto held = HoldUp();
  const auto large = Submit(Acks(10), 1000);
  ExpectRefused(TrySubmit(Acks(1)), absl::StatusCode::kResourceExhausted, "QUEUE_FULL");
  log_->OpenGate();
  EXPECT_EQ(large->Wait().size(), 10U);
}

TEST_F(SequencerRefusalTest, AGroupThatIsNotTakenIsNotAnswered) {
  Start({.queue_commands_max = 1});
  const auto held = HoldUp();
  const auto waiting = Submit(Acks(1));
  const auto refused = std::make_shared<Answer>();
  EXPECT_FALSE(TrySubmit(Acks(1), 0, refused).ok());
  log_->OpenGate();
  waiting->Wait();
  sequencer_->Drain();
  EXPECT_FALSE(refused->answered());
}

TEST_F(SequencerRefusalTest, WithTooLittleDiskEverythingIsRefusedUntilThereIsEnough) {
  SetFreeBytes(999);
  Start({.retry_delay = kRetry});
  EXPECT_TRUE(disk_->ok());
  for (int i = 0; i < 3; ++i) {
    const std::vector<Command> commands = {DeliveryBuilder("a").Build(), UnmappedDelivery(1, "{}"),
                                           AckOf("a")};
    ExpectRefused(Submit(commands)->Wait(), "DISK_FULL");
    EXPECT_FALSE(disk_->ok());
  }
  EXPECT_EQ(store_->applied(), 0U);
  EXPECT_EQ(store_->quarantine().count(), 0U);
  EXPECT_TRUE(log_->batches().empty()) << "nothing reaches the disk";

  SetFreeBytes(1000);
  EXPECT_EQ(Commit(DeliveryBuilder("a").Build()).sequence, 1U);
  EXPECT_TRUE(disk_->ok());
  EXPECT_TRUE(failures().empty()) << "it needs no restart";
}

TEST_F(SequencerRefusalTest, WhoeverElseWritesIsToldTheSame) {
  Start({.retry_delay = kRetry});
  EXPECT_OK(sequencer_->CheckWritable());
  SetFreeBytes(999);
  ExpectRefused(sequencer_->CheckWritable(), absl::StatusCode::kUnavailable, "DISK_FULL");
  EXPECT_FALSE(disk_->ok());
  SetFreeBytes(1000);
  EXPECT_OK(sequencer_->CheckWritable());
  EXPECT_TRUE(disk_->ok());
  sequencer_->Drain();
  ExpectRefused(sequencer_->CheckWritable(), absl::StatusCode::kUnavailable, "SHUTTING_DOWN");
}

TEST_F(SequencerRefusalTest, AFailedWriteOfSomethingElseEndsItAndAnswersWhatWaits) {
  Start({.retry_delay = kRetry});
  const auto held = HoldUp();
  const auto waiting = Submit({DeliveryBuilder("b").Build()});
  const absl::Status failure = ReasonError("LOG_OUTCOME_UNKNOWN", "a test says so");
  sequencer_->FailStop(failure);
  sequencer_->FailStop(absl::UnavailableError("another"));
  log_->OpenGate();
  EXPECT_OK(held->Wait()[0]) << "its append was under way, and is known";
  EXPECT_EQ(waiting->Wait()[0].status(), failure);
  EXPECT_EQ(TrySubmit(Acks(1)), failure);
  EXPECT_EQ(sequencer_->CheckWritable(), failure);
  EXPECT_EQ(failures(), std::vector<absl::Status>{failure}) << "said once";
  EXPECT_EQ(store_->applied(), 1U);
}

TEST_F(SequencerRefusalTest, ADiskThatCannotBeAskedCountsAsFull) {
  SetFreeBytes(absl::UnavailableError("statvfs says no"));
  Start({.retry_delay = kRetry});
  ExpectRefused(Submit({AckOf("a")})->Wait(), "DISK_FULL");
  SetFreeBytes(uint64_t{1} << 40U);
  EXPECT_EQ(Commit(DeliveryBuilder("a").Build()).sequence, 1U);
}

class SequencerLogFailureTest : public SequencerRefusalTest,
                                public ::testing::WithParamInterface<FaultyLog::Failure> {};

TEST_P(SequencerLogFailureTest, EverybodyIsToldThatTheOutcomeIsUnknown) {
  Start({.batch_commands_max = 1, .retry_delay = kRetry});
  const Committed before = Commit(DeliveryBuilder("before").Build());
  ASSERT_TRUE(AwaitPublished(before.sequence));
  log_->Fail(GetParam());
  const auto held = HoldUp("a");
  const auto queued = Submit({DeliveryBuilder("b").Build(), AckOf("a"), UnmappedDelivery(1, "{}")});
  log_->OpenGate();
  ExpectRefused(held->Wait(), "LOG_OUTCOME_UNKNOWN");
  ExpectRefused(queued->Wait(), "LOG_OUTCOME_UNKNOWN");
  EXPECT_EQ(queued->Wait().size(), 3U);
  ExpectRefused(TrySubmit({AckOf("before")}), absl::StatusCode::kUnavailable,
                "LOG_OUTCOME_UNKNOWN");
  sequencer_->Drain();
  ASSERT_EQ(failures().size(), 1U);
  EXPECT_THAT(failures()[0], HasReason("LOG_OUTCOME_UNKNOWN"));
  EXPECT_THAT(std::string(failures()[0].message()), ::testing::HasSubstr("send it again"));
  EXPECT_EQ(published(), (std::vector<Sequence>{1}));
  EXPECT_EQ(store_->applied(), 1U) << "nothing is visible that was not known to be appended";
  EXPECT_EQ(sequencer_->queued_commands(), 0U);
}

TEST_P(SequencerLogFailureTest, AfterARestartWhatWasWrittenIsThereAndItsSequenceIsNotReused) {
  Start();
  const bool written = GetParam() == FaultyLog::Failure::kWrittenAnyway;
  const v1::Delivery lost = DeliveryBuilder("a").Build();
  log_->Fail(GetParam());
  EXPECT_FALSE(Submit({lost})->Wait()[0].ok());
  EXPECT_EQ(RestartHub(), written ? 1U : 0U);
  Start();
  const Committed again = Commit(lost);
  EXPECT_EQ(again.sequence, 1U);
  EXPECT_EQ(again.changed, !written) << "sending it again is safe either way";
  EXPECT_EQ(Commit(DeliveryBuilder("b").Build()).sequence, 2U);
}

INSTANTIATE_TEST_SUITE_P(EitherWay, SequencerLogFailureTest,
                         ::testing::Values(FaultyLog::Failure::kNothingWritten,
                                           FaultyLog::Failure::kWrittenAnyway),
                         [](const auto& parameter) {
                           return parameter.param == FaultyLog::Failure::kNothingWritten
                                      ? "NothingWritten"
                                      : "WrittenAnyway";
                         });

TEST_F(SequencerRefusalTest, WhatWasAppendedAndCouldNotBeAppliedIsUnknownToo) {
  Start({.retry_delay = kRetry});
  log_->OnWritten([this] { env_.PowerOff(); });
  ExpectRefused(Submit({DeliveryBuilder("a").Build()})->Wait(), "LOG_OUTCOME_UNKNOWN");
  ExpectRefused(TrySubmit({AckOf("a")}), absl::StatusCode::kUnavailable, "LOG_OUTCOME_UNKNOWN");
  sequencer_->Drain();
  EXPECT_EQ(failures().size(), 1U);
  EXPECT_TRUE(published().empty());
  EXPECT_EQ(CrashHub(), 1U) << "it was appended";
  EXPECT_EQ(store_->FindIncident("a").value()->incident.sequence(), 1U);
}

TEST_F(SequencerRefusalTest, AQuarantineThatCannotBeWrittenIsUnknownToo) {
  Start({.retry_delay = kRetry});
  env_.PowerOff();
  ExpectRefused(Submit({UnmappedDelivery(1, "{}")})->Wait(), "LOG_OUTCOME_UNKNOWN");
  ExpectRefused(TrySubmit({AckOf("a")}), absl::StatusCode::kUnavailable, "LOG_OUTCOME_UNKNOWN");
  sequencer_->Drain();
  EXPECT_EQ(failures().size(), 1U);
}

TEST_F(SequencerRefusalTest, ADiskThatFillsUpInTheMiddleOfAnAppendIsALogFailure) {
  Start({.retry_delay = kRetry});
  Commit(DeliveryBuilder("before").Build());
  env_.SetDiskFull(true);
  ExpectRefused(Submit({DeliveryBuilder("a").Build()})->Wait(), "LOG_OUTCOME_UNKNOWN");
  env_.SetDiskFull(false);
  RestartHub();
  Start();
  EXPECT_TRUE(store_->FindIncident("before")->has_value());
  EXPECT_GT(Commit(DeliveryBuilder("b").Build()).sequence, 1U);
}

TEST_F(SequencerRefusalTest, DrainAnswersEverythingThatWasTakenAndTakesNothingMore) {
  Start({.batch_commands_max = 1, .retry_delay = kRetry});
  const auto held = HoldUp();
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 20; ++i) {
    answers.push_back(Submit({DeliveryBuilder(absl::StrCat("i-", i)).Build()}));
  }
  std::thread drain([this] { sequencer_->Drain(); });
  // Drain has begun once a command is refused; until then it is taken, and answered.
  while (true) {
    auto answer = std::make_shared<Answer>();
    const absl::Status status = TrySubmit({AckOf("held-up")}, 0, answer);
    if (!status.ok()) {
      ExpectRefused(status, absl::StatusCode::kUnavailable, "SHUTTING_DOWN");
      break;
    }
    answers.push_back(std::move(answer));
    std::this_thread::yield();
  }
  EXPECT_FALSE(held->answered());
  log_->OpenGate();
  drain.join();
  EXPECT_TRUE(held->answered());
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer->answered()) << "Drain returned before it";
    EXPECT_OK(answer->Wait()[0]);
  }
  EXPECT_EQ(published().size(), 22U - 1U + (answers.size() > 20 ? 1U : 0U));
}

TEST_F(SequencerRefusalTest, TheEndOfASequencerIsADrain) {
  Start();
  const auto held = HoldUp();
  const auto queued = Submit({DeliveryBuilder("a").Build()});
  std::thread open([this] { log_->OpenGate(); });
  sequencer_.reset();
  open.join();
  EXPECT_TRUE(held->answered());
  EXPECT_TRUE(queued->answered());
}

}  // namespace
}  // namespace incidenthub
