#include "server/store/ack_expiries.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace incidenthub {
namespace {

using testing::At;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::TestDatabase;

const absl::Time kNever = absl::InfiniteFuture();

class AckExpiriesTest : public ::testing::Test {
 protected:
  AckExpiriesTest() { EXPECT_OK(expiries_.Load()); }

  struct Change {
    std::string id;
    absl::Time before;
    absl::Time after;
  };
  // In one write.
  void Apply(const std::vector<Change>& applied) {
    WriteSet changes;
    for (const Change& change : applied) {
      AppliedEvent event;
      event.incident_id = change.id;
      event.previous_expiry = change.before;
      event.expiry = change.after;
      expiries_.Stage(event, &changes);
    }
    ASSERT_OK(database_->Write(std::move(changes), Database::Durability::kBuffered));
    ASSERT_OK(expiries_.Written());
    AckExpiries loaded(database_.get());
    ASSERT_OK(loaded.Load());
    EXPECT_EQ(loaded.next(), expiries_.next()) << "as after a restart";
  }

  std::vector<std::string> Due(absl::Time now, size_t max = 100) {
    const auto due = expiries_.Due(now, max);
    EXPECT_OK(due);
    std::vector<std::string> ids;
    for (const AckExpiry& expiry : *due) {
      EXPECT_LE(expiry.time, now);
      ids.push_back(expiry.incident_id);
    }
    return ids;
  }

  TestDatabase database_;
  AckExpiries expiries_{database_.get()};
};

TEST_F(AckExpiriesTest, BeginsEmpty) {
  EXPECT_EQ(expiries_.next(), kNever);
  EXPECT_THAT(Due(At(1'000'000)), IsEmpty());
}

TEST_F(AckExpiriesTest, TheFirstToEndComeFirst) {
  Apply({{"late", kNever, At(30)}, {"b", kNever, At(10)}, {"a", kNever, At(10)}});
  Apply({{"first", kNever, At(5) + absl::Nanoseconds(1)}});
  EXPECT_EQ(expiries_.next(), At(5) + absl::Nanoseconds(1));
  EXPECT_THAT(Due(At(5)), IsEmpty());
  EXPECT_THAT(Due(At(5) + absl::Nanoseconds(1)), ElementsAre("first"));
  EXPECT_THAT(Due(At(29)), ElementsAre("first", "a", "b"));
  EXPECT_THAT(Due(At(99), 2), ElementsAre("first", "a"));
}

TEST_F(AckExpiriesTest, WhatEndsOrMovesLeaves) {
  Apply({{"a", kNever, At(10)}, {"b", kNever, At(20)}, {"c", kNever, At(30)}});
  Apply({{"a", At(10), kNever}});
  EXPECT_EQ(expiries_.next(), At(20));
  Apply({{"b", At(20), At(40)}});
  EXPECT_EQ(expiries_.next(), At(30));
  Apply({{"c", At(30), At(30)}});
  EXPECT_THAT(Due(At(99)), ElementsAre("c", "b"));
  Apply({{"c", At(30), kNever}, {"b", At(40), kNever}});
  EXPECT_EQ(expiries_.next(), kNever);
  EXPECT_TRUE(database_.Dump(Table::kAckExpiries).empty());
}

TEST_F(AckExpiriesTest, WhatComesAndGoesInOneWriteIsGone) {
  Apply(
      {{"a", kNever, At(10)}, {"a", At(10), At(20)}, {"b", kNever, At(15)}, {"b", At(15), kNever}});
  EXPECT_EQ(expiries_.next(), At(20));
  EXPECT_THAT(Due(At(99)), ElementsAre("a"));
}

TEST_F(AckExpiriesTest, IdsAreOpaqueBytes) {
  const std::string id("\0\xFF/a", 4);
  Apply({{id, kNever, At(10)}});
  EXPECT_THAT(Due(At(10)), ElementsAre(id));
}

}  // namespace
}  // namespace incidenthub
