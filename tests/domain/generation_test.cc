#include "server/domain/generation.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace incidenthub {
namespace {

constexpr uint64_t kFirst = 0xA1;
constexpr uint64_t kSilent = 0xB2;
constexpr uint64_t kSecond = 0xC3;
constexpr uint64_t kRunning = 0xD4;

// Wrote 1 to 10; nothing; 11 to 20; runs since.
Generations Known() {
  return Generations({{kFirst, 1}, {kSilent, 11}, {kSecond, 11}, {kRunning, 21}});
}

TEST(GenerationsTest, TheLastIsTheRunningOne) { EXPECT_EQ(Known().current(), kRunning); }

TEST(GenerationsTest, AnUnknownGenerationCoversNothing) {
  EXPECT_FALSE(Known().Covers(0xEE, 0, 25));
  EXPECT_FALSE(Known().Covers(0, 0, 25));
}

TEST(GenerationsTest, AnEndedGenerationCoversUpToWhereTheNextBegan) {
  EXPECT_TRUE(Known().Covers(kFirst, 0, 25));
  EXPECT_TRUE(Known().Covers(kFirst, 10, 25));
  EXPECT_FALSE(Known().Covers(kFirst, 11, 25));
  EXPECT_TRUE(Known().Covers(kSecond, 20, 25));
  EXPECT_FALSE(Known().Covers(kSecond, 21, 25));
}

TEST(GenerationsTest, AGenerationThatWroteNothingCoversWhatItFound) {
  EXPECT_TRUE(Known().Covers(kSilent, 10, 25));
  EXPECT_FALSE(Known().Covers(kSilent, 11, 25));
}

TEST(GenerationsTest, TheRunningGenerationCoversUpToTheHead) {
  EXPECT_TRUE(Known().Covers(kRunning, 25, 25));
  EXPECT_FALSE(Known().Covers(kRunning, 26, 25));
  EXPECT_TRUE(Known().Covers(kRunning, 26, 26));
}

TEST(GenerationsTest, OnAnEmptyLogPositionZeroIsCovered) {
  const Generations only({{kFirst, 1}});
  EXPECT_TRUE(only.Covers(kFirst, 0, 0));
  EXPECT_FALSE(only.Covers(kFirst, 1, 0));
  const Generations restarted({{kFirst, 1}, {kSecond, 1}});
  EXPECT_TRUE(restarted.Covers(kFirst, 0, 0));
  EXPECT_FALSE(restarted.Covers(kFirst, 1, 0));
}

TEST(GenerationsTest, EventsAreCountedWithoutWhatWasLeftOut) {
  EXPECT_EQ(Known().CountBetween(3, 25), 22U);
  EXPECT_EQ(Known().CountBetween(25, 25), 0U);
  EXPECT_EQ(Known().CountBetween(26, 25), 0U);
  // Restored at 10, and started again before anything was written; then wrote 111 to 120.
  const Generations restored(
      {{kFirst, 1}, {kSilent, 11, 110}, {kSecond, 11, 110}, {kRunning, 121}});
  EXPECT_EQ(restored.CountBetween(5, 120), 15U);
  EXPECT_EQ(restored.CountBetween(5, 10), 5U);
  EXPECT_EQ(restored.CountBetween(10, 110), 0U);
  EXPECT_EQ(restored.CountBetween(50, 115), 5U);
  EXPECT_EQ(restored.CountBetween(115, 125), 10U);
}

}  // namespace
}  // namespace incidenthub
