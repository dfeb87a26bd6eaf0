#include "clients/cpp/incident_set.h"

#include "gtest/gtest.h"
#include "tests/clients/messages.h"

namespace incidenthub::client {
namespace {

using testing::MakeBriefLeft;
using testing::MakeEntry;
using v1::MEMBERSHIP_ENTERED;
using v1::MEMBERSHIP_LEFT;
using v1::MEMBERSHIP_UPDATED;

TEST(IncidentSetTest, EnteredAndUpdatedTakeTheIncidentKnownOrNot) {
  IncidentSet set;
  EXPECT_TRUE(set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "a", 1)));
  EXPECT_TRUE(set.Apply(MakeEntry(MEMBERSHIP_UPDATED, "b", 2)));
  EXPECT_TRUE(set.Apply(MakeEntry(MEMBERSHIP_UPDATED, "a", 3)));
  EXPECT_TRUE(set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "b", 4)));
  ASSERT_EQ(set.size(), 2U);
  EXPECT_EQ(set.Find("a")->sequence(), 3U);
  EXPECT_EQ(set.Find("b")->sequence(), 4U);
  EXPECT_EQ(set.Find("c"), nullptr);
}

TEST(IncidentSetTest, MembershipOfALaterVersionCountsAsUpdated) {
  IncidentSet set;
  EXPECT_TRUE(set.Apply(MakeEntry(static_cast<v1::Membership>(77), "a", 1)));
  EXPECT_NE(set.Find("a"), nullptr);
}

TEST(IncidentSetTest, WhatIsNotNewerIsARepeat) {
  IncidentSet set;
  set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "a", 5));
  v1::Entry repeat = MakeEntry(MEMBERSHIP_UPDATED, "a", 5);
  repeat.mutable_event()->mutable_incident()->set_state(v1::STATE_RESOLVED);
  EXPECT_FALSE(set.Apply(repeat));
  EXPECT_FALSE(set.Apply(MakeEntry(MEMBERSHIP_UPDATED, "a", 4)));
  EXPECT_EQ(set.Find("a")->state(), v1::STATE_OPEN);
  EXPECT_EQ(set.Find("a")->sequence(), 5U);
}

TEST(IncidentSetTest, LeftDropsWhatIsKnownAndIsNothingOtherwise) {
  IncidentSet set;
  set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "a", 1));
  EXPECT_FALSE(set.Apply(MakeEntry(MEMBERSHIP_LEFT, "b", 2)));
  EXPECT_TRUE(set.Apply(MakeEntry(MEMBERSHIP_LEFT, "a", 3)));
  EXPECT_EQ(set.size(), 0U);
}

TEST(IncidentSetTest, LeftOfTheSameSequenceDropsButAnOlderOneIsARepeat) {
  IncidentSet set;
  set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "a", 5));
  EXPECT_FALSE(set.Apply(MakeEntry(MEMBERSHIP_LEFT, "a", 4)));
  EXPECT_NE(set.Find("a"), nullptr);
  EXPECT_TRUE(set.Apply(MakeEntry(MEMBERSHIP_LEFT, "a", 5)));
  EXPECT_EQ(set.Find("a"), nullptr);
}

TEST(IncidentSetTest, LeftWithoutItsEventDropsByTheSameRules) {
  IncidentSet set;
  set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "a", 5));
  EXPECT_FALSE(set.Apply(MakeBriefLeft("a", 4)));
  EXPECT_FALSE(set.Apply(MakeBriefLeft("b", 6)));
  EXPECT_NE(set.Find("a"), nullptr);
  EXPECT_TRUE(set.Apply(MakeBriefLeft("a", 6)));
  EXPECT_EQ(set.size(), 0U);
}

TEST(IncidentSetTest, ResetClearsAndLetsLowerSequencesIn) {
  IncidentSet set;
  set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "a", 500));
  set.Clear();
  EXPECT_EQ(set.size(), 0U);
  EXPECT_TRUE(set.Apply(MakeEntry(MEMBERSHIP_ENTERED, "a", 1)));
  EXPECT_EQ(set.Find("a")->sequence(), 1U);
}

TEST(IncidentSetTest, AnyRepeatOfATailEndsWhereItWas) {
  const std::vector<v1::Entry> entries = {
      MakeEntry(MEMBERSHIP_ENTERED, "a", 1), MakeEntry(MEMBERSHIP_ENTERED, "b", 2),
      MakeEntry(MEMBERSHIP_UPDATED, "a", 3), MakeEntry(MEMBERSHIP_LEFT, "b", 4),
      MakeEntry(MEMBERSHIP_ENTERED, "b", 5), MakeEntry(MEMBERSHIP_LEFT, "a", 6)};
  for (size_t from = 0; from < entries.size(); ++from) {
    IncidentSet set;
    for (const v1::Entry& entry : entries) set.Apply(entry);
    for (size_t i = from; i < entries.size(); ++i) set.Apply(entries[i]);
    EXPECT_EQ(set.size(), 1U) << "from " << from;
    ASSERT_NE(set.Find("b"), nullptr) << "from " << from;
    EXPECT_EQ(set.Find("b")->sequence(), 5U) << "from " << from;
  }
}

}  // namespace
}  // namespace incidenthub::client
