#include "common/histogram.h"

#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub {
namespace {

using ::testing::ElementsAre;

constexpr double kBounds[] = {1, 10, 100};

TEST(HistogramTest, CountsAreCumulativeAndABoundBelongsToItsBucket) {
  Histogram histogram(kBounds);
  for (const double value : {0.0, 1.0, 1.5, 10.0, 99.0, 1000.0}) histogram.Observe(value);
  const Histogram::Reading reading = histogram.Read();
  EXPECT_THAT(reading.cumulative, ElementsAre(2, 4, 5));
  EXPECT_EQ(reading.count, 6U);
  EXPECT_DOUBLE_EQ(reading.sum, 1111.5);
}

TEST(HistogramTest, NegativeDurationsCountAsNone) {
  Histogram histogram(kBounds);
  histogram.Observe(absl::Seconds(-5));
  histogram.Observe(absl::Milliseconds(2500));
  EXPECT_THAT(histogram.Read().cumulative, ElementsAre(1, 2, 2));
  EXPECT_DOUBLE_EQ(histogram.Read().sum, 2.5);
}

TEST(HistogramTest, NothingIsLostBetweenThreads) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20'000;
  Histogram histogram(kBounds);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&histogram] {
      for (int n = 0; n < kEach; ++n) histogram.Observe(2.0);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.Read().count, uint64_t{kThreads} * kEach);
  EXPECT_DOUBLE_EQ(histogram.Read().sum, 2.0 * kThreads * kEach);
}

TEST(HistogramTest, TheBoundsInUseAscend) {
  for (const absl::Span<const double> bounds :
       {absl::MakeConstSpan(kLatencyBounds), absl::MakeConstSpan(kAgeBounds)}) {
    for (size_t i = 1; i < bounds.size(); ++i) EXPECT_LT(bounds[i - 1], bounds[i]);
  }
}

}  // namespace
}  // namespace incidenthub
