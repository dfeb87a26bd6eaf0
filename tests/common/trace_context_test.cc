#include "common/trace_context.h"

#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub {
namespace {

constexpr char kGood[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceparentTest, TakesWhatTheRecommendationWrites) {
  EXPECT_TRUE(IsTraceparent(kGood));
  EXPECT_EQ(TraceIdOf(kGood), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(std::string(kGood).size(), kTraceparentBytes);
}

TEST(TraceparentTest, RefusesEverythingElse) {
  for (const char* text : {
           "",
           "00",
           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
           " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
           "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
       }) {
    EXPECT_FALSE(IsTraceparent(text)) << text;
    EXPECT_EQ(TraceIdOf(text), "") << text;
  }
}

TEST(TraceparentTest, RefusesEachByteOfAnotherKind) {
  for (size_t i = 0; i < kTraceparentBytes; ++i) {
    for (const char wrong : {'G', '\0', ' ', '\xFF'}) {
      std::string text = kGood;
      text[i] = wrong;
      EXPECT_FALSE(IsTraceparent(text)) << i;
    }
  }
}

TEST(ContinueTraceTest, KeepsTheTraceAndItsFlagsWithASpanOfItsOwn) {
  std::mt19937_64 random(7);
  const std::string continued = ContinueTrace(kGood, random);
  EXPECT_TRUE(IsTraceparent(continued));
  EXPECT_EQ(continued.substr(0, 36), std::string(kGood).substr(0, 36));
  EXPECT_NE(continued.substr(36, 16), std::string(kGood).substr(36, 16));
  EXPECT_EQ(continued.substr(52), "-01");
  EXPECT_NE(ContinueTrace(kGood, random), continued);
}

TEST(ContinueTraceTest, BeginsANewTraceThatIsNotSampled) {
  std::mt19937_64 random(7);
  std::set<std::string> traces;
  for (int i = 0; i < 1000; ++i) {
    const std::string begun = ContinueTrace(i % 2 == 0 ? "" : "00-junk", random);
    ASSERT_TRUE(IsTraceparent(begun)) << begun;
    EXPECT_EQ(begun.substr(52), "-00");
    traces.insert(std::string(TraceIdOf(begun)));
  }
  EXPECT_EQ(traces.size(), 1000U);
}

TEST(RandomIdTest, Has16LowerHexDigits) {
  std::mt19937_64 random(7);
  EXPECT_THAT(RandomId(random), ::testing::MatchesRegex("[0-9a-f]{16}"));
}

}  // namespace
}  // namespace incidenthub
