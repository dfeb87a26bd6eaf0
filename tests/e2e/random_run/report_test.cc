// A failure's history is short, in order, and about what failed.

#include "tests/e2e/random_run/report.h"

#include <string>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

TEST(RandomRunReportTest, AMinimalHistoryIsAboutTheIncidentAndWhoSawIt) {
  Timeline timeline;
  AddHappenings({{.time = At(3), .text = "the hub is killed"}}, &timeline);
  timeline.push_back(
      {.time = At(2), .actor = "event", .incident_id = "a", .sequence = 7, .text = "UPDATED"});
  timeline.push_back(
      {.time = At(1), .actor = "poster 1", .incident_id = "a", .text = "posts delivery 9"});
  timeline.push_back(
      {.time = At(1), .actor = "poster 1", .incident_id = "b", .text = "posts delivery 8"});
  timeline.push_back(
      {.time = At(4), .actor = "sub", .incident_id = "a", .sequence = 7, .text = "is sent it"});
  timeline.push_back({.time = At(4),
                      .actor = "other",
                      .incident_id = "a",
                      .sequence = 7,
                      .text = "is sent it too"});
  timeline.push_back({.time = At(5), .actor = "sub", .incident_id = {}, .text = "stream 1 ends"});
  timeline.push_back({.time = At(5), .actor = "other", .incident_id = {}, .text = "stream 2 ends"});
  Sort(&timeline);
  const Finding finding{
      .check = "complete", .text = "a at 7", .incident_id = "a", .sequence = 7, .actor = "sub"};
  EXPECT_EQ(ToText(Minimal(timeline, finding), At(0)),
            "     1.000 poster 1 a posts delivery 9\n"
            "     2.000 event a at 7 UPDATED\n"
            "     3.000 ***  the hub is killed\n"
            "     4.000 sub a at 7 is sent it\n"
            "     5.000 sub  stream 1 ends\n");
  EXPECT_THAT(ToJsonLines(timeline), HasSubstr("\"actor\":\"other\",\"incident\":\"a\""));
}

TEST(RandomRunReportTest, ALongHistoryIsCutAroundTheFinding) {
  Timeline timeline;
  for (uint64_t i = 1; i <= 1000; ++i) {
    timeline.push_back({.time = At(static_cast<int64_t>(i)),
                        .actor = "event",
                        .incident_id = "a",
                        .sequence = i,
                        .text = "UPDATED"});
    timeline.push_back(
        {.time = At(static_cast<int64_t>(i)), .actor = "sub", .incident_id = {}, .text = "stream"});
  }
  const Finding finding{.check = "complete",
                        .text = "a at 500",
                        .incident_id = "a",
                        .sequence = 500,
                        .actor = "sub",
                        .time = At(501)};
  const Timeline minimal = Minimal(timeline, finding);
  EXPECT_THAT(minimal, SizeIs(::testing::Lt(40)));
  EXPECT_GE(minimal.front().time, At(480));
  EXPECT_LE(minimal.front().time, At(499));
  EXPECT_GE(minimal.back().time, At(501));
  EXPECT_LE(minimal.back().time, At(520));
  // Without a place, the end.
  const Finding anywhere{.check = "alive", .text = "gone", .incident_id = {}, .actor = "sub"};
  EXPECT_THAT(Minimal(timeline, anywhere), SizeIs(kHistoryLinesMax));
  EXPECT_EQ(Minimal(timeline, anywhere).back().time, At(1000));
}

TEST(RandomRunReportTest, JsonLinesAreJson) {
  EXPECT_EQ(ToJsonLines({{.time = At(0), .actor = "a\"b", .incident_id = {}, .text = "x\ny"}}),
            "{\"time\":\"1970-01-01T00:00:00+00:00\",\"actor\":\"a\\\"b\",\"incident\":\"\","
            "\"sequence\":0,\"text\":\"x\\u000ay\"}\n");
}

}  // namespace
}  // namespace incidenthub::testing
