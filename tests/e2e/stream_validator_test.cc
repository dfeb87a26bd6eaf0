// Each guarantee's check, on a history that keeps it and on histories that break it.

#include "tests/support/stream_validator.h"

#include <initializer_list>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What an entry needs in these tests.
struct E {
  const char* id;
  uint64_t sequence;
  uint64_t previous = 0;
};

// Builds a history message by message, as a hub would send it.
class HistoryBuilder {
 public:
  HistoryBuilder& Stream(StreamStart start = StreamStart::kSnapshot) {
    history_.streams.push_back({.start = start, .messages = {}, .end = {}});
    v1::SubscribeResponse response;
    response.mutable_opened();
    return Add(response);
  }
  HistoryBuilder& Batch(std::initializer_list<E> entries) {
    v1::SubscribeResponse response;
    for (const E& entry : entries) {
      head_ = std::max(head_, entry.sequence);
      v1::Entry* added = response.mutable_batch()->add_entries();
      added->set_membership(entry.previous == 0 ? v1::MEMBERSHIP_ENTERED : v1::MEMBERSHIP_UPDATED);
      added->mutable_event()->set_sequence(entry.sequence);
      added->mutable_event()->set_previous_sequence(entry.previous);
      added->mutable_event()->mutable_incident()->set_id(entry.id);
    }
    return Add(response);
  }
  HistoryBuilder& SnapshotEnd(uint64_t sequence) {
    v1::SubscribeResponse response;
    response.mutable_snapshot_end()->set_sequence(sequence);
    head_ = std::max(head_, sequence);
    return Add(response);
  }
  HistoryBuilder& Reset() {
    v1::SubscribeResponse response;
    response.mutable_reset();
    return Add(response);
  }
  HistoryBuilder& Draining() {
    v1::SubscribeResponse response;
    response.mutable_draining();
    history_.Add(response);
    return *this;
  }
  HistoryBuilder& Raw(const v1::SubscribeResponse& response) {
    history_.Add(response);
    return *this;
  }
  StreamHistory Build() { return history_; }

 private:
  HistoryBuilder& Add(v1::SubscribeResponse response) {
    response.set_resume_token("token");
    response.set_head_sequence(head_);
    history_.Add(response);
    return *this;
  }

  StreamHistory history_;
  uint64_t head_ = 0;
};

// A snapshot of two incidents, a live event, a resume after it, and a reset that begins anew.
StreamHistory GoodHistory() {
  return HistoryBuilder()
      .Stream()
      .Batch({{"a", 3, 1}, {"b", 4}})
      .SnapshotEnd(4)
      .Batch({{"a", 5, 3}})
      .Draining()
      .Stream(StreamStart::kToken)
      .Batch({{"c", 7}, {"a", 8, 5}})
      .Stream(StreamStart::kToken)
      .Reset()
      .Batch({{"b", 4}, {"a", 8, 5}})
      .SnapshotEnd(8)
      .Batch({{"d", 9}})
      .Build();
}

TEST(StreamValidatorTest, AGoodHistoryBreaksNothing) {
  EXPECT_THAT(CheckGuarantees(GoodHistory(), {{"a", 8}, {"b", 4}, {"d", 9}, {"a", 5}}), IsEmpty());
}

TEST(StreamValidatorTest, AFilteredHistoryMayPassOverEventsButNotEnterTwice) {
  v1::SubscribeResponse left;
  v1::Entry* entry = left.mutable_batch()->add_entries();
  entry->set_membership(v1::MEMBERSHIP_LEFT);
  entry->set_incident_id("a");
  entry->set_sequence(9);
  entry->set_state(v1::STATE_RESOLVED);
  left.set_resume_token("token");
  left.set_head_sequence(9);
  StreamHistory history =
      HistoryBuilder().Stream().SnapshotEnd(4).Batch({{"a", 6}, {"b", 7, 5}}).Raw(left).Build();
  history.filtered = true;
  EXPECT_THAT(CheckGuarantees(history, {{"a", 6}, {"b", 7}}), IsEmpty());
  EXPECT_EQ(history.last_sequence, 9u);
  EXPECT_EQ(Entries(history).back().state, v1::STATE_RESOLVED);
  history = HistoryBuilder().Stream().SnapshotEnd(4).Batch({{"a", 6}, {"a", 8}}).Build();
  history.filtered = true;
  EXPECT_THAT(CheckComplete(history, {}), ElementsAre(HasSubstr("a at 8 enters, and was there")));
}

