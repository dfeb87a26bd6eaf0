#include "common/decode/batch_splitter.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/common/decode/plain_items.h"
#include "tests/common/decode/plain_json.h"

namespace incidenthub::decode {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;
using testing::ParsePlainJson;
using testing::PlainItems;

constexpr BatchShape kShape = {.items_key = "alerts", .item_key = "status"};

std::vector<std::string> Items(absl::string_view body) {
  std::vector<std::string> items;
  SplitBatch(body, kShape, [&](const BatchPiece& piece) {
    if (piece.kind != BatchPiece::Kind::kItem) return true;
    EXPECT_EQ(body.substr(piece.offset, piece.text.size()), piece.text);
    items.emplace_back(piece.text);
    return true;
  });
  return items;
}

std::string Repeat(absl::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) absl::StrAppend(&text, piece);
  return text;
}

// Makes JSON of all kinds, with keys and bytes that the splitter looks at in places where they mean
// nothing.
class Maker {
 public:
  explicit Maker(uint32_t seed) : random_(seed) {}

  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

  std::string Blanks(bool may_break) {
    static constexpr const char* kBlanks[] = {"", "", "", " ", "\t", "\r", "\n", "\r\n  "};
    return kBlanks[Below(may_break ? 8 : 6)];
  }

  std::string Scalar() {
    static constexpr const char* kScalars[] = {
        "null",           "true",         "-1.5e7",  R"("")",
        R"("a")",         R"("\"")",      R"("\\")", R"("},{\"a\":[")",
        R"("]\n\u005d")", R"("app_key")", "0",       R"("\u00e4,")"};
    return kScalars[Below(12)];
  }

  std::string Key() {
    static constexpr const char* kKeys[] = {R"("a")",       R"("alerts")",      R"("status")",
                                            R"("app_key")", R"("al\u0065rts")", R"("{\"")"};
    return kKeys[Below(6)];
  }

  std::string Value(size_t depth, bool may_break) {
    const size_t kind = depth == 0 ? 0 : Below(4);
    if (kind <= 1) return Scalar();
    std::vector<std::string> parts;
    for (size_t i = Below(4); i > 0; --i) {
      parts.push_back(absl::StrCat(
          Blanks(may_break),
          kind == 2 ? "" : absl::StrCat(Key(), Blanks(may_break), ":", Blanks(may_break)),
          Value(depth - 1, may_break), Blanks(may_break)));
    }
    return absl::StrCat(kind == 2 ? "[" : "{", parts.empty() ? Blanks(may_break) : "",
                        absl::StrJoin(parts, ","), kind == 2 ? "]" : "}");
  }

  // A body of the given form.
  std::string Body(size_t form) {
    if (form == 0) return absl::StrCat(Blanks(true), Value(4, true), Blanks(true));
    if (form == 1) {
      return absl::StrCat("{", Blanks(true), R"("app_key":)", Scalar(), R"(,"alerts":)",
                          Blanks(true), "[", Value(3, true), ",", Value(3, true), "]", Blanks(true),
                          "}");
    }
    std::string body;
    for (size_t i = Below(6); i > 0; --i)
      absl::StrAppend(&body, Value(3, false), Blanks(false), Below(2) == 0 ? "\n" : "\r\n\n");
    return body;
  }

 private:
  std::mt19937 random_;
};

TEST(BatchSplitterTest, FindsWhatAPlainReadingFinds) {
  Maker maker(20261123);
  int compared = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::string body = maker.Body(maker.Below(3));
    const absl::optional<std::vector<std::string>> expected = PlainItems(body);
    ASSERT_TRUE(expected.has_value()) << body;
    ASSERT_THAT(Items(body), ElementsAreArray(*expected)) << body;
    ++compared;
  }
  EXPECT_EQ(compared, 30'000);
}

TEST(BatchSplitterTest, FindsWhatAPlainReadingFindsWhateverIsChanged) {
  Maker maker(7);
  int valid = 0;
  int broken = 0;
  for (int i = 0; i < 60'000; ++i) {
    std::string body = maker.Body(maker.Below(3));
    if (body.empty()) continue;
    static constexpr absl::string_view kBytes = "{}[]\",:\n\\ a1\x01";
    const size_t at = maker.Below(body.size());
    switch (maker.Below(3)) {
      case 0:
        body[at] = kBytes[maker.Below(kBytes.size())];
        break;
      case 1:
        body.insert(at, 1, kBytes[maker.Below(kBytes.size())]);
        break;
      default:
        body.erase(at, 1 + maker.Below(3));
    }
    const absl::optional<std::vector<std::string>> expected = PlainItems(body);
    const std::vector<std::string> items = Items(body);
    if (expected.has_value()) {
      ++valid;
      ASSERT_THAT(items, ElementsAreArray(*expected)) << body;
      continue;
    }
    // Something of it must show that it is broken.
    ++broken;
    bool has_broken = false;
    for (const std::string& item : items)
      has_broken = has_broken || !ParsePlainJson(item).has_value();
    // But for lines of their own around values that span lines, which are no one JSON text either.
    if (!has_broken) {
      std::string rest = body;
      ASSERT_TRUE(absl::StrContains(rest, "\n")) << body;
    }
  }
  EXPECT_GT(valid, 1000);
  EXPECT_GT(broken, 1000);
}

