#include "common/process_metrics.h"

#include <unistd.h>

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/metrics_text.h"

namespace incidenthub {
namespace {

TEST(ProcessStatTest, IsReadWhateverTheProcessIsCalled) {
  const auto stat = ParseProcessStat(
      "77 (a ) (b 1 2) S 1 77 77 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345 1000000 678 "
      "18446744073709551615 1 1\n");
  ASSERT_TRUE(stat.has_value());
  EXPECT_EQ(stat->cpu_ticks, 300U);
  EXPECT_EQ(stat->start_ticks, 12345U);
  EXPECT_EQ(stat->resident_pages, 678U);
}

TEST(ProcessStatTest, WhatIsNoneIsRefused) {
  for (const char* text : {"", "77 (a", "77 (a) S 1 2",
                           "77 (a) S x x x x x x x x x x x x x x x x x "
                           "x x x x x x"}) {
    EXPECT_FALSE(ParseProcessStat(text).has_value()) << text;
  }
  EXPECT_FALSE(ParseBootTime("cpu 1 2\n").has_value());
  EXPECT_EQ(ParseBootTime("cpu 1 2\nbtime 1700000000\nprocesses 3\n"), 1'700'000'000U);
}

TEST(ProcessMetricsTest, ThisProcessHasAllOfThemAndTheyAreTrue) {
  const testing::Scrape before = testing::ReadScrape(ProcessMetricsText());
  EXPECT_EQ(before.complaints, "");
  EXPECT_EQ(before.families.size(), 5U);
  const double start = before.Value("process_start_time_seconds");
  const double now = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  EXPECT_LE(start, now + 2);
  EXPECT_GT(start, now - absl::ToDoubleSeconds(absl::Hours(24)));
  EXPECT_GT(before.Value("process_resident_memory_bytes"), 100'000);
  EXPECT_GE(before.Value("process_cpu_seconds_total"), 0);
  EXPECT_GE(before.Value("process_max_fds"), before.Value("process_open_fds"));
  const int fd = dup(STDERR_FILENO);
  const testing::Scrape after = testing::ReadScrape(ProcessMetricsText());
  EXPECT_EQ(after.Value("process_open_fds"), before.Value("process_open_fds") + 1);
  close(fd);
}

}  // namespace
}  // namespace incidenthub
