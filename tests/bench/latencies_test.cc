#include "tests/bench/latencies.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/random_seed.h"

namespace incidenthub::bench {
namespace {

TEST(LatenciesTest, PercentilesAreOfTheSamples) {
  Latencies latencies;
  EXPECT_EQ(latencies.Percentile(0.5), 0);
  for (int i = 100; i >= 1; --i) latencies.Add(i);
  EXPECT_EQ(latencies.Percentile(0), 1);
  EXPECT_EQ(latencies.Percentile(0.5), 50);
  EXPECT_EQ(latencies.Percentile(0.99), 99);
  EXPECT_EQ(latencies.Percentile(1), 100);
}

// Against every sample, sorted.
TEST(LatenciesTest, EveryPercentileIsWithinOnePercentOfTheSample) {
  constexpr double kError = 0.01;
  SCOPED_TRACE(testing::SeedTrace(testing::FirstSeed()));
  std::mt19937_64 random(testing::FirstSeed());
  std::vector<int64_t> samples;
  Latencies latencies;
  Latencies halves[2];
  for (int i = 0; i < 100'000; ++i) {
    // From nanoseconds to hours, each order of magnitude as often.
    const double exponent = std::uniform_real_distribution<double>(0, 13)(random);
    const auto sample = static_cast<int64_t>(std::pow(10, exponent));
    samples.push_back(sample);
    latencies.Add(sample);
    halves[i % 2].Add(sample);
  }
  halves[0].AddAll(halves[1]);
  std::sort(samples.begin(), samples.end());
  EXPECT_EQ(latencies.count(), samples.size());
  for (int permille = 1; permille <= 1000; ++permille) {
    const double share = permille / 1000.0;
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(samples.size())));
    const auto exact = static_cast<double>(samples[rank - 1]);
    EXPECT_NEAR(static_cast<double>(latencies.Percentile(share)), exact, exact * kError) << share;
    EXPECT_EQ(halves[0].Percentile(share), latencies.Percentile(share)) << "added up";
  }
}

TEST(LatenciesTest, WhatIsOutOfRangeIsAtItsEnd) {
  Latencies latencies;
  latencies.Add(-5);
  EXPECT_EQ(latencies.Percentile(1), 0);
  latencies.Add(INT64_MAX);
  EXPECT_EQ(latencies.Percentile(1), int64_t{86'400} * 1'000'000'000);
}

}  // namespace
}  // namespace incidenthub::bench
