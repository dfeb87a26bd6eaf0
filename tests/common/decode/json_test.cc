#include "common/decode/json.h"

#include <cstdint>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/decode/json_pointer.h"
#include "gtest/gtest.h"
#include "tests/common/decode/plain_json.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::decode {
namespace {

using ::testing::AllOf;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::ParsePlainJson;
using testing::PlainJson;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

absl::Status ParseStatus(absl::string_view text) {
  std::string body(text);
  return JsonDocument::Parse(&body).status();
}

std::string Repeat(absl::string_view piece, size_t times) {
  std::string text;
  for (size_t i = 0; i < times; ++i) absl::StrAppend(&text, piece);
  return text;
}

void ExpectSame(const JsonValue& value, const PlainJson& plain) {
  ASSERT_EQ(value.raw(), plain.raw);
  std::string scratch;
  switch (plain.type) {
    case PlainJson::Type::kNull:
      ASSERT_EQ(value.type(), JsonType::kNull);
      break;
    case PlainJson::Type::kBool:
      ASSERT_EQ(value.type(), JsonType::kBool);
      ASSERT_EQ(value.Bool(), plain.raw == "true");
      break;
    case PlainJson::Type::kNumber:
      ASSERT_EQ(value.type(), JsonType::kNumber);
      break;
    case PlainJson::Type::kString:
      ASSERT_EQ(value.type(), JsonType::kString);
      ASSERT_EQ(value.String(&scratch), plain.text);
      break;
    case PlainJson::Type::kArray: {
      ASSERT_EQ(value.type(), JsonType::kArray);
      ASSERT_EQ(value.IsEmptyContainer(), plain.elements.empty());
      size_t index = 0;
      for (const JsonValue element : value.Elements()) {
        ASSERT_LT(index, plain.elements.size());
        ExpectSame(element, plain.elements[index++]);
      }
      ASSERT_EQ(index, plain.elements.size());
      break;
    }
    case PlainJson::Type::kObject: {
      ASSERT_EQ(value.type(), JsonType::kObject);
      ASSERT_EQ(value.IsEmptyContainer(), plain.members.empty());
      size_t index = 0;
      for (const JsonMember& member : value.Members()) {
        ASSERT_LT(index, plain.members.size());
        ASSERT_EQ(member.key.String(&scratch), plain.members[index].key);
        ExpectSame(member.value, plain.members[index++].value);
      }
      ASSERT_EQ(index, plain.members.size());
      break;
    }
  }
}

// Accepts and refuses what the plain reader does, and reads the same.
void ExpectSameReading(absl::string_view text) {
  std::string body(text);
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(&body);
  const absl::optional<PlainJson> plain = ParsePlainJson(text);
  ASSERT_EQ(document.ok(), plain.has_value()) << text << "\n" << document.status();
  ASSERT_EQ(body, text);
  if (document.ok()) ExpectSame(document->root(), *plain);
}

TEST(JsonTest, AcceptsWhatRfc8259Accepts) {
  for (const char* text :
       {"{}", "[]", "null", " true ", "false", "-0.0e-0", "\"\"", "\"\\u0000\"",
        "\"\\ud83d\\ude80\"", "\"\x7f\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "[1,2 , 3]",
        "\t{\r\n\"a\" : [ { } ] }\n", "{\"a\":1,\"a\":2}", "{\"\":0}",
        "[123456789012345678901234567890, 1e999, -1E-999]",
        "\"\xf0\x9f\x9a\x80 \xed\x9f\xbf \xee\x80\x80\"", "\"//\\u002F*\"", "[\"\xef\xbb\xbf\"]"}) {
    EXPECT_OK(ParseStatus(text)) << text;
    ExpectSameReading(text);
  }
}

TEST(JsonTest, RefusesWhatRfc8259RefusesWhereverItStands) {
  const std::vector<std::string> broken = {
      "tru",
      "nul",
      "True",
      "NaN",
      "-NaN",
      "Infinity",
      "-Infinity",
      "01",
      "-",
      "-01",
      "+1",
      ".5",
      "1.",
      "1e",
      "1.e1",
      "0x1F",
      "1_000",
      "1 2",
      "'a'",
      "\"a\" \"b\"",
      "\"a\"x",
      "\"a\"\"b\"",
      "1\"x\"",
      "true\"x\"",
      "{\"a\"}",
      "{\"a\":}",
      "{\"a\" 1}",
      "{\"a\"::1}",
      "{a:1}",
      "{1:1}",
      "{'a':1}",
      "{\"a\":1,}",
      "{,\"a\":1}",
      "{\"a\":1,,\"b\":2}",
      "{\"a\":1 \"b\":2}",
      "{\"a\":1]",
      "[1}",
      "[1,]",
      "[,1]",
      "[1,,2]",
      "[1 2]",
      "[1:2]",
      "[",
      "{",
      "[1",
      "{\"a\":1",
      "]",
      "}",
      ",",
      ":",
      "\"\\x41\"",
      "\"\\u12\"",
      "\"\\u12G4\"",
      "\"\\ud800\"",
      "\"\\udc00\"",
      "\"\\ud800\\u0041\"",
      "\"\\ud800x\"",
      "\"\\ude80\\ud83d\"",
      "\"\\ud83d\\ude8\"",
      "\"\\",
      "\"a\nb\"",
      "\"a\tb\"",
      "\"a",
      "\"\\\"",
      "//x\n1",
      "/*x*/1",
      "1/**/",
      "#1",
      "\\u0031",
      "\"a\"\\",
      "[1\f]",
      "[1\v]",
      "\xc2\xa0[]",
      "[]\xe2\x80\xa8",
      std::string("1\0", 2),
      std::string("\0", 1),
      std::string("\"\0\"", 3),
      "\"\xff\"",
      "\"\xc0\x80\"",
      "\"\xed\xa0\x80\"",
      "\"\xf4\x90\x80\x80\"",
      "\"\xe2\x82\"",
      "\xff",
      "[\xc3]",
      "\"\xe2\x28\xa1\"",
      "undefined",
      "[1]]",
      "{}{}",
  };
  for (const std::string& text : broken) {
    // As the body itself, and where no decoder ever looks.
    for (const std::string& body :
         {text, absl::StrCat("[", text, "]"), absl::StrCat("{\"x\": [{\"y\": ", text, "}]}")}) {
      const absl::Status status = ParseStatus(body);
      EXPECT_THAT(status, HasCode(kInvalid)) << body;
      ExpectSameReading(body);
    }
  }
}

TEST(JsonTest, ErrorsNameReasonAndByte) {
  EXPECT_THAT(ParseStatus("[1, tru]"), HasReason("NOT_JSON"));
  EXPECT_THAT(std::string(ParseStatus("[1, tru]").message()),
              HasSubstr("at byte 4 expected a value"));
  EXPECT_THAT(std::string(ParseStatus("{\"a\": 1").message()),
              HasSubstr("at byte 7 expected more"));
  EXPECT_THAT(std::string(ParseStatus("[1] 2").message()),
              HasSubstr("at byte 4 expected nothing after the value"));
  EXPECT_THAT(std::string(ParseStatus("[\"ab\", \"c\nd\"]").message()), HasSubstr("at byte 9"));
  EXPECT_THAT(std::string(ParseStatus("[\"ab\", \"cd]").message()), HasSubstr("at byte 7"));
  EXPECT_THAT(std::string(ParseStatus("[\"\\ud800\"]").message()),
              HasSubstr("at byte 2 expected a surrogate pair"));
  EXPECT_THAT(ParseStatus("[\"a\xff\"]"), HasReason("NOT_UTF8"));
  EXPECT_THAT(std::string(ParseStatus("[\"a\xff\"]").message()), HasSubstr("not UTF-8 at byte 3"));
  // The wrong encoding is the better explanation of what else is wrong.
  EXPECT_THAT(ParseStatus("{]\xff"), HasReason("NOT_UTF8"));
  EXPECT_THAT(ParseStatus("\xff\xfe{\0}\0"), HasReason("NOT_UTF8"));
  for (const char* text : {"", " ", "\r\n\t ", "\xef\xbb\xbf", "\xef\xbb\xbf "}) {
    EXPECT_THAT(ParseStatus(text), AllOf(HasCode(kInvalid), HasReason("BODY_EMPTY"))) << text;
  }
}

TEST(JsonTest, OneByteOrderMarkIsSkippedAndCounted) {
  EXPECT_OK(ParseStatus("\xef\xbb\xbf[1]"));
  EXPECT_THAT(std::string(ParseStatus("\xef\xbb\xbf[x]").message()), HasSubstr("at byte 4"));
  EXPECT_THAT(ParseStatus("\xef\xbb\xbf\xef\xbb\xbf[1]"), HasReason("NOT_JSON"));
  EXPECT_THAT(ParseStatus(" \xef\xbb\xbf[1]"), HasReason("NOT_JSON"));
}

TEST(JsonTest, DepthIsBoundedWithoutRecursion) {
  const size_t depth = kJsonDepthMax;
  EXPECT_OK(ParseStatus(Repeat("[", depth) + Repeat("]", depth)));
  EXPECT_OK(ParseStatus(Repeat("{\"a\":", depth - 1) + "{}" + Repeat("}", depth - 1)));
  EXPECT_THAT(ParseStatus(Repeat("[", depth + 1) + Repeat("]", depth + 1)),
              AllOf(HasCode(kInvalid), HasReason("TOO_DEEP")));
  EXPECT_THAT(ParseStatus(Repeat("[", 10'000) + Repeat("]", 10'000)), HasReason("TOO_DEEP"));
  EXPECT_THAT(ParseStatus(Repeat("{\"a\":", 10'000)), HasReason("TOO_DEEP"));
  EXPECT_THAT(ParseStatus(Repeat("[{\"a\":", 3'000'000)), HasReason("TOO_DEEP"));
  // Siblings are not depth.
  EXPECT_OK(ParseStatus("[" + Repeat("[[]],", 10'000) + "[]]"));
}

TEST(JsonTest, TooManyValuesAreRefusedOnlyIfTheyAreJson) {
  const std::string ones = Repeat("1,", kJsonValuesMax);
  EXPECT_THAT(ParseStatus("[" + ones + "1]"),
              AllOf(HasCode(absl::StatusCode::kResourceExhausted), HasReason("TOO_MANY_VALUES")));
  EXPECT_THAT(ParseStatus("[" + ones + "tru]"), HasReason("NOT_JSON"));
  EXPECT_OK(ParseStatus("[" + ones.substr(0, ones.size() - 400) + "1]"));
}

TEST(JsonTest, HugeTextsAreRefusedUnread) {
  EXPECT_THAT(ParseStatus(std::string(kJsonBytesMax + 1, ' ')),
              AllOf(HasCode(absl::StatusCode::kResourceExhausted), HasReason("BODY_TOO_LARGE")));
}

TEST(JsonTest, FindAnswersTheFirstOrNothing) {
  std::string text = R"({"a": 1, "\u0062": 2, "b": 3, "c": {"d": 4}})";
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(&text);
  ASSERT_OK(document);
  EXPECT_EQ(document->root().Find("b").raw(), "2");
  EXPECT_EQ(document->root().Find("d").type(), JsonType::kAbsent);
}

TEST(JsonTest, TokensAtEveryPlaceInABlockOfSimdReadTheSame) {
  for (size_t shift = 0; shift < 130; ++shift) {
    const std::string blanks(shift, ' ');
    ExpectSameReading(blanks + R"({"key\\": "va\"lue\\", "n":-1.5e3 , "a":[true,null,"\\\\"]})" +
                      blanks);
    ExpectSameReading("[\"" + std::string(shift, '\\') + "\", 1]");
    ExpectSameReading("[\"" + blanks + "\xe2\x82\xac\", 1]");
    ExpectSameReading("[\"" + blanks + "\xe2\x82\", 1]");
  }
}

// One or a few bytes replaced, dropped or doubled: most results are broken in a new way, some still
// valid.
TEST(JsonTest, MutatedTextsReadAsThePlainReaderReadsThem) {
  std::ifstream file(absl::StrCat(INCIDENTHUB_TESTDATA, "/bigpanda/documented_sample.json"),
                     std::ios::binary);
  const std::string sample{std::istreambuf_iterator<char>(file), {}};
  ASSERT_GT(sample.size(), 3000U);
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  constexpr absl::string_view kBytes =
      "{}[]:,\"\\ \n\t0123456789-+.eEtrufalsn/\x01\x1f\x7f\xc3\xa9\xe2\xff";
  const auto pick = [&random](size_t below) {
    return std::uniform_int_distribution<size_t>(0, below - 1)(random);
  };
  for (int i = 0; i < 4000; ++i) {
    // Without the alerts, so that more of the edits meet.
    std::string text =
        sample.substr(0, sample.find("\"alerts\"")) + R"("alerts": ["\u00e9\"", {}]}})";
    for (size_t edits = 1 + pick(3); edits > 0; --edits) {
      const size_t at = pick(text.size());
      switch (pick(3)) {
        case 0:
          text[at] = kBytes[pick(kBytes.size())];
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, kBytes[pick(kBytes.size())]);
      }
    }
    ExpectSameReading(text);
    if (HasFatalFailure()) return;
  }
}

TEST(JsonPointerTest, WritesWhatRfc6901Says) {
  const JsonPointer root;
  const JsonPointer incident(root, "incident");
  const JsonPointer alerts(incident, "alerts");
  const JsonPointer alert(alerts, size_t{12});
  const JsonPointer odd(alert, "a/b~c~1");
  const JsonPointer empty(odd, "");
  EXPECT_EQ(root.FromRoot(), "");
  EXPECT_EQ(empty.FromRoot(), "/incident/alerts/12/a~1b~0c~01/");
  EXPECT_EQ(empty.From(root), empty.FromRoot());
  EXPECT_EQ(odd.From(alert), "/a~1b~0c~01");
  EXPECT_EQ(alert.From(alert), "");
}

}  // namespace
}  // namespace incidenthub::decode
