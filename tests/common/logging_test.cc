#include "common/logging.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

TEST(JsonQuoteTest, EscapesWhatJsonMustNotHold) {
  EXPECT_EQ(JsonQuote("a\"b\\c\n\x01\x7F"), "\"a\\\"b\\\\c\\u000a\\u0001\\u007f\"");
}

TEST(JsonQuoteTest, KeepsUtf8AndReplacesWhatIsNone) {
  EXPECT_EQ(JsonQuote("\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\xA5"),
            "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x94\xA5\"");
  EXPECT_EQ(JsonQuote("a\xFFz"), "\"a\\ufffdz\"");
  EXPECT_EQ(JsonQuote("\xED\xA0\x80"), "\"\\ufffd\\ufffd\\ufffd\"") << "a lone surrogate";
  EXPECT_EQ(JsonQuote("\xC3"), "\"\\ufffd\"") << "cut off";
}

TEST(LogFieldTest, ValuesAreJson) {
  EXPECT_EQ(LogField("n", 7).json(), "7");
  EXPECT_EQ(LogField("b", true).json(), "true");
  EXPECT_EQ(LogField("s", "x").json(), "\"x\"");
  EXPECT_EQ(LogField("d", absl::Milliseconds(1500)).json(), "1.500000");
  EXPECT_EQ(LogField("e", absl::NotFoundError("gone")).json(), "\"NOT_FOUND: gone\"");
}

TEST(StartLoggingTest, UnknownLevelIsRefusedByName) {
  const absl::Status status = StartLogging("loud");
  EXPECT_THAT(status, testing::HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("loud"));
}

TEST(LogLevelTest, NamesAreReadBack) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning, LogLevel::kError}) {
    const auto parsed = ParseLogLevel(LogLevelName(level));
    ASSERT_OK(parsed);
    EXPECT_EQ(*parsed, level);
  }
  EXPECT_THAT(ParseLogLevel("INFO"), testing::HasCode(absl::StatusCode::kInvalidArgument));
}

// What reaches standard error of one line of each level.
std::string LinesAt(LogLevel min_level) {
  FlushLogs();
  SetLogLevel(min_level);
  ::testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "d");
  Log(LogLevel::kInfo, "i");
  Log(LogLevel::kWarning, "w");
  Log(LogLevel::kError, "e");
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogLevelTest, TakesEffectAtOnceAndOutlivesAFlush) {
  const LogLevel before = GetLogLevel();
  EXPECT_THAT(LinesAt(LogLevel::kWarning),
              ::testing::AllOf(::testing::HasSubstr("\"w\""), ::testing::HasSubstr("\"e\""),
                               ::testing::Not(::testing::HasSubstr("\"i\""))));
  EXPECT_EQ(GetLogLevel(), LogLevel::kWarning);
  FlushLogs();
  EXPECT_EQ(GetLogLevel(), LogLevel::kWarning);
  EXPECT_THAT(LinesAt(LogLevel::kDebug), ::testing::HasSubstr("\"d\""));
  EXPECT_EQ(GetLogLevel(), LogLevel::kDebug);
  SetLogLevel(before);
}

}  // namespace
}  // namespace incidenthub