TEST(BatchSplitterTest, ValuesThatSpanLinesFollowEachOther) {
  Maker maker(3);
  for (int i = 0; i < 5'000; ++i) {
    std::string body;
    std::vector<std::string> expected;
    for (size_t values = 1 + maker.Below(4); values > 0; --values) {
      std::string value;
      do {
        value = maker.Value(4, true);
      } while (value[0] != '{' && value[0] != '[');
      absl::StrAppend(&body, value, maker.Blanks(false), "\n");
      const absl::optional<std::vector<std::string>> items = PlainItems(value);
      ASSERT_TRUE(items.has_value()) << value;
      expected.insert(expected.end(), items->begin(), items->end());
    }
    ASSERT_THAT(Items(body), ElementsAreArray(expected)) << body;
  }
}

TEST(BatchSplitterTest, NothingButBlanksHasNoPieces) {
  for (const char* body : {"", " ", "\n\r\n\t", "\xef\xbb\xbf", "\xef\xbb\xbf \n", "[]", "[ \n]\n"})
    EXPECT_THAT(Items(body), IsEmpty()) << body;
}

TEST(BatchSplitterTest, TheWrapperIsGivenAroundItsItemsAndWithoutThem) {
  const std::string body = R"( {"x": "[", "alerts" : [ {"a": 1}, 2 ], "app_key": "k"})";
  std::vector<std::string> seen;
  SplitBatch(body, kShape, [&](const BatchPiece& piece) {
    const bool is_item = piece.kind == BatchPiece::Kind::kItem;
    seen.emplace_back(piece.text);
    if (!is_item) {
      EXPECT_EQ(piece.offset, 1U);
      EXPECT_EQ(piece.wrapper.Find("app_key").raw(), "\"k\"");
      EXPECT_TRUE(piece.wrapper.Find("alerts").IsEmptyContainer());
    }
    return true;
  });
  const std::string shell = R"({"x": "[", "alerts" : [], "app_key": "k"})";
  EXPECT_THAT(seen, ElementsAre(shell, R"({"a": 1})", "2", shell));
}

TEST(BatchSplitterTest, WhatBreaksInsideAnItemStaysInIt) {
  EXPECT_THAT(Items(R"([{"a": tru}, {"b" 1}, , {"c": 1}])"),
              ElementsAre(R"({"a": tru})", R"({"b" 1})", "", R"({"c": 1})"));
  EXPECT_THAT(Items(R"([{"a": 1},])"), ElementsAre(R"({"a": 1})", ""));
  // A quote that is missing turns the rest inside out: then the line is one broken thing.
  EXPECT_THAT(Items("[{\"a\": \"x}, {\"b\": 1}]\n{\"c\": 1}"),
              ElementsAre("[{\"a\": \"x}, {\"b\": 1}]", R"({"c": 1})"));
}

TEST(BatchSplitterTest, ALineThatBreaksCostsOnlyItself) {
  EXPECT_THAT(
      Items("{\"a\": 1}\n{\"b\": \"x\n{\"c\":\n{\"d\": 1}}\nword\n{\"e\": 1} {}\n{\"f\": 1}"),
      ElementsAre(R"({"a": 1})", R"({"b": "x)", "{\"c\":\n{\"d\": 1}}", "word", R"({"e": 1} {})",
                  R"({"f": 1})"));
  EXPECT_THAT(Items("{\"a\": [1,\n{\"b\": 1}\n{\"c\": 1}\n"),
              ElementsAre(R"({"a": [1,)", R"({"b": 1})", R"({"c": 1})"));
  EXPECT_THAT(Items("{\"a\": {\n{\"b\": 1}\n"), ElementsAre(R"({"a": {)", R"({"b": 1})"));
}

TEST(BatchSplitterTest, AValueOverLinesThatBreaksTakesItsLinesAlong) {
  EXPECT_THAT(Items("{\n  \"a\": 1\n  \"b\": 2\n}\n{\"c\": 1}\n"), ElementsAre("{", R"({"c": 1})"));
}

TEST(BatchSplitterTest, AValueOverLinesMayNestAsDeepAsAnItemInABatch) {
  const auto nested = [](size_t depth) {
    return Repeat("[", depth) + "\n" + Repeat("]", depth) + "\n";
  };
  const size_t whole = kJsonDepthMax + 2;
  EXPECT_THAT(Items(nested(whole) + "{\"a\": 1}"),
              ElementsAre(Repeat("[", whole - 1) + "\n" + Repeat("]", whole - 1), R"({"a": 1})"));
  EXPECT_THAT(Items(nested(whole + 1) + "{\"a\": 1}"),
              ElementsAre(Repeat("[", whole + 1), Repeat("]", whole + 1), R"({"a": 1})"));
  // Within a line, and alone, it is the item's parser that says how deep is too deep.
  EXPECT_THAT(Items("[" + nested(1000) + ", 1]"),
              ElementsAre(Repeat("[", 1000) + "\n" + Repeat("]", 1000), "1"));
}

TEST(BatchSplitterTest, WhatNeverEndsIsReadAgainABoundedNumberOfTimes) {
  const std::string body = Repeat("[\n", 40) + Repeat("1,\n", 1 << 20);
  const size_t pieces = Items(body).size();
  EXPECT_GT(pieces, kRescanFactorMax);
  EXPECT_LE(pieces, kRescanFactorMax + 2);
}

TEST(BatchSplitterTest, AFalseAnswerEndsIt) {
  for (const char* body : {"[1, 2, 3]", "1\n2\n3", R"({"alerts": [1, 2, 3]})"}) {
    int items = 0;
    SplitBatch(body, kShape, [&](const BatchPiece& piece) {
      if (piece.kind == BatchPiece::Kind::kItem) ++items;
      return items < 2;
    });
    EXPECT_EQ(items, 2) << body;
  }
}

}  // namespace
}  // namespace incidenthub::decode
