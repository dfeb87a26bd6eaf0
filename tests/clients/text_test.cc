#include "clients/cli/text.h"

#include "gtest/gtest.h"

namespace incidenthub::client {
namespace {

TEST(TextTest, ControlCharactersAreEscaped) {
  EXPECT_EQ(Printable("plain, \xC3\xA4 and \xE6\x97\xA5"), "plain, \xC3\xA4 and \xE6\x97\xA5");
  EXPECT_EQ(Printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(Printable(absl::string_view("\x00\x07\x1b[2J\x7f", 7)), "\\x00\\x07\\x1b[2J\\x7f");
  // C1: a terminal takes U+009B for ESC [.
  EXPECT_EQ(Printable("\xC2\x9B"
                      "31m"),
            "\\u009b31m");
}

TEST(TextTest, WhatHidesOrReordersTextIsEscaped) {
  EXPECT_EQ(Printable("a\xE2\x80\xAE"
                      "b"),
            "a\\u202eb");
  EXPECT_EQ(Printable("a\xE2\x81\xA6"
                      "b"),
            "a\\u2066b");
  EXPECT_EQ(Printable("a\xE2\x80\x8B"
                      "b"),
            "a\\u200bb");
  EXPECT_EQ(Printable("a\xE2\x80\xA8"
                      "b"),
            "a\\u2028b");
  EXPECT_EQ(Printable("\xF3\xA0\x81\x81"), "\\U000e0041");
}

TEST(TextTest, BytesThatAreNotUtf8AreEscapedOneByOne) {
  EXPECT_EQ(Printable("\xFF\xFE"), "\\xff\\xfe");
  EXPECT_EQ(Printable("\xC3"), "\\xc3");
  EXPECT_EQ(Printable("\xC0\xAF"), "\\xc0\\xaf");
  EXPECT_EQ(Printable("\xED\xA0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(Printable("\xE2\x82x"), "\\xe2\\x82x");
}

// Whatever comes in, what goes out has no byte that a terminal obeys.
TEST(TextTest, NoByteStringGetsAControlCharacterThrough) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), '[', 'm'};
      const std::string out = Printable(text);
      for (size_t i = 0; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        ASSERT_TRUE(byte >= 0x20 && byte != 0x7F) << first << " " << second;
        const bool c1 =
            byte == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0;
        ASSERT_FALSE(c1) << first << " " << second;
      }
      ASSERT_EQ(Printable(out), out) << first << " " << second;
    }
  }
}

TEST(TextTest, WidthCountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth(""), 0U);
  EXPECT_EQ(DisplayWidth("abc"), 3U);
  EXPECT_EQ(DisplayWidth("\xC3\xA4"), 1U);
  EXPECT_EQ(DisplayWidth("a\xCC\x88"), 1U);
  EXPECT_EQ(DisplayWidth("\xE6\x97\xA5\xE6\x9C\xAC"), 4U);
  EXPECT_EQ(DisplayWidth("\xF0\x9F\x94\xA5"), 2U);
}

TEST(TextTest, PadFillsToColumnsAndNeverCuts) {
  EXPECT_EQ(Pad("ab", 4), "ab  ");
  EXPECT_EQ(Pad("\xE6\x97\xA5", 4), "\xE6\x97\xA5  ");
  EXPECT_EQ(Pad("abcdef", 4), "abcdef");
}

TEST(TextTest, CutKeepsToColumnsAndShowsThatItCut) {
  EXPECT_EQ(Cut("abcdef", 6), "abcdef");
  EXPECT_EQ(Cut("abcdef", 0), "abcdef");
  EXPECT_EQ(Cut("abcdef", 5), "ab...");
  EXPECT_EQ(Cut("abcdef", 2), "..");
  EXPECT_EQ(Cut("\xE6\x97\xA5\xE6\x9C\xAC\xE6\x97\xA5", 5), "\xE6\x97\xA5...");
  EXPECT_EQ(Cut("\xE6\x97\xA5\xE6\x9C\xAC\xE6\x97\xA5", 4), "...");
}

TEST(TextTest, PaintsOnlyIfItMay) {
  EXPECT_EQ(Painter(true).Paint(Colour::kRed, "x"), "\x1b[31mx\x1b[0m");
  EXPECT_EQ(Painter(false).Paint(Colour::kRed, "x"), "x");
  EXPECT_EQ(Painter(true).Paint(Colour::kNone, "x"), "x");
  EXPECT_EQ(Painter(true).Paint(Colour::kRed, ""), "");
}

}  // namespace
}  // namespace incidenthub::client
