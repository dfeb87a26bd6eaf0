#include "server/upstream/backoff.h"

#include <limits>

#include "absl/random/random.h"
#include "gtest/gtest.h"

namespace incidenthub {
namespace {

TEST(BackoffTest, ABoundDoublesUpToItsMost) {
  const Backoff backoff;
  EXPECT_EQ(backoff.Bound(1), absl::Seconds(1));
  EXPECT_EQ(backoff.Bound(2), absl::Seconds(2));
  EXPECT_EQ(backoff.Bound(9), absl::Seconds(256));
  EXPECT_EQ(backoff.Bound(10), absl::Minutes(5));
  EXPECT_EQ(backoff.Bound(std::numeric_limits<uint32_t>::max()), absl::Minutes(5));
}

TEST(BackoffTest, DelaysAreAnythingUpToTheBound) {
  const Backoff backoff;
  absl::BitGen random;
  absl::Duration least = absl::InfiniteDuration();
  absl::Duration most = absl::ZeroDuration();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration delay = backoff.Delay(5, random);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, absl::ZeroDuration());
  EXPECT_LE(most, absl::Seconds(16));
  EXPECT_LT(least, absl::Seconds(1)) << "all but impossible with full jitter";
  EXPECT_GT(most, absl::Seconds(15));
}

}  // namespace
}  // namespace incidenthub
