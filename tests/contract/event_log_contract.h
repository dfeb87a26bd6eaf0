// What every EventLog promises, as tests. An implementation's own test file includes this and
// instantiates the suite:
//
//   INSTANTIATE_TEST_SUITE_P(Local, EventLogContract, ::testing::Values(MakeLocalHarness));

#ifndef INCIDENTHUB_TESTS_CONTRACT_EVENT_LOG_CONTRACT_H_
#define INCIDENTHUB_TESTS_CONTRACT_EVENT_LOG_CONTRACT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/generation.h"
#include "server/log/event_log.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {

// A log under test, with storage of its own that begins empty.
class EventLogHarness {
 public:
  virtual ~EventLogHarness() = default;
  // The running writer's.
  virtual EventLog* log() = 0;
  // Ends the writer, and begins another on the same storage.
  virtual void Restart() = 0;
  // As Restart, but by the loss of power.
  virtual void Crash() = 0;
};

using EventLogHarnessFactory = std::unique_ptr<EventLogHarness> (*)();

class EventLogContract : public ::testing::TestWithParam<EventLogHarnessFactory> {
 protected:
  using Records = std::vector<std::pair<Sequence, std::string>>;

  EventLogContract() : harness_(GetParam()()) {}

  EventLog* log() { return harness_->log(); }

  absl::Status Append(const Records& records) {
    std::vector<LogEntry> entries;
    for (const auto& [sequence, record] : records) entries.push_back({sequence, record});
    return log()->Append(entries);
  }

  Records ReplayAll(Sequence after) {
    Records records;
    EXPECT_OK(log()->Replay(after, [&](Sequence sequence, absl::string_view record) {
      records.emplace_back(sequence, std::string(record));
      return absl::OkStatus();
    }));
    return records;
  }

  std::unique_ptr<EventLogHarness> harness_;
};

TEST_P(EventLogContract, BeginsEmptyWithOneGeneration) {
  EXPECT_EQ(log()->head(), 0U);
  EXPECT_TRUE(ReplayAll(0).empty());
  const Generations& generations = log()->generations();
  EXPECT_NE(generations.current(), 0U);
  EXPECT_TRUE(generations.Covers(generations.current(), 0, 0));
}

TEST_P(EventLogContract, ReplaysWhatWasAppendedInOrderByteForByte) {
  const std::string binary("\x00\xFF\n\x00", 4);
  ASSERT_OK(Append({{1, "one"}, {2, binary}}));
  EXPECT_EQ(log()->head(), 2U);
  ASSERT_OK(Append({{3, ""}}));
  EXPECT_EQ(log()->head(), 3U);
  EXPECT_EQ(ReplayAll(0), (Records{{1, "one"}, {2, binary}, {3, ""}}));
}

TEST_P(EventLogContract, SequencesMayHaveGapsAndSortAsNumbers) {
  const Records records = {{1, "a"},   {9, "b"},      {10, "c"},     {255, "d"},
                           {256, "e"}, {65'536, "f"}, {70'000, "g"}, {uint64_t{1} << 40U, "h"}};
  ASSERT_OK(Append(records));
  EXPECT_EQ(ReplayAll(0), records);
  EXPECT_EQ(log()->head(), uint64_t{1} << 40U);
}

TEST_P(EventLogContract, ReplaysOnlyWhatComesAfter) {
  ASSERT_OK(Append({{2, "a"}, {4, "b"}, {6, "c"}}));
  EXPECT_EQ(ReplayAll(1).size(), 3U);
  EXPECT_EQ(ReplayAll(2), (Records{{4, "b"}, {6, "c"}}));
  EXPECT_EQ(ReplayAll(3), (Records{{4, "b"}, {6, "c"}}));
  EXPECT_TRUE(ReplayAll(6).empty());
  EXPECT_TRUE(ReplayAll(7).empty());
}

