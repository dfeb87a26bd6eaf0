// Acknowledgements whose time has passed: the sequencer takes them back by itself.

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/core_fixture.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::AckUntil;
using testing::Answer;
using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using ::testing::ElementsAre;
using testing::HasReason;
using ::testing::IsEmpty;
using testing::ResolveOf;
using ::testing::SizeIs;
using testing::UnackOf;

const absl::Time kExpiry = At(3600);

class AckExpiryTest : public CoreTest {
 protected:
  // Looks at the clock so often that a test need not wait.
  static SequencerOptions Quick() {
    SequencerOptions options;
    options.clock_interval = absl::Milliseconds(1);
    return options;
  }

  // An incident that is acknowledged until `expiry`; two events.
  void MakeAcknowledged(const std::string& id, absl::Time expiry = kExpiry) {
    Commit(DeliveryBuilder(id).Build());
    Commit(AckUntil(id, expiry));
  }

  v1::Incident IncidentOf(const std::string& id) const {
    const auto state = store_->FindIncident(id);
    EXPECT_OK(state);
    return state.ok() && state->has_value() ? (*state)->incident : v1::Incident();
  }

  // The index, once nobody writes.
  size_t ExpiriesHeld() const { return database_.Dump(Table::kAckExpiries).size(); }

  v1::Event EventAt(Sequence sequence) const {
    const auto events = store_->ReadEvents(sequence - 1, {.events = 1, .bytes = 1});
    v1::Event event;
    EXPECT_TRUE(events.ok() && !events->empty() && event.ParseFromString(*(*events)[0].bytes));
    return event;
  }
};

TEST_F(AckExpiryTest, AnIdleHubTakesAnAcknowledgementBackWhenItsTimeHasPassed) {
  Start(Quick());
  MakeAcknowledged("a");
  clock_.Set(kExpiry);
  ASSERT_TRUE(AwaitPublished(3));
  const v1::Event event = EventAt(3);
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_UNACKNOWLEDGED);
  EXPECT_EQ(event.system().reason(), v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED);
  EXPECT_EQ(event.previous_sequence(), 2U);
  EXPECT_EQ(IncidentOf("a").state(), v1::STATE_OPEN);
  EXPECT_EQ(sequencer_->counters().expired, 1U);
  sequencer_.reset();
  EXPECT_EQ(ExpiriesHeld(), 0U);
  EXPECT_EQ(store_->ack_expiries().next(), absl::InfiniteFuture());
}

TEST_F(AckExpiryTest, NothingExpiresBeforeItsTime) {
  Start(Quick());
  MakeAcknowledged("a");
  clock_.Set(kExpiry - absl::Nanoseconds(1));
  EXPECT_EQ(Commit(DeliveryBuilder("b").Build()).sequence, 3U);
  EXPECT_EQ(Commit(DeliveryBuilder("c").Build()).sequence, 4U);
  clock_.Set(kExpiry);
  ASSERT_TRUE(AwaitPublished(5));
  EXPECT_EQ(EventAt(5).incident().id(), "a");
}

TEST_F(AckExpiryTest, WhatEndedOrMovedBeforeItsTimeDoesNotExpire) {
  Start(Quick());
  for (const char* id : {"unacked", "resolved", "closed", "moved", "due"}) MakeAcknowledged(id);
  Commit(UnackOf("unacked"));
  Commit(ResolveOf("resolved"));
  Commit(DeliveryBuilder("closed").Inactive().UpdateTime(At(1)).Build());
  const Sequence last = Commit(AckUntil("moved", kExpiry + absl::Hours(1))).sequence;
  clock_.Set(kExpiry);
  ASSERT_TRUE(AwaitPublished(last + 1));
  EXPECT_EQ(EventAt(last + 1).incident().id(), "due");
  EXPECT_EQ(Commit(DeliveryBuilder("other").Build()).sequence, last + 2) << "nothing else expired";
  clock_.Advance(absl::Hours(1));
  ASSERT_TRUE(AwaitPublished(last + 3));
  EXPECT_EQ(EventAt(last + 3).incident().id(), "moved");
  sequencer_.reset();
  EXPECT_EQ(ExpiriesHeld(), 0U);
}

TEST_F(AckExpiryTest, WhatFellDueWhileTheHubWasDownExpiresAtItsStart) {
  Start(Quick());
  MakeAcknowledged("a", kExpiry);
  MakeAcknowledged("b", kExpiry + absl::Hours(24));
  CrashHub();
  clock_.Set(kExpiry + absl::Hours(1));
  Start(Quick());
  ASSERT_TRUE(AwaitPublished(5));
  EXPECT_EQ(EventAt(5).incident().id(), "a");
  EXPECT_EQ(IncidentOf("b").state(), v1::STATE_ACKNOWLEDGED);
}

TEST_F(AckExpiryTest, AnExpiryThatWasAppendedAndNotAppliedHappensOnce) {
  Start(Quick());
  MakeAcknowledged("a");
  log_->OnWritten([this] { env_.PowerOff(); });
  clock_.Set(kExpiry);
  while (failures().empty()) std::this_thread::yield();
  CrashHub();
  Start(Quick());
  EXPECT_EQ(Commit(DeliveryBuilder("b").Build()).sequence, 4U);
  EXPECT_EQ(EventAt(3).type(), v1::EVENT_TYPE_UNACKNOWLEDGED);
}