TEST(StreamValidatorTest, AnEmptyHistoryPromisesNothing) {
  EXPECT_THAT(CheckGuarantees(StreamHistory(), {}), IsEmpty());
}

TEST(StreamValidatorTest, HistoryCountsWhatItHolds) {
  const StreamHistory history = GoodHistory();
  EXPECT_EQ(history.entry_count, 8u);
  EXPECT_EQ(history.last_sequence, 9u);
  EXPECT_EQ(history.snapshot_end_count, 2u);
  EXPECT_EQ(history.reset_count, 1u);
  EXPECT_EQ(history.draining_count, 1u);
  EXPECT_EQ(Entries(history).size(), 8u);
}

TEST(StreamValidatorTest, OrderedSeesSwappedEntries) {
  const auto history = HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"b", 2}, {"a", 1}}).Build();
  EXPECT_THAT(CheckOrdered(history), ElementsAre(HasSubstr("a at 1 comes after 2")));
}

TEST(StreamValidatorTest, OrderedSeesAResumeThatGoesBack) {
  const auto history = HistoryBuilder()
                           .Stream()
                           .SnapshotEnd(0)
                           .Batch({{"a", 1}, {"b", 2}})
                           .Stream(StreamStart::kToken)
                           .Batch({{"b", 2}})
                           .Build();
  EXPECT_THAT(CheckOrdered(history), ElementsAre(HasSubstr("b at 2 comes after 2")));
}

TEST(StreamValidatorTest, UniqueSeesARepeat) {
  const auto history = HistoryBuilder()
                           .Stream()
                           .SnapshotEnd(0)
                           .Batch({{"a", 1}, {"b", 2}})
                           .Stream(StreamStart::kToken)
                           .Batch({{"a", 1}})
                           .Build();
  EXPECT_THAT(CheckUnique(history), ElementsAre(HasSubstr("a at 1 comes twice")));
}

TEST(StreamValidatorTest, UniqueSeesASequenceThatWasGivenTwice) {
  const auto history = HistoryBuilder()
                           .Stream()
                           .SnapshotEnd(0)
                           .Batch({{"a", 1}})
                           .Stream()
                           .Batch({{"b", 1}})
                           .SnapshotEnd(1)
                           .Build();
  EXPECT_THAT(CheckUnique(history), ElementsAre(HasSubstr("b at 1 was a")));
}

TEST(StreamValidatorTest, CompleteSeesAnUpdateThatIsMissing) {
  const auto history =
      HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"a", 1}}).Batch({{"a", 3, 2}}).Build();
  EXPECT_THAT(CheckComplete(history, {}),
              ElementsAre(HasSubstr("a at 3 follows 2, but 1 was seen last")));
}

TEST(StreamValidatorTest, CompleteSeesAFirstEventThatIsMissing) {
  const auto history = HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"a", 2, 1}}).Build();
  EXPECT_THAT(CheckComplete(history, {}),
              ElementsAre(HasSubstr("a at 2 follows 1, which was never seen")));
}

TEST(StreamValidatorTest, CompleteSeesAKnownEventThatIsMissing) {
  const auto history =
      HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"a", 1}}).Batch({{"c", 3}}).Build();
  EXPECT_THAT(CheckComplete(history, {{"b", 2}}), ElementsAre(HasSubstr("b at 2 was skipped")));
  // What lies beyond the end of the recording is not missing.
  EXPECT_THAT(CheckComplete(history, {{"d", 4}}), IsEmpty());
}

TEST(StreamValidatorTest, CompleteSeesAnIncidentThatEntersTwice) {
  const auto history =
      HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"a", 1}}).Batch({{"a", 2}}).Build();
  EXPECT_THAT(CheckComplete(history, {}), Contains(HasSubstr("a at 2 enters, and was there")));
}

TEST(StreamValidatorTest, CompleteAllowsASnapshotToConflate) {
  const auto history =
      HistoryBuilder().Stream().Batch({{"b", 2}, {"a", 4, 3}}).SnapshotEnd(4).Build();
  EXPECT_THAT(CheckComplete(history, {{"a", 1}, {"a", 3}}), IsEmpty());
}

