// Each check of a history against the log: on a history that agrees, and on ones that do not.

#include "tests/support/log_checks.h"

#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kIn = v1::MEMBERSHIP_ENTERED;
constexpr auto kUp = v1::MEMBERSHIP_UPDATED;
constexpr auto kOut = v1::MEMBERSHIP_LEFT;

// What an event needs in these tests. Filter 0 is everything, filter 1 what `matches`.
struct L {
  const char* id;
  uint64_t sequence;
  bool matches = true;
  bool purged = false;
};

KnownLog MakeLog(std::initializer_list<L> events) {
  KnownLog log;
  std::map<std::string, uint64_t> newest;
  for (const L& event : events) {
    const FilterMask matches = event.purged ? 0U : event.matches ? 3U : 1U;
    log.Add({.sequence = event.sequence,
             .previous_sequence = newest[event.id],
             .incident_id = event.id,
             .type = event.purged ? v1::EVENT_TYPE_PURGED : v1::EVENT_TYPE_UPDATED,
             .fingerprint = event.sequence,
             .matches = matches});
    newest[event.id] = event.sequence;
  }
  return log;
}

struct E {
  v1::Membership membership;
  uint64_t sequence;
};

// Builds what a subscriber was sent of the events of a log.
class HistoryOf {
 public:
  explicit HistoryOf(const KnownLog& log) : log_(log) {}

  HistoryOf& Stream(StreamStart start = StreamStart::kSnapshot, bool latest_only = false,
                    size_t resumed_after = kNewestMessage) {
    history_.streams.push_back({.start = start,
                                .latest_only = latest_only,
                                .resumed_after = resumed_after,
                                .messages = {},
                                .end = {}});
    return Add(v1::SubscribeResponse::kOpened);
  }
  HistoryOf& Batch(std::initializer_list<E> entries) {
    Add(v1::SubscribeResponse::kBatch);
    for (const E& entry : entries) {
      const LoggedEvent* event = log_.Find(entry.sequence);
      Last().entries.push_back(
          {.membership = entry.membership,
           .incident_id = event == nullptr ? "?" : event->incident_id,
           .sequence = entry.sequence,
           .previous_sequence = event == nullptr ? 0 : event->previous_sequence,
           .fingerprint = event == nullptr ? 1 : event->fingerprint});
    }
    return *this;
  }
  HistoryOf& SnapshotEnd(uint64_t sequence) {
    Add(v1::SubscribeResponse::kSnapshotEnd);
    Last().snapshot_sequence = sequence;
    return *this;
  }
  HistoryOf& Compacted(uint64_t from, uint64_t to) {
    Add(v1::SubscribeResponse::kCompacted);
    Last().compacted_from = from;
    Last().compacted_to = to;
    return *this;
  }
  HistoryOf& Heartbeat() { return Add(v1::SubscribeResponse::kHeartbeat); }
  // The head from here on; the log's otherwise.
  HistoryOf& Head(uint64_t head) {
    head_ = head;
    return *this;
  }
  RecordedMessage& Last() { return history_.streams.back().messages.back(); }

  std::vector<std::string> Check(size_t filter, bool caught_up = true) const {
    std::vector<std::string> texts;
    const LogCheckOptions options{.filter = filter, .unpublished_max = 0, .caught_up = caught_up};
    const Findings findings = CheckAgainstLog(history_, log_, options);
    texts.reserve(findings.size());
    for (const Finding& finding : findings) {
      texts.push_back(absl::StrCat(finding.check, ": ", finding.text));
    }
    return texts;
  }

 private:
  HistoryOf& Add(v1::SubscribeResponse::MessageCase kind) {
    RecordedMessage message;
    message.kind = kind;
    message.token = "token";
    message.head_sequence = head_ == 0 ? log_.head() : head_;
    message.latest_only = history_.streams.back().latest_only;
    history_.streams.back().messages.push_back(std::move(message));
    return *this;
  }

  const KnownLog& log_;
  uint64_t head_ = 0;
  StreamHistory history_;
};

TEST(LogChecksTest, AHistoryThatAgreesBreaksNothing) {
  const KnownLog log = MakeLog({{"a", 1}, {"b", 2, false}, {"a", 4, false}, {"b", 5}, {"a", 7}});
  EXPECT_THAT(HistoryOf(log)
                  .Stream()
                  .Batch({{kIn, 1}, {kIn, 2}})
                  .SnapshotEnd(2)
                  .Batch({{kUp, 4}})
                  .Heartbeat()
                  .Stream(StreamStart::kToken)
                  .Batch({{kUp, 5}, {kUp, 7}})
                  .Check(0),
              IsEmpty());
  EXPECT_THAT(HistoryOf(log)
                  .Stream()
                  .Batch({{kIn, 1}})
                  .SnapshotEnd(2)
                  .Batch({{kOut, 4}})
                  .Stream(StreamStart::kToken)
                  .Batch({{kUp, 5}, {kIn, 7}})
                  .Check(1),
              IsEmpty());
}