TEST_F(AckExpiryTest, ABatchTakesABoundedNumberBesideItsCommands) {
  SequencerOptions options = Quick();
  options.batch_expiries_max = 4;
  Start(options);
  for (int i = 0; i < 10; ++i) MakeAcknowledged(absl::StrCat("i-", i), kExpiry);
  const size_t before = log_->batches().size();
  const auto held = HoldUp();
  clock_.Set(kExpiry);
  const auto queued = Submit({DeliveryBuilder("x").Build(), DeliveryBuilder("y").Build()});
  log_->OpenGate();
  ASSERT_TRUE(AwaitPublished(20 + 1 + 12));
  std::vector<size_t> batches = log_->batches();
  batches.erase(batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_THAT(batches, ElementsAre(1, 4 + 2, 4, 2));
  EXPECT_OK(queued->Wait()[0]);
}

TEST_F(AckExpiryTest, ABatchOfLargeIncidentsEndsAtItsBytes) {
  SequencerOptions options = Quick();
  options.batch_bytes_max = size_t{1} << 20U;
  Start(options);
  for (const char* id : {"a", "b", "c"}) {
    Commit(DeliveryBuilder(id).Padded(size_t{600} << 10U).Build());
    Commit(AckUntil(id, kExpiry));
  }
  const size_t before = log_->batches().size();
  clock_.Set(kExpiry);
  ASSERT_TRUE(AwaitPublished(9));
  std::vector<size_t> batches = log_->batches();
  batches.erase(batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(before));
  EXPECT_THAT(batches, ElementsAre(2, 1));
}

TEST_F(AckExpiryTest, ACommandInTheBatchOfAnExpirySeesIt) {
  Start(Quick());
  MakeAcknowledged("a");
  const auto held = HoldUp();
  clock_.Set(kExpiry);
  const auto acked = Submit({AckOf("a", "eve")});
  log_->OpenGate();
  const Committed committed = CommittedOf(acked->Wait()[0]);
  EXPECT_TRUE(committed.changed);
  EXPECT_EQ(committed.sequence, 5U);
  EXPECT_EQ(committed.incident->acknowledgement().actor(), "eve");
}

TEST_F(AckExpiryTest, WithTooLittleDiskNothingExpiresUntilThereIsEnough) {
  SequencerOptions options = Quick();
  options.retry_delay = absl::Seconds(7);
  Start(options);
  MakeAcknowledged("a");
  SetFreeBytes(999);
  clock_.Set(kExpiry);
  EXPECT_THAT(Submit({AckOf("a")})->Wait()[0], HasReason("DISK_FULL"));
  EXPECT_THAT(Submit({AckOf("a")})->Wait()[0], HasReason("DISK_FULL"));
  EXPECT_EQ(store_->applied(), 2U);
  EXPECT_THAT(log_->batches(), SizeIs(2));
  SetFreeBytes(1000);
  clock_.Advance(options.retry_delay);
  EXPECT_TRUE(AwaitPublished(3));
}

TEST_F(AckExpiryTest, AHubThatDrainsTakesNothingBack) {
  Start(Quick());
  MakeAcknowledged("a");
  const auto held = HoldUp();
  std::thread drain([this] { sequencer_->Drain(); });
  std::vector<std::shared_ptr<Answer>> answers;
  while (true) {
    auto answer = std::make_shared<Answer>();
    if (!TrySubmit({DeliveryBuilder("b").Build()}, 0, answer).ok()) break;
    answers.push_back(std::move(answer));
    std::this_thread::yield();
  }
  clock_.Set(kExpiry);
  log_->OpenGate();
  drain.join();
  EXPECT_EQ(IncidentOf("a").state(), v1::STATE_ACKNOWLEDGED);
  EXPECT_EQ(sequencer_->counters().expired, 0U);
  EXPECT_EQ(ExpiriesHeld(), 1U);
}

TEST_F(AckExpiryTest, AfterAFailedWriteNothingExpires) {
  Start(Quick());
  MakeAcknowledged("a");
  log_->Fail(testing::FaultyLog::Failure::kNothingWritten);
  EXPECT_THAT(Submit({DeliveryBuilder("b").Build()})->Wait()[0], HasReason("LOG_OUTCOME_UNKNOWN"));
  clock_.Set(kExpiry);
  sequencer_->Drain();
  EXPECT_THAT(failures(), SizeIs(1));
  EXPECT_THAT(log_->batches(), SizeIs(3));
}

TEST_F(AckExpiryTest, OfManyAllExpireInTheirOrder) {
  Start(Quick());
  constexpr int kCount = 300;
  for (int i = 0; i < kCount; ++i) {
    MakeAcknowledged(absl::StrCat("i-", i), kExpiry + absl::Seconds(kCount - i));
  }
  clock_.Set(kExpiry + absl::Hours(1));
  ASSERT_TRUE(AwaitPublished(3 * kCount));
  for (int i = 0; i < kCount; ++i) {
    EXPECT_EQ(EventAt(static_cast<Sequence>(2 * kCount + 1 + i)).incident().id(),
              absl::StrCat("i-", kCount - 1 - i));
  }
}

}  // namespace
}  // namespace incidenthub