TEST_P(EventLogContract, ReplayEndsWithTheHandlersError) {
  ASSERT_OK(Append({{1, "a"}, {2, "b"}, {3, "c"}}));
  std::vector<Sequence> handled;
  const absl::Status status = log()->Replay(0, [&](Sequence sequence, absl::string_view) {
    handled.push_back(sequence);
    return sequence == 2 ? absl::DataLossError("a handler says so") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::DataLossError("a handler says so"));
  EXPECT_THAT(handled, ::testing::ElementsAre(1, 2));
}

TEST_P(EventLogContract, WhatWasAppendedSurvivesARestart) {
  ASSERT_OK(Append({{1, "a"}, {5, "b"}}));
  harness_->Restart();
  EXPECT_EQ(log()->head(), 5U);
  ASSERT_OK(Append({{6, "c"}}));
  EXPECT_EQ(ReplayAll(0), (Records{{1, "a"}, {5, "b"}, {6, "c"}}));
}

TEST_P(EventLogContract, WhatWasAppendedSurvivesALossOfPower) {
  for (Sequence sequence = 1; sequence <= 20; ++sequence) {
    ASSERT_OK(Append({{sequence, absl::StrCat("record ", sequence)}}));
    if (sequence % 5 == 0) harness_->Crash();
    ASSERT_EQ(log()->head(), sequence);
  }
  const Records records = ReplayAll(0);
  ASSERT_EQ(records.size(), 20U);
  for (const auto& [sequence, record] : records)
    EXPECT_EQ(record, absl::StrCat("record ", sequence));
}

TEST_P(EventLogContract, EveryWriterIsAGenerationOfItsOwn) {
  std::vector<uint64_t> ids = {log()->generations().current()};
  for (int i = 0; i < 5; ++i) {
    harness_->Restart();
    EXPECT_THAT(ids, ::testing::Not(::testing::Contains(log()->generations().current())));
    ids.push_back(log()->generations().current());
  }
  // None of them wrote anything, and each is still known.
  for (const uint64_t id : ids) EXPECT_TRUE(log()->generations().Covers(id, 0, log()->head()));
}

TEST_P(EventLogContract, AGenerationCoversWhatItCouldHaveHandedOutAndNoMore) {
  const uint64_t first = log()->generations().current();
  ASSERT_OK(Append({{1, "a"}, {2, "b"}}));
  harness_->Restart();
  const uint64_t silent = log()->generations().current();
  harness_->Restart();
  const uint64_t third = log()->generations().current();
  ASSERT_OK(Append({{3, "c"}, {7, "d"}}));

  const Generations& generations = log()->generations();
  const Sequence head = log()->head();
  EXPECT_TRUE(generations.Covers(first, 2, head));
  EXPECT_FALSE(generations.Covers(first, 3, head)) << "written after it ended";
  EXPECT_TRUE(generations.Covers(silent, 2, head))
      << "it resumed others' tokens under its own name";
  EXPECT_FALSE(generations.Covers(silent, 3, head));
  EXPECT_TRUE(generations.Covers(third, 7, head));
  EXPECT_FALSE(generations.Covers(third, 8, head)) << "beyond the head";
  EXPECT_FALSE(generations.Covers(first ^ silent ^ 1U, 0, head)) << "of another log";
}

TEST_P(EventLogContract, GenerationsSurviveALossOfPowerAtOnce) {
  std::vector<uint64_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(log()->generations().current());
    harness_->Crash();
  }
  for (const uint64_t id : ids) EXPECT_TRUE(log()->generations().Covers(id, 0, 0));
}

TEST_P(EventLogContract, ReadersSeeAPrefixOfWhatIsBeingAppended) {
  constexpr Sequence kBatches = 100;
  constexpr Sequence kPerBatch = 3;
  absl::Notification done;
  std::thread reader([&] {
    size_t before = 0;
    bool last = false;
    while (!last) {
      last = done.HasBeenNotified();
      const Sequence head = log()->head();
      const Records records = ReplayAll(0);
      for (size_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i].first, i + 1);
      ASSERT_EQ(records.size() % kPerBatch, 0U) << "a part of an Append is visible";
      ASSERT_GE(records.size(), before);
      ASSERT_GE(records.size(), head) << "head() is ahead of what can be read";
      before = records.size();
    }
    EXPECT_EQ(before, kBatches * kPerBatch);
  });
  for (Sequence batch = 0; batch < kBatches; ++batch) {
    const Sequence first = batch * kPerBatch + 1;
    EXPECT_OK(Append({{first, "x"}, {first + 1, "y"}, {first + 2, "z"}}));
  }
  done.Notify();
  reader.join();
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_CONTRACT_EVENT_LOG_CONTRACT_H_
