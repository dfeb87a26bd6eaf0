#include "common/decode/wire_time.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::decode {
namespace {

std::string Iso(absl::string_view text) {
  const absl::optional<EpochTime> time = ParseIsoTime(text);
  if (!time.has_value()) return "none";
  return std::to_string(time->seconds) + " " + std::to_string(time->nanos) +
         (time->exact ? "" : " inexact");
}

TEST(ParseIsoTimeTest, ReadsEveryUsualForm) {
  EXPECT_EQ(Iso("1970-01-01T00:00:00Z"), "0 0");
  EXPECT_EQ(Iso("2026-11-21T22:00:12Z"), "1795298412 0");
  EXPECT_EQ(Iso("2026-11-21t22:00:12z"), "1795298412 0");
  EXPECT_EQ(Iso("2026-11-21 22:00:12+00:00"), "1795298412 0");
  EXPECT_EQ(Iso("2026-11-21T22:00:12.125Z"), "1795298412 125000000");
  EXPECT_EQ(Iso("2026-11-21T23:30:12.000000001+01:30"), "1795298412 1");
  EXPECT_EQ(Iso("2026-11-21T17:00:12-0500"), "1795298412 0");
  EXPECT_EQ(Iso("2026-11-22T00:00:12+02"), "1795298412 0");
  EXPECT_EQ(Iso("2028-02-29T00:00:00Z"), "1835395200 0");
  EXPECT_EQ(Iso("0001-01-01T00:00:00Z"), "-62135596800 0");
  EXPECT_EQ(Iso("9999-12-31T23:59:59.999999999Z"), "253402300799 999999999");
  EXPECT_EQ(Iso("1969-12-31T23:59:59.5Z"), "-1 500000000");
}

TEST(ParseIsoTimeTest, SaysWhenThereWasMoreThanANanosecondCanHold) {
  EXPECT_EQ(Iso("2026-11-21T22:00:12.1234567890Z"), "1795298412 123456789");
  EXPECT_EQ(Iso("2026-11-21T22:00:12.1234567891Z"), "1795298412 123456789 inexact");
}

TEST(ParseIsoTimeTest, WhatIsNoDefiniteTimeIsNone) {
  for (const char* text : {"",
                           "2026-11-21",
                           "2026-11-21T22:00:12",
                           "2026-11-21T22:00Z",
                           "2026-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-11-31T00:00:00Z",
                           "2026-11-21T24:00:00Z",
                           "2016-12-31T23:59:60Z",
                           "2026-11-21T22:60:00Z",
                           "2026-11-21T22:00:12.Z",
                           "2026-11-21T22:00:12+24:00",
                           "2026-11-21T22:00:12+01:60",
                           "2026-11-21T22:00:12+1",
                           "2026-11-21T22:00:12Z ",
                           " 2026-11-21T22:00:12Z",
                           "2026-11-21T22:00:12ZZ",
                           "26-11-21T22:00:12Z",
                           "+2026-11-21T22:00:12Z",
                           "2026-11-21_22:00:12Z",
                           "2026-11-21T22:00:12UTC",
                           "0000-01-01T00:00:00Z",
                           "0001-01-01T00:00:00+01:00",
                           "9999-12-31T23:59:59-01:00",
                           "yesterday"}) {
    EXPECT_EQ(Iso(text), "none") << text;
  }
}

TEST(ReadTimeTest, ReadsNumbersAndStringsAndNothingElse) {
  std::string text =
      R"([1795298412, "1795298412", "1795298412000", "2026-11-21T22:00:12Z", "\u0031795298412",
                         true, null, [1795298412], {}, "", "1795298412s", " 1795298412"])";
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(&text);
  ASSERT_OK(document);
  int index = 0;
  for (const JsonValue value : document->root().Elements()) {
    const absl::optional<EpochTime> time = ReadTime(value);
    ASSERT_EQ(time.has_value(), index++ < 5) << value.raw();
    if (time.has_value()) {
      EXPECT_EQ(time->seconds, 1795298412) << value.raw();
    }
  }
  EXPECT_EQ(index, 12);
}

}  // namespace
}  // namespace incidenthub::decode
