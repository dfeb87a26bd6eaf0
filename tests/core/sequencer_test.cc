#include "server/core/sequencer.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/core_fixture.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::Answer;
using testing::At;
using testing::CoreTest;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::HasCode;
using testing::HasReason;
using testing::ResolveOf;
using testing::Stamp;
using testing::UnmappedDelivery;

class SequencerTest : public CoreTest {
 protected:
  // `count` deliveries, each of an incident of its own.
  static std::vector<Command> NewIncidents(const std::string& name, int count) {
    std::vector<Command> commands;
    for (int i = 0; i < count; ++i) {
      commands.push_back(DeliveryBuilder(absl::StrCat(name, "-", i)).Build());
    }
    return commands;
  }
  static std::vector<Sequence> SequencesOf(const std::vector<Outcome>& outcomes) {
    std::vector<Sequence> sequences;
    for (const Outcome& outcome : outcomes) sequences.push_back(CommittedOf(outcome).sequence);
    return sequences;
  }
};

TEST_F(SequencerTest, ADeliveryIsCommittedThenVisibleThenPublished) {
  Start();
  clock_.Set(At(77));
  const Committed committed = Commit(DeliveryBuilder("a").Build());
  EXPECT_EQ(committed.incident_id, "a");
  EXPECT_EQ(committed.sequence, 1U);
  EXPECT_TRUE(committed.changed);
  EXPECT_TRUE(AwaitPublished(1));
  const auto found = store_->FindIncident("a");
  ASSERT_OK(found);
  EXPECT_EQ((*found)->incident.sequence(), 1U);
  const auto events = store_->ReadEvents(0, {.events = 9, .bytes = 10'000});
  ASSERT_OK(events);
  v1::Event event;
  ASSERT_TRUE(event.ParseFromString(*events->at(0).bytes));
  EXPECT_THAT(event.commit_time(), EqualsProto(Stamp(At(77))));
}

TEST_F(SequencerTest, GroupsAreDecidedInTheOrderTheyWereSubmitted) {
  Start({.batch_commands_max = 7});
  const auto held = HoldUp();
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 50; ++i) answers.push_back(Submit(NewIncidents(absl::StrCat("g", i), 3)));
  log_->OpenGate();
  Sequence expected = 1;
  for (const auto& answer : answers) {
    for (const Sequence sequence : SequencesOf(answer->Wait())) EXPECT_EQ(sequence, ++expected);
  }
}

TEST_F(SequencerTest, ABatchHoldsWholeGroupsUpToItsCommands) {
  Start({.batch_commands_max = 5});
  const auto held = HoldUp();
  std::vector<std::shared_ptr<Answer>> answers;
  for (const int size : {2, 2, 2, 5, 1, 12, 1}) {
    answers.push_back(Submit(NewIncidents(absl::StrCat("g", answers.size()), size)));
  }
  log_->OpenGate();
  for (const auto& answer : answers) answer->Wait();
  EXPECT_THAT(log_->batches(), ::testing::ElementsAre(1, 4, 2, 5, 1, 12, 1))
      << "the held up group, then the others; the largest is never split";
}

TEST_F(SequencerTest, ABatchHoldsWholeGroupsUpToItsBytes) {
  Start({.batch_bytes_max = 100});
  const auto held = HoldUp();
  std::vector<std::shared_ptr<Answer>> answers;
  for (const size_t bytes : {60U, 40U, 1U, 100U, 500U, 50U}) {
    answers.push_back(Submit(NewIncidents(absl::StrCat("g", answers.size()), 1), bytes));
  }
  log_->OpenGate();
  for (const auto& answer : answers) answer->Wait();
  EXPECT_THAT(log_->batches(), ::testing::ElementsAre(1, 2, 1, 1, 1, 1));
}

TEST_F(SequencerTest, WhateverWaitsGoesWithOneSync) {
  Start();
  const auto held = HoldUp();
  std::vector<std::shared_ptr<Answer>> answers;
  for (int i = 0; i < 200; ++i) {
    auto commands = NewIncidents(absl::StrCat("g", i), 2);
    commands.push_back(UnmappedDelivery(9, absl::StrCat("{", i, "}")));
    answers.push_back(Submit(std::move(commands)));
  }
  const uint64_t before = env_.log_syncs();
  log_->OpenGate();
  held->Wait();
  for (const auto& answer : answers) answer->Wait();
  EXPECT_EQ(env_.log_syncs() - before, 2U) << "the held up group's, and one for all others";
}

TEST_F(SequencerTest, CommandsOfOneBatchSeeThoseBeforeThem) {
  Start();
  const v1::Delivery first = DeliveryBuilder("a").UpdateTime(At(1)).Build();
  const std::vector<Outcome> outcomes =
      Submit({first, first, DeliveryBuilder("a").UpdateTime(At(2)).Build(), AckOf("a", "ada"),
              AckOf("a", "bob"), ResolveOf("a", "eve"), ResolveOf("a", "bob"), AckOf("a"), first,
              AckOf("unknown")})
          ->Wait();
  ASSERT_EQ(outcomes.size(), 10U);
  const auto expect = [&outcomes](size_t index, Sequence sequence, bool changed) {
    const Committed committed = CommittedOf(outcomes[index]);
    EXPECT_EQ(committed.sequence, sequence) << index;
    EXPECT_EQ(committed.changed, changed) << index;
    EXPECT_EQ(committed.incident_id, "a") << index;
  };
  expect(0, 1, true);
  expect(1, 1, false);
  expect(2, 2, true);
  expect(3, 3, true);
  expect(4, 3, false);
  expect(5, 4, true);
  expect(6, 4, false);
  EXPECT_THAT(outcomes[7], HasReason("INCIDENT_RESOLVED"));
  expect(8, 1, false);
  EXPECT_THAT(outcomes[9], HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_EQ(CommittedOf(outcomes[3]).incident->state(), v1::STATE_ACKNOWLEDGED);
  EXPECT_EQ(CommittedOf(outcomes[4]).incident->acknowledgement().actor(), "ada");
  EXPECT_EQ(CommittedOf(outcomes[5]).incident->resolution().actor(), "eve");
  EXPECT_EQ(CommittedOf(outcomes[6]).incident->resolution().actor(), "eve");
  EXPECT_THAT(log_->batches(), ::testing::ElementsAre(4));
  EXPECT_TRUE(AwaitPublished(4));
  EXPECT_EQ(published(), (std::vector<Sequence>{1, 2, 3, 4}));
}

TEST_F(SequencerTest, CommandsSeeTheBatchesBeforeThem) {
  Start();
  const v1::Delivery delivery = DeliveryBuilder("a").Build();
  EXPECT_EQ(Commit(delivery).sequence, 1U);
  EXPECT_FALSE(Commit(delivery).changed);
  const Committed acked = Commit(AckOf("a"));
  EXPECT_EQ(acked.sequence, 2U);
  const Committed stale = Commit(AckOf("a", "bob", acked.incident->etag()));
  EXPECT_FALSE(stale.changed);
  EXPECT_EQ(stale.sequence, 2U);
  EXPECT_THAT(Submit({ResolveOf("a", "bob", "stale")})->Wait()[0], HasReason("ETAG_MISMATCH"));
  EXPECT_TRUE(Commit(ResolveOf("a", "bob", acked.incident->etag())).changed);
}

TEST_F(SequencerTest, WhatChangedLastIsDecidedOnWithoutReadingTheStore) {
  const auto update = [](int64_t second) {
    return DeliveryBuilder("a").UpdateTime(At(second)).Build();
  };
  const auto make_unreadable = [this] {
    WriteSet changes;
    changes.Put(Table::kIncidents, "a", "no index entry");
    ASSERT_OK(database_->Write(std::move(changes), Database::Durability::kBuffered));
  };
  Start();
  Commit(update(1));
  make_unreadable();
  EXPECT_EQ(Commit(update(2)).sequence, 2U);
  StopHub();
  OpenStore();
  Start({.recent_bytes_max = 0});
  Commit(DeliveryBuilder("b").Build());
  make_unreadable();
  EXPECT_THAT(Submit({update(3)})->Wait()[0], HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(SequencerTest, AnInvalidCommandIsRefusedInItsPlaceAndEndsNothing) {
  Start();
  v1::Delivery no_id = DeliveryBuilder("").Build();
  v1::Delivery no_activity = DeliveryBuilder("b").Build();
  no_activity.clear_activity();
  const std::vector<Outcome> outcomes =
      Submit({DeliveryBuilder("a").Build(), no_id, no_activity, AckOf("a", ""), AckOf("a")})
          ->Wait();
  EXPECT_EQ(CommittedOf(outcomes[0]).sequence, 1U);
  for (const size_t index : {1U, 2U, 3U}) {
    EXPECT_THAT(outcomes[index], HasCode(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(outcomes[index], HasReason("FIELD_INVALID"));
  }
  EXPECT_EQ(CommittedOf(outcomes[4]).sequence, 2U);
}

TEST_F(SequencerTest, AnEventThatIsTooLargeIsRefusedInItsPlaceAndTakesNoSequence) {
  Start();
  const size_t max = size_t{3} << 20U;
  const std::vector<Outcome> outcomes =
      Submit({DeliveryBuilder("a").Build(), DeliveryBuilder("large").Padded(max).Build(),
              DeliveryBuilder("a").UpdateTime(At(9)).Padded(max).Build(),
              DeliveryBuilder("b").Build(), AckOf("a"), AckOf("large")})
          ->Wait();
  EXPECT_EQ(CommittedOf(outcomes[0]).sequence, 1U);
  for (const size_t index : {1U, 2U}) {
    EXPECT_THAT(outcomes[index], HasCode(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(outcomes[index], HasReason("EVENT_TOO_LARGE"));
  }
  EXPECT_EQ(CommittedOf(outcomes[3]).sequence, 2U);
  EXPECT_EQ(CommittedOf(outcomes[4]).sequence, 3U) << "a is as its first delivery left it";
  EXPECT_THAT(outcomes[5], HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_TRUE(Commit(DeliveryBuilder("fits").Padded(max - 1000).Build()).changed);
}

TEST_F(SequencerTest, WhatMapsToNoIncidentIsNumberedInItsOrder) {
  Start();
  clock_.Set(At(5));
  v1::Delivery received = UnmappedDelivery(2, "{b}");
  *received.mutable_receive_time() = Stamp(At(3));
  const std::vector<Outcome> outcomes =
      Submit({UnmappedDelivery(1, "{a}"), DeliveryBuilder("a").Build(), received})->Wait();
  EXPECT_EQ(std::get<InQuarantine>(*outcomes[0]).id, 1U);
  EXPECT_EQ(CommittedOf(outcomes[1]).sequence, 1U);
  EXPECT_EQ(std::get<InQuarantine>(*outcomes[2]).id, 2U);
  EXPECT_EQ(std::get<InQuarantine>(*Submit({UnmappedDelivery(3, "{c}")})->Wait()[0]).id, 3U);
  EXPECT_EQ(store_->quarantine().count(), 3U);

  internal::v1::QuarantinedBody body;
  ASSERT_TRUE(body.ParseFromString(*database_->Get(Table::kQuarantine, EncodeKey(1)).value()));
  EXPECT_EQ(body.raw(), "{a}");
  EXPECT_EQ(body.source(), "bigpanda");
  EXPECT_EQ(body.reason(), "/incident/id: is missing");
  EXPECT_THAT(body.receive_time(), EqualsProto(Stamp(At(5)))) << "the hub's, in want of another";
  ASSERT_TRUE(body.ParseFromString(*database_->Get(Table::kQuarantine, EncodeKey(2)).value()));
  EXPECT_THAT(body.receive_time(), EqualsProto(Stamp(At(3))));
}

TEST_F(SequencerTest, ABatchOfNothingButQuarantineIsSyncedBeforeItIsAnswered) {
  Start();
  Submit({UnmappedDelivery(1, "{}")})->Wait();
  Submit({DeliveryBuilder("").Build(), UnmappedDelivery(2, "{}")})->Wait();
  CrashHub();
  EXPECT_EQ(store_->quarantine().count(), 2U);
}

TEST_F(SequencerTest, QuarantineBesideEventsIsSyncedWithThem) {
  Start();
  Submit({UnmappedDelivery(1, "{}"), DeliveryBuilder("a").Build()})->Wait();
  CrashHub();
  EXPECT_EQ(store_->quarantine().count(), 1U);
  EXPECT_EQ(store_->incident_count(), 1U);
}

TEST_F(SequencerTest, NothingIsAnsweredVisibleOrPublishedBeforeItIsAppended) {
  Start();
  const auto held = HoldUp("a");
  const auto next = Submit({DeliveryBuilder("b").Build(), UnmappedDelivery(1, "{}")});
  EXPECT_FALSE(held->answered());
  EXPECT_FALSE(next->answered());
  EXPECT_TRUE(published().empty());
  EXPECT_EQ(store_->applied(), 0U);
  EXPECT_FALSE(store_->FindIncident("a")->has_value());
  EXPECT_TRUE(store_->ReadEvents(0, {.events = 9, .bytes = 10'000})->empty());
  log_->OpenGate();
  held->Wait();
  next->Wait();
  EXPECT_TRUE(AwaitPublished(2));
}

TEST_F(SequencerTest, WhatIsAnsweredIsVisibleAlready) {
  Start();
  absl::Notification answered;
  CommandGroup group;
  group.commands.emplace_back(DeliveryBuilder("a").Build());
  group.done = [&](std::vector<Outcome> outcomes) {
    EXPECT_EQ(store_->applied(), CommittedOf(outcomes[0]).sequence);
    EXPECT_TRUE(store_->FindIncident("a")->has_value());
    answered.Notify();
  };
  ASSERT_OK(sequencer_->Submit(std::move(group)));
  EXPECT_TRUE(answered.WaitForNotificationWithTimeout(absl::Seconds(30)));
}

TEST_F(SequencerTest, WhatWasAnsweredSurvivesALossOfPowerAtOnce) {
  Start();
  for (int i = 0; i < 6; ++i) {
    const v1::Delivery delivery =
        DeliveryBuilder(absl::StrCat("i-", i % 3)).UpdateTime(At(i)).Build();
    const Committed committed = Commit(delivery);
    CrashHub();
    ASSERT_EQ(store_->applied(), committed.sequence);
    Start();
    const Committed again = Commit(delivery);
    EXPECT_FALSE(again.changed);
    EXPECT_EQ(again.sequence, committed.sequence);
  }
}

TEST_F(SequencerTest, CountsWhatItDid) {
  Start();
  const v1::Delivery delivery = DeliveryBuilder("a").Build();
  Submit({delivery, delivery, UnmappedDelivery(1, "{}"), DeliveryBuilder("").Build()})->Wait();
  Submit({delivery})->Wait();
  const SequencerCounters& counters = sequencer_->counters();
  EXPECT_EQ(counters.batches, 2U);
  EXPECT_EQ(counters.events, 1U);
  EXPECT_EQ(counters.duplicates, 2U);
  EXPECT_EQ(counters.quarantined, 1U);
  EXPECT_EQ(counters.rejected, 1U);
  EXPECT_GT(counters.append_nanos, 0U);
  EXPECT_EQ(sequencer_->queued_commands(), 0U);
}

TEST_F(SequencerTest, GroupsOfManyThreadsStayWholeAndInEachThreadsOrder) {
  Start({.batch_commands_max = 32});
  constexpr int kThreads = 4;
  constexpr int kGroups = 100;
  std::vector<std::vector<std::shared_ptr<Answer>>> answers(kThreads);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int g = 0; g < kGroups; ++g) {
        answers[static_cast<size_t>(t)].push_back(
            Submit(NewIncidents(absl::StrCat("t", t, "g", g), 1 + g % 4)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Sequence last_of_all = 0;
  for (const auto& of_thread : answers) {
    Sequence last = 0;
    for (const auto& answer : of_thread) {
      const std::vector<Sequence> sequences = SequencesOf(answer->Wait());
      EXPECT_GT(sequences.front(), last);
      EXPECT_EQ(sequences.back() - sequences.front() + 1, sequences.size());
      last = sequences.back();
    }
    last_of_all = std::max(last_of_all, last);
  }
  EXPECT_TRUE(AwaitPublished(last_of_all));
  const std::vector<Sequence> all = published();
  EXPECT_EQ(all.size(), last_of_all);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
}

}  // namespace
}  // namespace incidenthub
