#include "clients/cpp/backoff.h"

#include <set>

#include "gtest/gtest.h"

namespace incidenthub::client {
namespace {

constexpr BackoffOptions kOptions = {absl::Milliseconds(100), absl::Seconds(1)};

TEST(BackoffTest, UpperEndDoublesUpToTheLargest) {
  Backoff backoff(kOptions, [] { return 1.0; });
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(200));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(400));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(800));
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
}

TEST(BackoffTest, JitterIsFull) {
  double random = 0;
  Backoff backoff(kOptions, [&random] { return random; });
  EXPECT_EQ(backoff.Next(), absl::ZeroDuration());
  random = 0.25;
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(50));
  random = 0.5;
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(200));
}

TEST(BackoffTest, StartsOverAfterReset) {
  Backoff backoff(kOptions, [] { return 1.0; });
  backoff.Next();
  backoff.Next();
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(100));
  EXPECT_EQ(backoff.Next(), absl::Milliseconds(200));
}

TEST(BackoffTest, NeverOverflowsHoweverLongItGoesOn) {
  Backoff backoff({absl::Nanoseconds(1), absl::Hours(24)}, [] { return 1.0; });
  absl::Duration last;
  for (int i = 0; i < 10'000; ++i) {
    const absl::Duration next = backoff.Next();
    ASSERT_GE(next, last);
    last = next;
  }
  EXPECT_EQ(last, absl::Hours(24));
}

TEST(BackoffTest, FirstWaitIsNeverAboveTheLargest) {
  Backoff backoff({absl::Seconds(5), absl::Seconds(1)}, [] { return 1.0; });
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
}

TEST(BackoffTest, SystemRandomIsInRangeAndDiffersFromClientToClient) {
  std::set<double> firsts;
  for (int client = 0; client < 20; ++client) {
    const auto random = SystemRandom();
    firsts.insert(random());
    for (int i = 0; i < 1000; ++i) {
      const double number = random();
      ASSERT_GE(number, 0);
      ASSERT_LT(number, 1);
    }
  }
  EXPECT_GT(firsts.size(), 18U);
}

}  // namespace
}  // namespace incidenthub::client
