// What the sequencer counts of its work.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/core/sequencer.h"
#include "tests/core/core_fixture.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using testing::HasReason;
using testing::UnmappedDelivery;

class SequencerMetricsTest : public CoreTest {
 protected:
  // How often each of a source's deliveries had which outcome.
  std::vector<uint64_t> OutcomesOf(const std::string& source) {
    for (const auto& [name, counts] : sequencer_->counters().deliveries.Read()) {
      if (name == source) return counts;
    }
    return {};
  }
  std::map<DeliveryOutcome, uint64_t> Outcomes(const std::string& source) {
    std::map<DeliveryOutcome, uint64_t> outcomes;
    const std::vector<uint64_t> counts = OutcomesOf(source);
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] > 0) outcomes[static_cast<DeliveryOutcome>(i)] = counts[i];
    }
    return outcomes;
  }
};

using Expected = std::map<DeliveryOutcome, uint64_t>;

TEST_F(SequencerMetricsTest, AnAppendAndABatchAreObservedOnceABatchAndACommitOnceAGroup) {
  Start();
  const auto held = HoldUp();
  const auto first = Submit({DeliveryBuilder("a").Build(), DeliveryBuilder("b").Build()});
  const auto second = Submit({DeliveryBuilder("c").Build(), AckOf("a"), AckOf("b")});
  log_->OpenGate();
  held->Wait();
  first->Wait();
  second->Wait();
  const SequencerCounters& counters = sequencer_->counters();
  EXPECT_EQ(counters.append_duration.Read().count, 2U);
  EXPECT_EQ(counters.batch_commands.Read().count, 2U);
  EXPECT_EQ(counters.batch_commands.Read().sum, 6);
  EXPECT_EQ(counters.commit_duration.Read().count, 3U);
  EXPECT_GT(counters.append_duration.Read().sum, 0);
  EXPECT_GE(counters.commit_duration.Read().sum, counters.append_duration.Read().sum)
      << "each append is a part of a commit";
}

TEST_F(SequencerMetricsTest, WhatChangesNothingIsCommittedWithoutAnAppend) {
  Start();
  Commit(DeliveryBuilder("a").Build());
  Commit(DeliveryBuilder("a").Build());
  EXPECT_EQ(sequencer_->counters().append_duration.Read().count, 1U);
  EXPECT_EQ(sequencer_->counters().commit_duration.Read().count, 2U);
}

TEST_F(SequencerMetricsTest, ADeliverysAgeIsObservedOnceIfItBecameAnEvent) {
  Start();
  clock_.Set(At(100));
  const auto delivery = DeliveryBuilder("a").UpdateTime(At(30)).ReceiveTime(At(90)).Build();
  Commit(delivery);
  Commit(delivery);
  const SequencerCounters& counters = sequencer_->counters();
  EXPECT_EQ(counters.received_age.Read().count, 1U);
  EXPECT_EQ(counters.received_age.Read().sum, 60);
  EXPECT_EQ(counters.committed_age.Read().count, 1U);
  EXPECT_EQ(counters.committed_age.Read().sum, 10);
}

TEST_F(SequencerMetricsTest, AgeIsByTheTimeThatRanksTheDelivery) {
  Start();
  clock_.Set(At(100));
  auto only_event_time = DeliveryBuilder("a").Timeless(At(100)).EventType("x", At(93));
  Commit(only_event_time.Build());
  EXPECT_EQ(sequencer_->counters().received_age.Read().sum, 7);
  Commit(DeliveryBuilder("b").UpdateTime(At(98)).ChangeTime(At(1)).ReceiveTime(At(100)).Build());
  EXPECT_EQ(sequencer_->counters().received_age.Read().sum, 9);
}

TEST_F(SequencerMetricsTest, WithoutASourceTimeNothingIsReceivedLate) {
  Start();
  clock_.Set(At(100));
  Commit(DeliveryBuilder("a").Timeless(At(99)).Build());
  EXPECT_EQ(sequencer_->counters().received_age.Read().count, 0U);
  EXPECT_EQ(sequencer_->counters().committed_age.Read().count, 1U);
}

TEST_F(SequencerMetricsTest, ClocksThatDisagreeMakeNoNegativeAge) {
  Start();
  clock_.Set(At(100));
  Commit(DeliveryBuilder("a").UpdateTime(At(500)).ReceiveTime(At(200)).Build());
  EXPECT_EQ(sequencer_->counters().received_age.Read().count, 1U);
  EXPECT_EQ(sequencer_->counters().received_age.Read().sum, 0);
  EXPECT_EQ(sequencer_->counters().committed_age.Read().count, 1U);
  EXPECT_EQ(sequencer_->counters().committed_age.Read().sum, 0);
}

TEST_F(SequencerMetricsTest, EachDeliveryIsCountedByItsSourceAndWhatBecameOfIt) {
  Start();
  Commit(DeliveryBuilder("a").Source("nagios").UpdateTime(At(5)).Build());
  Commit(DeliveryBuilder("a").Source("nagios").UpdateTime(At(5)).Build());
  Commit(DeliveryBuilder("a").Source("nagios").UpdateTime(At(1)).Build());
  v1::Delivery ignored = DeliveryBuilder("never-wrong").Source("nagios").Inactive().Build();
  ignored.set_ignore_unless_known(true);
  Submit({ignored})->Wait();
  v1::Delivery broken = DeliveryBuilder("a").Source("nagios").Build();
  broken.set_digest("short");
  Submit({broken, UnmappedDelivery(1, "{}")})->Wait();
  Commit(AckOf("a"));
  EXPECT_EQ(Outcomes("nagios"), (Expected{{DeliveryOutcome::kAccepted, 1},
                                          {DeliveryOutcome::kDuplicate, 1},
                                          {DeliveryOutcome::kLate, 1},
                                          {DeliveryOutcome::kIgnored, 1},
                                          {DeliveryOutcome::kRejected, 1}}));
  EXPECT_EQ(Outcomes("bigpanda"), (Expected{{DeliveryOutcome::kQuarantined, 1}}));
  EXPECT_EQ(sequencer_->counters().deliveries.Read().size(), 2U) << "commands are none";
}

TEST_F(SequencerMetricsTest, WhatIsRefusedForNowIsCountedAsRejected) {
  Start({.queue_commands_max = 1});
  const auto held = HoldUp();
  const auto waiting = Submit({DeliveryBuilder("b").Build()});
  EXPECT_THAT(TrySubmit({DeliveryBuilder("c").Build()}), HasReason("QUEUE_FULL"));
  EXPECT_EQ(Outcomes("bigpanda"), (Expected{{DeliveryOutcome::kRejected, 1}}));
  log_->OpenGate();
  held->Wait();
  waiting->Wait();
  SetFreeBytes(1);
  Submit({DeliveryBuilder("d").Build()})->Wait();
  EXPECT_EQ(Outcomes("bigpanda"),
            (Expected{{DeliveryOutcome::kAccepted, 2}, {DeliveryOutcome::kRejected, 2}}));
}

}  // namespace
}  // namespace incidenthub
