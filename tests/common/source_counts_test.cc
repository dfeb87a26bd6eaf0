#include "common/source_counts.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(SourceCountsTest, EachSourceHasItsOutcomes) {
  SourceCounts counts(2);
  counts.Add("b", 1);
  counts.Add("a", 0);
  counts.Add("b", 1);
  EXPECT_THAT(counts.Read(),
              ElementsAre(Pair("a", ElementsAre(1, 0)), Pair("b", ElementsAre(0, 2))));
}

TEST(SourceCountsTest, SourcesAfterTheFirst64AreCountedTogether) {
  SourceCounts counts(1);
  for (size_t i = 0; i < kSourcesCountedMax + 10; ++i) counts.Add(absl::StrCat("s", i), 0);
  counts.Add("s0", 0);
  const auto read = counts.Read();
  ASSERT_EQ(read.size(), kSourcesCountedMax + 1);
  EXPECT_THAT(read.front(), Pair("other", ElementsAre(10)));
  EXPECT_THAT(read[1], Pair("s0", ElementsAre(2)));
}

TEST(SourceCountsTest, WhatNoSourceCanBeCalledIsOfTheOthers) {
  SourceCounts counts(1);
  counts.Add("", 0);
  counts.Add(std::string(kSourceCountedBytesMax + 1, 'x'), 0);
  counts.Add("other", 0);
  EXPECT_THAT(counts.Read(), ElementsAre(Pair("other", ElementsAre(3))));
}

}  // namespace
}  // namespace incidenthub
