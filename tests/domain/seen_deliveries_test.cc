#include "server/domain/seen_deliveries.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"

namespace incidenthub::seen {
namespace {

using internal::v1::SeenDeliveries;
using testing::DigestOf;

std::string Digest(int n) { return DigestOf(absl::StrCat("delivery ", n)); }

// Deliveries `first` to `last`, each under the sequence 100 + n.
SeenDeliveries ListOf(int first, int last) {
  SeenDeliveries list;
  for (int n = first; n <= last; ++n) Add(Digest(n), 100 + static_cast<Sequence>(n), &list);
  return list;
}

std::vector<Sequence> SequencesOf(const SeenDeliveries& list) {
  return {list.sequences().begin(), list.sequences().end()};
}

TEST(SeenDeliveriesTest, WhatWasAddedIsFoundUnderItsSequence) {
  const SeenDeliveries list = ListOf(1, 20);
  for (int n = 1; n <= 20; ++n) EXPECT_EQ(Find(list, Digest(n)), 100U + static_cast<Sequence>(n));
  EXPECT_EQ(Find(list, Digest(21)), 0U);
  EXPECT_EQ(Find(SeenDeliveries(), Digest(1)), 0U);
}

TEST(SeenDeliveriesTest, DigestsThatOverlapInTheListAreNotMistakenForOne) {
  const std::string a(16, 'a');
  const std::string b(16, 'b');
  SeenDeliveries list;
  Add(a, 1, &list);
  Add(b, 2, &list);
  EXPECT_EQ(Find(list, std::string(8, 'a') + std::string(8, 'b')), 0U)
      << "the end of one, and the next";
}

TEST(SeenDeliveriesTest, FindLastLooksAtTheLastAlone) {
  const SeenDeliveries list = ListOf(1, 3);
  EXPECT_EQ(FindLast(list, Digest(3)), 103U);
  EXPECT_EQ(FindLast(list, Digest(2)), 0U);
  EXPECT_EQ(FindLast(SeenDeliveries(), Digest(1)), 0U);
}

TEST(SeenDeliveriesTest, LongDigestsAreToldApartByTheirFirst16Bytes) {
  SeenDeliveries list;
  Add(std::string(32, 'x'), 7, &list);
  EXPECT_EQ(list.digests().size(), 16U);
  EXPECT_EQ(Find(list, std::string(16, 'x') + std::string(16, 'y')), 7U);
  EXPECT_EQ(Find(list, std::string(15, 'x') + std::string(17, 'y')), 0U);
}

TEST(SeenDeliveriesTest, DropOldestLeavesTheNewest) {
  SeenDeliveries list = ListOf(1, 10);
  DropOldest(10, &list);
  EXPECT_EQ(list.sequences_size(), 10);
  DropOldest(3, &list);
  EXPECT_EQ(SequencesOf(list), (std::vector<Sequence>{108, 109, 110}));
  EXPECT_EQ(list.digests(), Digest(8) + Digest(9) + Digest(10));
  DropOldest(0, &list);
  EXPECT_EQ(list.sequences_size(), 0);
  EXPECT_TRUE(list.digests().empty());
}

TEST(SeenDeliveriesTest, MoveOldestAppendsInOrder) {
  SeenDeliveries from = ListOf(5, 9);
  SeenDeliveries to = ListOf(1, 2);
  MoveOldest(2, &from, &to);
  EXPECT_EQ(SequencesOf(to), (std::vector<Sequence>{101, 102, 105, 106, 107}));
  EXPECT_EQ(SequencesOf(from), (std::vector<Sequence>{108, 109}));
  EXPECT_EQ(to.digests(), Digest(1) + Digest(2) + Digest(5) + Digest(6) + Digest(7));
  EXPECT_EQ(from.digests(), Digest(8) + Digest(9));
  MoveOldest(2, &from, &to);
  EXPECT_EQ(to.sequences_size(), 5) << "nothing is beyond what is kept";
  MoveOldest(0, &from, &to);
  EXPECT_EQ(to.sequences_size(), 7);
  EXPECT_EQ(from.sequences_size(), 0);
}

}  // namespace
}  // namespace incidenthub::seen
