// Each guarantee's check, on a history that keeps it and on histories that break it.

#include "tests/support/stream_validator.h"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What an entry needs in these tests.
struct E {
  const char* id;
  uint64_t sequence;
  uint64_t previous = 0;
};

// Builds a history message by message, as a hub would send it.
class HistoryBuilder {
 public:
  HistoryBuilder& Stream(StreamStart start = StreamStart::kSnapshot,
                         size_t resumed_after = kNewestMessage) {
    history_.streams.push_back(
        {.start = start, .resumed_after = resumed_after, .messages = {}, .end = {}});
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
  HistoryBuilder& Compacted(uint64_t from, uint64_t to) {
    v1::SubscribeResponse response;
    response.mutable_compacted()->set_from_sequence(from);
    response.mutable_compacted()->set_to_sequence(to);
    return Add(response);
  }
  // How the stream ended.
  HistoryBuilder& End(absl::Status status) {
    history_.streams.back().end = std::move(status);
    return *this;
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

TEST(StreamValidatorTest, AnOlderTokenBeginsALifeOfItsOwn) {
  // Messages: 0 opened, 1 snapshot_end, 2 and 3 batches.
  const auto begun = [] {
    return HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"a", 1}}).Batch({{"a", 2, 1}});
  };
  const auto back =
      begun().Stream(StreamStart::kToken, 2).Batch({{"a", 2, 1}, {"a", 3, 2}}).Build();
  EXPECT_THAT(CheckGuarantees(back, {{"a", 2}, {"a", 3}}), IsEmpty());
  EXPECT_THAT(Lives(back), SizeIs(2));
  // The newest one goes on with the life.
  const auto on = begun().Stream(StreamStart::kToken, 3).Batch({{"a", 3, 2}}).Build();
  EXPECT_THAT(CheckGuarantees(on, {{"a", 3}}), IsEmpty());
  EXPECT_THAT(Lives(on), SizeIs(1));
  // It skips what came after the older token, or repeats what came before it.
  const auto gap = begun().Stream(StreamStart::kToken, 2).Batch({{"a", 3, 2}}).Build();
  EXPECT_THAT(CheckComplete(gap, {}), ElementsAre(HasSubstr("a at 3 follows 2, but 1 was")));
  const auto repeat = begun().Stream(StreamStart::kToken, 2).Batch({{"a", 1}}).Build();
  EXPECT_THAT(CheckUnique(repeat), ElementsAre(HasSubstr("a at 1 comes twice")));
}

TEST(StreamValidatorTest, LifeUpToAMessageHasWhatItsClientHadSeen) {
  const auto history = HistoryBuilder()
                           .Stream()
                           .Batch({{"a", 1}})
                           .Batch({{"a", 2, 1}})
                           .Stream(StreamStart::kToken, 1)
                           .Batch({{"a", 2, 1}})
                           .Stream()
                           .Build();
  EXPECT_THAT(LifeUpTo(history, 2).messages, SizeIs(3));
  // opened, the first batch, and then the second stream.
  EXPECT_THAT(LifeUpTo(history, 4).messages, SizeIs(4));
  EXPECT_THAT(LifeUpTo(history, 5).messages, SizeIs(1));
}

TEST(StreamValidatorTest, CompactedAllowsGapsUpToItsSnapshotEnd) {
  const auto compacted = [] {
    return HistoryBuilder()
        .Stream()
        .SnapshotEnd(0)
        .Batch({{"a", 1}})
        .Stream(StreamStart::kToken)
        .Compacted(2, 5)
        .Batch({{"a", 5, 4}, {"b", 6, 3}})
        .SnapshotEnd(6);
  };
  EXPECT_THAT(CheckGuarantees(compacted().Batch({{"a", 7, 5}}).Build(), {}), IsEmpty());
  EXPECT_THAT(CheckComplete(compacted().Batch({{"a", 9, 8}}).Build(), {}),
              ElementsAre(HasSubstr("a at 9 follows 8, but 5 was seen last")));
  EXPECT_THAT(CheckFramed(compacted().SnapshotEnd(7).Build()),
              ElementsAre(HasSubstr("a second `snapshot_end`")));
  EXPECT_THAT(CheckFramed(HistoryBuilder().Stream().Compacted(3, 2).Build()),
              ElementsAre(HasSubstr("`compacted` from 3 to 2")));
}

TEST(StreamValidatorTest, WhatWasDroppedMayReturn) {
  v1::SubscribeResponse purged;
  v1::Entry* entry = purged.mutable_batch()->add_entries();
  entry->set_membership(v1::MEMBERSHIP_LEFT);
  entry->mutable_event()->mutable_incident()->set_id("a");
  entry->mutable_event()->set_sequence(2);
  entry->mutable_event()->set_previous_sequence(1);
  purged.set_resume_token("token");
  purged.set_head_sequence(2);
  const auto dropped = [&] {
    return HistoryBuilder().Stream().SnapshotEnd(0).Batch({{"a", 1}}).Raw(purged);
  };
  EXPECT_THAT(CheckGuarantees(dropped().Batch({{"a", 3, 2}}).Build(), {}), IsEmpty());
  EXPECT_THAT(CheckComplete(dropped().Batch({{"a", 4, 3}}).Build(), {}),
              ElementsAre(HasSubstr("a at 4 follows 3, which was never seen")));
}

TEST(StreamValidatorTest, ResumableSeesAResetAndAnEndThatNobodyNamed) {
  EXPECT_THAT(CheckResumable(HistoryBuilder()
                                 .Stream()
                                 .End(absl::UnavailableError("gone"))
                                 .Stream(StreamStart::kToken)
                                 .End(absl::CancelledError("enough"))
                                 .Stream(StreamStart::kToken)
                                 .Draining()
                                 .End(absl::OkStatus())
                                 .Build()),
              IsEmpty());
  EXPECT_THAT(CheckResumable(HistoryBuilder()
                                 .Stream()
                                 .End(absl::OkStatus())
                                 .Stream(StreamStart::kToken)
                                 .Reset()
                                 .End(absl::InternalError("oh"))
                                 .Build()),
              ElementsAre(HasSubstr("stream 0 ended with OK"), HasSubstr("stream 1 was reset"),
                          HasSubstr("stream 1 ended with INTERNAL: oh")));
  const auto reset = HistoryBuilder()
                         .Stream(StreamStart::kToken)
                         .Reset()
                         .End(absl::CancelledError("enough"))
                         .Build();
  EXPECT_THAT(CheckResumable(reset, /*may_reset=*/true), IsEmpty());
}

TEST(StreamValidatorTest, FingerprintsTellContentsApart) {
  v1::Event event;
  event.mutable_incident()->mutable_extra()->insert({{"/a", "1"}, {"/b", "2"}, {"/c", "3"}});
  v1::Event same;
  same.mutable_incident()->mutable_extra()->insert({{"/c", "3"}, {"/b", "2"}, {"/a", "1"}});
  EXPECT_EQ(FingerprintOf(event), FingerprintOf(same));
  same.set_sequence(1);
  EXPECT_NE(FingerprintOf(event), FingerprintOf(same));
}

}  // namespace
}  // namespace incidenthub::testing
