#include "server/store/request_ids.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::Stamp;
using testing::TestDatabase;

constexpr size_t kMax = 5;

class RequestIdsTest : public ::testing::Test {
 protected:
  RequestIdsTest() { EXPECT_OK(ids_.Load()); }

  // The next event; its fingerprint is its sequence. No id: nobody asked with one.
  AppliedEvent Event(const std::string& request_id, absl::Time commit_time) {
    AppliedEvent event;
    event.sequence = ++sequence_;
    event.commit_time = commit_time;
    if (request_id.empty()) return event;
    event.request.set_request_id(request_id);
    event.request.set_fingerprint(event.sequence);
    *event.request.mutable_commit_time() = Stamp(commit_time);
    return event;
  }
  // In one write.
  void Apply(const std::vector<AppliedEvent>& events) {
    WriteSet changes;
    ASSERT_OK(ids_.Stage(events, &changes));
    ASSERT_OK(database_->Write(std::move(changes), Database::Durability::kBuffered));
    EXPECT_EQ(database_.Dump(Table::kRequests).size(), ids_.size());
    EXPECT_EQ(database_.Dump(Table::kRequestIds).size(), ids_.size());
    RequestIds loaded(database_.get(), kMax);
    ASSERT_OK(loaded.Load());
    EXPECT_EQ(loaded.size(), ids_.size()) << "as after a restart";
  }

  // Fingerprint of the request found; 0 if none is.
  uint64_t Find(const std::string& id, absl::Time now) {
    const auto found = ids_.Find(id, now);
    EXPECT_OK(found);
    return found.ok() && found->has_value() ? (*found)->fingerprint() : 0;
  }

  TestDatabase database_;
  RequestIds ids_{database_.get(), kMax};
  Sequence sequence_ = 0;
};

TEST_F(RequestIdsTest, FindsByTheWholeIdAndForADay) {
  Apply({Event("", At(0)), Event("r", At(0)), Event("r-1", At(1))});
  EXPECT_EQ(Find("r", At(1)), 2U);
  EXPECT_EQ(Find("r-1", At(1)), 3U);
  EXPECT_EQ(Find("r-", At(1)), 0U);
  EXPECT_EQ(Find("", At(1)), 0U);
  EXPECT_EQ(Find("r", At(0) + kRequestIdAge - absl::Nanoseconds(1)), 2U);
  EXPECT_EQ(Find("r", At(0) + kRequestIdAge), 0U);
  EXPECT_EQ(Find("r-1", At(0) + kRequestIdAge), 3U);
}

TEST_F(RequestIdsTest, AnIdUsedAgainIsTheNewestOne) {
  Apply({Event("r", At(0))});
  const absl::Time later = At(0) + kRequestIdAge;
  AppliedEvent again = Event("r", later);
  Apply({again});
  EXPECT_EQ(Find("r", later), 2U);
  EXPECT_EQ(ids_.size(), 1U) << "the old one has left, and not taken the new one along";
}

TEST_F(RequestIdsTest, PastItsBoundTheOldestLeave) {
  for (size_t i = 1; i <= 2 * kMax; ++i) Apply({Event(absl::StrCat("r-", i), At(0))});
  EXPECT_EQ(ids_.size(), kMax);
  EXPECT_EQ(Find(absl::StrCat("r-", kMax), At(0)), 0U);
  EXPECT_EQ(Find(absl::StrCat("r-", kMax + 1), At(0)), kMax + 1);
}

TEST_F(RequestIdsTest, MoreThanItsBoundInOneWriteToo) {
  std::vector<AppliedEvent> events;
  for (size_t i = 1; i <= 3 * kMax; ++i) events.push_back(Event(absl::StrCat("r-", i), At(0)));
  Apply(events);
  EXPECT_EQ(ids_.size(), kMax);
  EXPECT_EQ(Find(absl::StrCat("r-", 2 * kMax), At(0)), 0U);
  EXPECT_EQ(Find(absl::StrCat("r-", 3 * kMax), At(0)), 3 * kMax);
}

TEST_F(RequestIdsTest, EachEventRemovesAFewThatAreTooOld) {
  for (int i = 0; i < 5; ++i) Apply({Event(absl::StrCat("r-", i), At(i))});
  const absl::Time later = At(0) + 2 * kRequestIdAge;
  Apply({Event("", later)});
  EXPECT_EQ(ids_.size(), 3U);
  Apply({Event("", later), Event("", later), Event("", later)});
  EXPECT_EQ(ids_.size(), 0U);
}

}  // namespace
}  // namespace incidenthub
