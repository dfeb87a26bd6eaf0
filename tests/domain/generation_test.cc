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

}  // namespace
}  // namespace incidenthub