TEST(StreamValidatorTest, CompleteAllowsAStreamFromNowToKnowNothing) {
  const auto history = HistoryBuilder()
                           .Stream(StreamStart::kFromNow)
                           .Batch({{"a", 5, 2}})
                           .Batch({{"a", 6, 5}})
                           .Build();
  EXPECT_THAT(CheckGuarantees(history, {{"a", 6}}), IsEmpty());
}

TEST(StreamValidatorTest, DurableSeesAPromiseThatWasNotKept) {
  const auto history = HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"a", 1}}).Build();
  EXPECT_THAT(CheckDurable(history, {{"a", 1}, {"b", 2}}),
              ElementsAre(HasSubstr("b at 2 was promised, and never seen")));
}

TEST(StreamValidatorTest, DurableSeesAPromiseThatASnapshotLost) {
  // `a` is there, but older than what was promised.
  const auto history = HistoryBuilder().Stream().Batch({{"a", 1}}).SnapshotEnd(3).Build();
  EXPECT_THAT(CheckDurable(history, {{"a", 2}}), ElementsAre(HasSubstr("a at 2 was promised")));
}

TEST(StreamValidatorTest, DurableAsksOnlyTheLastLife) {
  const auto history = HistoryBuilder()
                           .Stream()
                           .SnapshotEnd(0)
                           .Batch({{"a", 1}})
                           .Stream(StreamStart::kToken)
                           .Reset()
                           .SnapshotEnd(0)
                           .Build();
  EXPECT_THAT(CheckDurable(history, {{"a", 1}}), ElementsAre(HasSubstr("a at 1 was promised")));
}

TEST(StreamValidatorTest, FramedSeesAStreamThatIsNotOpened) {
  v1::SubscribeResponse heartbeat;
  heartbeat.mutable_heartbeat();
  heartbeat.set_resume_token("token");
  HistoryBuilder builder;
  builder.Stream();
  StreamHistory history = builder.Build();
  history.streams[0].messages.clear();
  history.Add(heartbeat);
  EXPECT_THAT(CheckFramed(history), ElementsAre(HasSubstr("message 0 is not `opened`")));
}

TEST(StreamValidatorTest, FramedSeesWhatComesAfterDraining) {
  const auto history = HistoryBuilder().Stream().Draining().Batch({{"a", 1}}).Build();
  EXPECT_THAT(CheckFramed(history), ElementsAre(HasSubstr("message 2 comes after `draining`")));
}

TEST(StreamValidatorTest, FramedSeesAMessageWithoutToken) {
  v1::SubscribeResponse heartbeat;
  heartbeat.mutable_heartbeat();
  const auto history = HistoryBuilder().Stream().Raw(heartbeat).Build();
  EXPECT_THAT(CheckFramed(history), ElementsAre(HasSubstr("message 1 has no token")));
}

TEST(StreamValidatorTest, FramedSeesAnEntryAboveTheHead) {
  v1::SubscribeResponse batch;
  batch.set_resume_token("token");
  batch.set_head_sequence(4);
  v1::Event* event = batch.mutable_batch()->add_entries()->mutable_event();
  event->set_sequence(5);
  event->mutable_incident()->set_id("a");
  const auto history = HistoryBuilder().Stream(StreamStart::kFromNow).Raw(batch).Build();
  EXPECT_THAT(CheckFramed(history), ElementsAre(HasSubstr("a at 5 is above the head, 4")));
}

TEST(StreamValidatorTest, FramedSeesASnapshotThatEndsTooEarlyOrTwice) {
  const auto early = HistoryBuilder().Stream().Batch({{"a", 5}}).SnapshotEnd(4).Build();
  EXPECT_THAT(CheckFramed(early), Contains(HasSubstr("`snapshot_end` at 4 comes after 5")));
  const auto twice = HistoryBuilder().Stream().SnapshotEnd(4).SnapshotEnd(5).Build();
  EXPECT_THAT(CheckFramed(twice), ElementsAre(HasSubstr("a second `snapshot_end`")));
  const auto late =
      HistoryBuilder().Stream().Batch({{"a", 5}}).SnapshotEnd(6).Batch({{"b", 6}}).Build();
  EXPECT_THAT(CheckFramed(late), ElementsAre(HasSubstr("b at 6 comes after 6")));
}

}  // namespace
}  // namespace incidenthub::testing
