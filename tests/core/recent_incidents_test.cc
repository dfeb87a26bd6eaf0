#include "server/core/recent_incidents.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace incidenthub {
namespace {

constexpr size_t kPlenty = 1'000'000;

class RecentIncidentsTest : public ::testing::Test {
 protected:
  static void Add(const std::string& id, const std::string& event, RecentIncidents* recent,
                  bool tombstone = false) {
    AppliedEvent applied;
    applied.incident_id = id;
    applied.bookkeeping = "of " + event.substr(0, 10);
    applied.tombstone = tombstone;
    SharedEvent shared;
    shared.bytes = std::make_shared<const std::string>(event);
    recent->Add(applied, shared);
  }
};

TEST_F(RecentIncidentsTest, KnowsTheNewestOfEach) {
  RecentIncidents recent(kPlenty);
  EXPECT_EQ(recent.Find("a"), nullptr);
  Add("a", "first", &recent);
  Add("b", "other", &recent);
  Add("a", "second", &recent);
  ASSERT_NE(recent.Find("a"), nullptr);
  EXPECT_EQ(recent.Find("a")->id, "a");
  EXPECT_EQ(*recent.Find("a")->event, "second");
  EXPECT_EQ(recent.Find("a")->bookkeeping, "of second");
  EXPECT_EQ(*recent.Find("b")->event, "other");
  EXPECT_EQ(recent.size(), 2U);
}

TEST_F(RecentIncidentsTest, APurgedOneLeavesAndMayComeAnew) {
  RecentIncidents recent(kPlenty);
  Add("a", "first", &recent);
  Add("a", "purged", &recent, /*tombstone=*/true);
  EXPECT_EQ(recent.Find("a"), nullptr);
  Add("unknown", "purged", &recent, /*tombstone=*/true);
  EXPECT_EQ(recent.size(), 0U);
  Add("a", "anew", &recent);
  EXPECT_EQ(*recent.Find("a")->event, "anew");
}

TEST_F(RecentIncidentsTest, TheOneThatHasNotChangedForLongestLeavesFirst) {
  RecentIncidents recent(10'000);
  Add("a", std::string(3000, 'a'), &recent);
  Add("b", std::string(3000, 'b'), &recent);
  Add("a", std::string(3000, 'a'), &recent);
  Add("c", std::string(3000, 'c'), &recent);
  ASSERT_NE(recent.Find("b"), nullptr);
  Add("d", std::string(3000, 'd'), &recent);
  EXPECT_EQ(recent.Find("b"), nullptr);
  EXPECT_NE(recent.Find("a"), nullptr);
  EXPECT_EQ(recent.size(), 3U);
}

TEST_F(RecentIncidentsTest, EventsOfOneIncidentAreCountedAsTheRingCountsThem) {
  RecentIncidents recent(10'000);
  Add("a", "early", &recent);
  for (int i = 0; i < 4; ++i) Add("b", std::string(3000, 'b'), &recent);
  EXPECT_EQ(recent.Find("a"), nullptr) << "its event has left the ring as well";
  EXPECT_EQ(recent.size(), 1U);
}

TEST_F(RecentIncidentsTest, SmallOnesAreFewToo) {
  RecentIncidents recent(10'000);
  for (int i = 0; i < 1000; ++i) Add("incident " + std::to_string(i), "", &recent);
  EXPECT_LT(recent.size(), 100U);
  EXPECT_GT(recent.size(), 10U);
}

}  // namespace
}  // namespace incidenthub