TEST(LogChecksTest, CompleteSeesASkippedEvent) {
  const KnownLog log = MakeLog({{"a", 1}, {"b", 2}, {"a", 3}});
  EXPECT_THAT(HistoryOf(log).Stream().SnapshotEnd(0).Batch({{kIn, 1}, {kUp, 3}}).Check(0),
              ElementsAre("complete: b at 2 was skipped, on the way to 3",
                          HasSubstr("complete: b is not held")));
}

TEST(LogChecksTest, CompleteSeesALeaveThatDidNotCome) {
  const KnownLog log = MakeLog({{"a", 1}, {"a", 2, false}, {"b", 3}});
  EXPECT_THAT(HistoryOf(log).Stream().SnapshotEnd(0).Batch({{kIn, 1}, {kIn, 3}}).Check(1),
              ElementsAre("complete: a at 2 was skipped, on the way to 3",
                          "complete: a is held as of 1, and should not be, at the end 3"));
}

TEST(LogChecksTest, CompleteSeesWhatIsMissingAtTheEnd) {
  const KnownLog log = MakeLog({{"a", 1}, {"a", 2}});
  const auto history = HistoryOf(log).Stream().SnapshotEnd(0).Batch({{kIn, 1}});
  EXPECT_THAT(history.Check(0), Contains("complete: a at 2 was skipped, on the way to 3"));
  EXPECT_THAT(history.Check(0, /*caught_up=*/false), IsEmpty());
}

TEST(LogChecksTest, CompleteSeesASnapshotThatIsNotWhatThereWas) {
  const KnownLog log = MakeLog({{"a", 1}, {"b", 2}, {"b", 3, false}});
  EXPECT_THAT(HistoryOf(log).Stream().Batch({{kIn, 2}}).SnapshotEnd(3).Check(1, false),
              ElementsAre("complete: a is not held, and should be as of 1, at `snapshot_end` 3",
                          "complete: b is held as of 2, and should not be, at `snapshot_end` 3"));
}

TEST(LogChecksTest, BookmarkedSeesAHeartbeatThatPassedOverAnEvent) {
  const KnownLog log = MakeLog({{"a", 1}, {"b", 2}, {"c", 3}});
  EXPECT_THAT(HistoryOf(log)
                  .Stream()
                  .SnapshotEnd(0)
                  .Batch({{kIn, 1}})
                  .Heartbeat()
                  .Stream(StreamStart::kToken)
                  .Batch({{kIn, 3}})
                  .Check(0, false),
              ElementsAre("bookmarked: b at 2 was skipped, on the way to 3"));
}

TEST(LogChecksTest, TrueSeesWhatNeverHappenedAndWhatWasDifferent) {
  const KnownLog log = MakeLog({{"a", 1}});
  HistoryOf other(log);
  other.Stream().SnapshotEnd(0).Batch({{kIn, 1}}).Last().entries[0].fingerprint = 77;
  EXPECT_THAT(other.Check(0), ElementsAre("true: a at 1 came with another content than it had"));
  HistoryOf renamed(log);
  renamed.Stream().SnapshotEnd(0).Batch({{kIn, 1}}).Last().entries[0].incident_id = "b";
  EXPECT_THAT(renamed.Check(0, false), ElementsAre("true: a at 1 came as b"));
  EXPECT_THAT(HistoryOf(log).Stream().SnapshotEnd(0).Batch({{kIn, 1}, {kIn, 2}}).Check(0, false),
              ElementsAre("true: ? at 2 never happened"));
}

TEST(LogChecksTest, MembershipSeesTheWrongWord) {
  const KnownLog log = MakeLog({{"a", 1}, {"a", 2}, {"a", 3, false}, {"a", 4}});
  EXPECT_THAT(
      HistoryOf(log)
          .Stream()
          .SnapshotEnd(0)
          .Batch({{kUp, 1}, {kIn, 2}, {kUp, 3}, {kOut, 4}})
          .Check(1, false),
      ElementsAre(HasSubstr("membership: a at 1 comes as MEMBERSHIP_UPDATED, and before it"),
                  HasSubstr("membership: a at 2 comes as MEMBERSHIP_ENTERED, and before it"),
                  HasSubstr("membership: a at 3 comes as MEMBERSHIP_UPDATED, and it does not"),
                  HasSubstr("membership: a at 4 comes as MEMBERSHIP_LEFT, and it matches")));
}

TEST(LogChecksTest, ResumableSeesWhatChangesNothing) {
  const KnownLog log = MakeLog({{"a", 1, false}, {"a", 2, false}});
  EXPECT_THAT(HistoryOf(log).Stream().SnapshotEnd(0).Batch({{kOut, 2}}).Check(1),
              ElementsAre("resumable: a at 2 changes nothing in what matches, and was sent"));
  // What the hub may not know: whether the event before matched.
  EXPECT_THAT(HistoryOf(log).Stream().SnapshotEnd(1).Batch({{kOut, 2}}).Check(1), IsEmpty());
}

