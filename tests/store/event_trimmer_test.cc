// Tests of what the sequencer's cannot make: tests/core/retention_test.cc has the rest.

#include "server/store/event_trimmer.h"

#include <cstddef>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "incidenthub/v1/event.pb.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::Stamp;
using testing::TestDatabase;

class EventTrimmerTest : public ::testing::Test {
 protected:
  // A record of a hub that knew no retention; returns its size.
  size_t PutOldRecord(Sequence sequence, Sequence previous, absl::Time commit_time) {
    v1::Event event;
    event.set_sequence(sequence);
    event.set_previous_sequence(previous);
    *event.mutable_commit_time() = Stamp(commit_time);
    internal::v1::LogRecord record;
    record.set_event(event.SerializeAsString());
    record.set_previous_sequence(previous);
    const std::string bytes = record.SerializeAsString();
    WriteSet changes;
    changes.Put(Table::kEvents, EncodeKey(sequence), bytes);
    EXPECT_OK(database_->Write(std::move(changes), Database::Durability::kBuffered));
    return bytes.size();
  }

  TestDatabase database_;
};

TEST_F(EventTrimmerTest, EventsFromBeforeRetentionAreCountedAndHaveTheirAge) {
  const size_t first = PutOldRecord(1, 0, At(0));
  const size_t rest = PutOldRecord(2, 1, At(10)) + PutOldRecord(3, 2, At(20));
  EventTrimmer trimmer(database_.get());
  ASSERT_OK(trimmer.Load(100));
  EXPECT_EQ(trimmer.event_bytes(), first + rest);
  TrimPolicy policy;
  policy.older_than = At(10);
  policy.bytes_max = 1'000'000;
  const auto step = trimmer.Trim(/*applied=*/3, policy);
  ASSERT_OK(step);
  EXPECT_EQ(step->dropped, 1U);
  EXPECT_EQ(step->next_commit_time, At(20));
  EXPECT_EQ(trimmer.floor(), 2U);
  EXPECT_EQ(trimmer.event_bytes(), rest);
}

TEST_F(EventTrimmerTest, WhatIsNotAppliedYetIsLeftAlone) {
  PutOldRecord(1, 0, At(0));
  PutOldRecord(2, 1, At(1));
  EventTrimmer trimmer(database_.get());
  ASSERT_OK(trimmer.Load(1));
  TrimPolicy policy;
  policy.older_than = At(100);
  EXPECT_EQ(trimmer.Trim(/*applied=*/1, policy)->dropped, 0U);
  EXPECT_EQ(trimmer.cursor(), 1U);
}

TEST_F(EventTrimmerTest, AStepIsBoundedByEventsAndByBytes) {
  for (Sequence sequence = 1; sequence <= 10; ++sequence) {
    PutOldRecord(sequence, sequence - 1, At(0));
  }
  EventTrimmer trimmer(database_.get());
  ASSERT_OK(trimmer.Load(100));
  TrimPolicy policy;
  policy.older_than = At(1);
  policy.step_events = 4;
  const auto by_events = trimmer.Trim(10, policy);
  ASSERT_OK(by_events);
  EXPECT_EQ(by_events->dropped, 3U);
  EXPECT_TRUE(by_events->more);
  policy.step_bytes = 1;
  const auto by_bytes = trimmer.Trim(10, policy);
  ASSERT_OK(by_bytes);
  EXPECT_EQ(by_bytes->dropped, 1U);
  EXPECT_TRUE(by_bytes->more);
}

TEST_F(EventTrimmerTest, ARecordThatDoesNotParseIsDataLossAndNothingGoes) {
  PutOldRecord(1, 0, At(0));
  WriteSet changes;
  changes.Put(Table::kEvents, EncodeKey(2), "\xFF");
  ASSERT_OK(database_->Write(std::move(changes), Database::Durability::kBuffered));
  EventTrimmer trimmer(database_.get());
  ASSERT_OK(trimmer.Load(100));
  TrimPolicy policy;
  policy.older_than = At(1);
  EXPECT_THAT(trimmer.Trim(2, policy), testing::HasCode(absl::StatusCode::kDataLoss));
  EXPECT_EQ(trimmer.floor(), 0U);
}

}  // namespace
}  // namespace incidenthub
