#include "common/decode/decimal.h"

#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace incidenthub::decode {
namespace {

std::string Epoch(absl::string_view text) {
  const absl::optional<EpochTime> time = Decimal(text).ToEpochTime();
  if (!time.has_value()) return "none";
  return std::to_string(time->seconds) + " " + std::to_string(time->nanos) +
         (time->exact ? "" : " inexact");
}

TEST(IsJsonNumberTest, FollowsTheGrammarOfRfc8259) {
  for (const char* text :
       {"0", "-0", "7", "-12", "0.5", "10.250", "1e5", "1E+5", "1.5e-10", "-0e0"}) {
    EXPECT_TRUE(IsJsonNumber(text)) << text;
  }
  for (const char* text : {"",         "-",   "+1",  "01",    "-01",   "00",      ".5", "1.",
                           "1.e5",     "1e",  "1e+", "1e5.0", "0x10",  "1 ",      " 1", "NaN",
                           "Infinity", "1,0", "--1", "1-",    "1e5e5", "\xC2\xB2"}) {
    EXPECT_FALSE(IsJsonNumber(text)) << text;
  }
}

TEST(DecimalTest, IntegersAreReadWholeOrNotAtAll) {
  EXPECT_EQ(Decimal("0").ToInt64(), 0);
  EXPECT_EQ(Decimal("-0.0e7").ToInt64(), 0);
  EXPECT_EQ(Decimal("-42").ToInt64(), -42);
  EXPECT_EQ(Decimal("7.0").ToInt64(), 7);
  EXPECT_EQ(Decimal("1.5e3").ToInt64(), 1500);
  EXPECT_EQ(Decimal("12300e-2").ToInt64(), 123);
  EXPECT_EQ(Decimal("9223372036854775807").ToInt64(), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(Decimal("-9223372036854775808").ToInt64(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(Decimal("9223372036854775808").ToInt64(), absl::nullopt);
  EXPECT_EQ(Decimal("-9223372036854775809").ToInt64(), absl::nullopt);
  EXPECT_EQ(Decimal("18446744073709551615").ToInt64(), absl::nullopt);
  EXPECT_EQ(Decimal("99999999999999999999").ToInt64(), absl::nullopt);
  EXPECT_EQ(Decimal("0.5").ToInt64(), absl::nullopt);
  EXPECT_EQ(Decimal("1e-1").ToInt64(), absl::nullopt);
  EXPECT_EQ(Decimal("1e99999999999999999999").ToInt64(), absl::nullopt);
}

TEST(DecimalTest, TimesAreExactToTheNanosecond) {
  EXPECT_EQ(Epoch("0"), "0 0");
  EXPECT_EQ(Epoch("1795298412"), "1795298412 0");
  EXPECT_EQ(Epoch("1795298412.5"), "1795298412 500000000");
  EXPECT_EQ(Epoch("1795298412.123456789"), "1795298412 123456789");
  EXPECT_EQ(Epoch("1795298412.1234567890"), "1795298412 123456789");
  EXPECT_EQ(Epoch("1795298412.1234567891"), "1795298412 123456789 inexact");
  EXPECT_EQ(Epoch("1.795298412e9"), "1795298412 0");
  EXPECT_EQ(Epoch("1e-9"), "0 1");
  EXPECT_EQ(Epoch("1e-10"), "0 0 inexact");
  EXPECT_EQ(Epoch("1e-99999999999999999999"), "0 0 inexact");
}

TEST(DecimalTest, AboveOneHundredBillionTimesAreMilliseconds) {
  EXPECT_EQ(Epoch("100000000000"), "100000000000 0");
  EXPECT_EQ(Epoch("1e11"), "100000000000 0");
  EXPECT_EQ(Epoch("100000000000.001"), "100000000 1000");
  EXPECT_EQ(Epoch("100000000001"), "100000000 1000000");
  EXPECT_EQ(Epoch("1795298412345"), "1795298412 345000000");
  EXPECT_EQ(Epoch("1795298412345.678901"), "1795298412 345678901");
  EXPECT_EQ(Epoch("1795298412345.6789012"), "1795298412 345678901 inexact");
  EXPECT_EQ(Epoch("-1795298412345"), "-1795298413 655000000");
}

TEST(DecimalTest, NegativeTimesCountUpwardsFromTheSecondBefore) {
  EXPECT_EQ(Epoch("-1"), "-1 0");
  EXPECT_EQ(Epoch("-1.5"), "-2 500000000");
  EXPECT_EQ(Epoch("-0.0000000001"), "-1 999999999 inexact");
  EXPECT_EQ(Epoch("-1.9999999991"), "-2 0 inexact");
}

TEST(DecimalTest, TimesOutsideOfTheYears1To9999AreNone) {
  EXPECT_EQ(Epoch("253402300799999"), "253402300799 999000000");
  EXPECT_EQ(Epoch("253402300800000"), "none");
  EXPECT_EQ(Epoch("-62135596800"), "-62135596800 0");
  EXPECT_EQ(Epoch("-62135596800.5"), "none");
  EXPECT_EQ(Epoch("-62135596801"), "none");
  EXPECT_EQ(Epoch("1e20"), "none");
  EXPECT_EQ(Epoch("1e99999999999999999999"), "none");
}

TEST(DecimalTest, LongTextsAreReadToTheEnd) {
  const std::string zeros(2'000'000, '0');
  EXPECT_EQ(Epoch("0." + zeros + "1795298412e2000010"), "1795298412 0");
  EXPECT_EQ(Decimal("5" + zeros + "e-2000000").ToInt64(), 5);
}

TEST(ToDoubleTest, SaysWhetherTheDoubleIsTheSameNumber) {
  struct Case {
    const char* text;
    double value;
    bool exact;
  };
  for (const Case& c :
       {Case{"0", 0, true}, Case{"0.87", 0.87, true}, Case{"-1.5e3", -1500, true},
        Case{"9007199254740992", 9007199254740992.0, true},
        Case{"9007199254740993", 9007199254740992.0, false},
        Case{"0.30000000000000004", 0.1 + 0.2, true}, Case{"0.1000", 0.1, true},
        Case{"0.1234567890123456789", 0.1234567890123456789, false}, Case{"1e22", 1e22, true},
        Case{"801439850948191e5", 80143985094819098624.0, true},
        Case{"123456789012345678901234567890", 123456789012345678901234567890.0, false}}) {
    const absl::optional<ReadDouble> read = ToDouble(c.text);
    ASSERT_TRUE(read.has_value()) << c.text;
    EXPECT_EQ(read->value, c.value) << c.text;
    EXPECT_EQ(read->exact, c.exact) << c.text;
  }
  EXPECT_FALSE(ToDouble("1e400").has_value());
  EXPECT_FALSE(ToDouble("-1e400").has_value());
  EXPECT_FALSE(ToDouble("1e-400").has_value());
}

}  // namespace
}  // namespace incidenthub::decode