TEST(LogChecksTest, ALatestOnlyStreamMayLeaveOutOnlyWhatWasReplaced) {
  const KnownLog log = MakeLog({{"a", 1}, {"b", 2}, {"a", 3}, {"c", 4}, {"b", 9}});
  EXPECT_THAT(HistoryOf(log)
                  .Stream(StreamStart::kSnapshot, /*latest_only=*/true)
                  .SnapshotEnd(0)
                  .Head(4)
                  .Batch({{kUp, 2}, {kUp, 3}, {kUp, 4}})
                  .Head(9)
                  .Batch({{kUp, 9}})
                  .Check(0),
              IsEmpty());
  // At 4 nobody knew of 9.
  EXPECT_THAT(HistoryOf(log)
                  .Stream(StreamStart::kSnapshot, /*latest_only=*/true)
                  .SnapshotEnd(0)
                  .Head(4)
                  .Batch({{kUp, 3}, {kUp, 4}})
                  .Check(0, false),
              ElementsAre(HasSubstr("complete: b at 2 was skipped, on the way to 3, and nothing")));
}

TEST(LogChecksTest, AfterALatestOnlyStreamLessIsKnown) {
  const KnownLog log = MakeLog({{"a", 1}, {"b", 2}, {"a", 3}, {"a", 4, false}, {"b", 5}});
  EXPECT_THAT(HistoryOf(log)
                  .Stream(StreamStart::kSnapshot, /*latest_only=*/true)
                  .SnapshotEnd(0)
                  .Head(3)
                  .Batch({{kUp, 2}})
                  .Stream(StreamStart::kToken)
                  .Head(5)
                  .Batch({{kUp, 3}, {kOut, 4}, {kUp, 5}})
                  .Check(1),
              IsEmpty());
}

TEST(LogChecksTest, CompactedLeavesOutWhatWasReplacedAndNothingElse) {
  const KnownLog log =
      MakeLog({{"a", 1}, {"b", 2}, {"a", 3}, {"b", 4, true, /*purged=*/true}, {"a", 5}, {"a", 6}});
  const auto compacted = [&log](std::initializer_list<E> entries) {
    return HistoryOf(log)
        .Stream()
        .Batch({{kIn, 1}, {kIn, 2}})
        .SnapshotEnd(2)
        .Stream(StreamStart::kToken)
        .Compacted(3, 5)
        .Batch(entries)
        .SnapshotEnd(5)
        .Batch({{kUp, 6}})
        .Check(0);
  };
  EXPECT_THAT(compacted({{kOut, 4}, {kUp, 5}}), IsEmpty());
  EXPECT_THAT(compacted({{kUp, 5}}),
              Contains("complete: b is held as of 2, and should not be, at `snapshot_end` 5"));
}

TEST(LogChecksTest, AStreamFromNowKnowsOnlyWhatComes) {
  const KnownLog log = MakeLog({{"a", 1}, {"b", 2}, {"c", 3}, {"a", 4, false}});
  const auto history = HistoryOf(log).Head(2).Stream(StreamStart::kFromNow).Head(4);
  EXPECT_THAT(HistoryOf(history).Batch({{kIn, 3}, {kOut, 4}}).Check(1), IsEmpty());
  EXPECT_THAT(HistoryOf(history).Batch({{kOut, 4}}).Check(1),
              Contains("complete: c at 3 was skipped, on the way to 4"));
}

TEST(LogChecksTest, AnOlderTokenBeginsALifeThatSharesTheBeginning) {
  const KnownLog log = MakeLog({{"a", 1}, {"a", 2}, {"a", 3}});
  const auto begun = HistoryOf(log).Stream().SnapshotEnd(0).Batch({{kIn, 1}}).Batch({{kUp, 2}});
  const auto back = HistoryOf(begun).Stream(StreamStart::kToken, false, /*resumed_after=*/2);
  EXPECT_THAT(HistoryOf(back).Batch({{kUp, 2}, {kUp, 3}}).Check(0), IsEmpty());
  EXPECT_THAT(HistoryOf(back).Batch({{kUp, 3}}).Check(0),
              ElementsAre("complete: a at 2 was skipped, on the way to 3"));
}

TEST(LogChecksTest, NothingIsSaidOfHoles) {
  KnownLog log = MakeLog({{"a", 1}, {"a", 5}});
  log.AddHole(2, 4);
  EXPECT_THAT(
      HistoryOf(log).Stream().SnapshotEnd(0).Batch({{kIn, 1}, {kIn, 3}, {kUp, 5}}).Check(0, false),
      IsEmpty());
}

}  // namespace
}  // namespace incidenthub::testing
