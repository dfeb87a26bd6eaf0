#include "common/repeated_line.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace incidenthub {
namespace {

using ::testing::Eq;
using ::testing::Optional;

class RepeatedLineTest : public ::testing::Test {
 protected:
  // Lines among `tries`.
  static int Lines(RepeatedLine* line, int tries) {
    int lines = 0;
    for (int i = 0; i < tries; ++i) lines += line->Next().has_value() ? 1 : 0;
    return lines;
  }
  testing::FakeClock clock_{absl::FromUnixSeconds(1'800'000'000)};
};

TEST_F(RepeatedLineTest, OneAnIntervalSaysHowManyWereLeftOut) {
  RepeatedLine line(kOneAMinute, clock_);
  EXPECT_THAT(line.Next(), Optional(Eq(0U)));
  EXPECT_EQ(Lines(&line, 7), 0);
  clock_.Advance(absl::Seconds(59));
  EXPECT_FALSE(line.Next().has_value());
  clock_.Advance(absl::Seconds(1));
  EXPECT_THAT(line.Next(), Optional(Eq(8U)));
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(line.Next(), Optional(Eq(0U))) << "they are said once";
}

TEST_F(RepeatedLineTest, ABurstComesAtOnceAndIsPaidForAnIntervalALine) {
  RepeatedLine line({5, absl::Seconds(10)}, clock_);
  EXPECT_EQ(Lines(&line, 20), 5);
  clock_.Advance(absl::Seconds(20));
  EXPECT_EQ(Lines(&line, 20), 2);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Lines(&line, 20), 5) << "no more than the burst, however long it was quiet";
}

TEST_F(RepeatedLineTest, AClockThatIsPutBackSilencesNothing) {
  RepeatedLine line(kOneAMinute, clock_);
  EXPECT_EQ(Lines(&line, 3), 1);
  clock_.Advance(absl::Hours(-24));
  EXPECT_EQ(Lines(&line, 3), 1);
}

}  // namespace
}  // namespace incidenthub
