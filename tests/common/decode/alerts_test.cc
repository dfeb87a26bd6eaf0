#include "common/decode/alerts.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/decode/app_keys.h"
#include "common/decode/json.h"
#include "gtest/gtest.h"
#include "tests/common/decode/decode_items.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::decode {
namespace {

using ::testing::AllOf;
using testing::BodyShape;
using ::testing::ElementsAre;
using testing::FindLostLeaves;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::KeptItem;
using testing::ParsePlainJson;
using testing::PlainJson;
using Outcome = Item::Outcome;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

absl::StatusOr<std::vector<KeptItem>> Decode(std::string body, size_t items_max = 1 << 20) {
  return testing::DecodeItems(DecodeAlertsBody, &body, testing::kTestSource, items_max);
}

std::vector<Outcome> Outcomes(const std::vector<KeptItem>& items) {
  std::vector<Outcome> outcomes;
  for (const KeptItem& item : items) outcomes.push_back(item.outcome);
  return outcomes;
}

KeptItem DecodeOne(const std::string& body) {
  const absl::StatusOr<std::vector<KeptItem>> items = Decode(body);
  EXPECT_OK(items);
  if (!items.ok() || items->size() != 1) {
    ADD_FAILURE() << "not one item: " << body.substr(0, 1000);
    return {};
  }
  return items->front();
}

std::string Alert(absl::string_view rest) {
  return absl::StrCat(R"({"app_key": "app-key-of-cribl", "status": "critical", "host": "db-1")",
                      rest.empty() ? "" : ", ", rest, "}");
}

TEST(AlertsTest, ABodyOfWhichNothingParsesIsAnErrorOfTheWhole) {
  EXPECT_THAT(Decode(""), AllOf(HasCode(kInvalid), HasReason("BODY_EMPTY")));
  EXPECT_THAT(Decode("\xef\xbb\xbf \r\n"), HasReason("BODY_EMPTY"));
  EXPECT_THAT(Decode("not json"), AllOf(HasCode(kInvalid), HasReason("NOT_JSON")));
  EXPECT_THAT(Decode("not json\nand {again\n"), HasReason("NOT_JSON"));
  EXPECT_THAT(Decode("[{\"a\": tru}, {\"b\" 1}]"), HasReason("NOT_JSON"));
  EXPECT_THAT(Decode("{\"a\": \"\xff\"}"), AllOf(HasCode(kInvalid), HasReason("NOT_UTF8")));
  // The outermost is the batch.
  EXPECT_THAT(Decode(std::string(66, '[') + std::string(66, ']')), HasReason("TOO_DEEP"));
  EXPECT_THAT(Decode(Alert("\"x\": \"" + std::string(kDeliveryBytesMax, 'x') + "\"")),
              AllOf(HasCode(absl::StatusCode::kResourceExhausted), HasReason("EVENT_TOO_LARGE")));
}

TEST(AlertsTest, ABatchWithoutItemsIsNoError) {
  for (const char* body :
       {"[]", "{\"alerts\": []}", "{\"app_key\": \"x\", \"alerts\": [ ]}\n[]\n"}) {
    const auto items = Decode(body);
    ASSERT_OK(items) << body;
    EXPECT_THAT(*items, IsEmpty()) << body;
  }
}

TEST(AlertsTest, ABadItemNeverCostsTheGoodOnes) {
  const std::string good = Alert("");
  for (const std::string& bad : {std::string("{\"app_key\": \"app-key-of-x\", \"status\": }"),
                                 std::string("{\"a\": \"\xff\"}"), std::string("{\"a\": 01}"),
                                 std::string("{\"a\": \"\\ud800\"}"), std::string("{\"a\" 1}"),
                                 "{\"a\": " + std::string(70, '[') + std::string(70, ']') + "}",
                                 "{\"a\": \"" + std::string(4 << 20, 'x') + "\"}"}) {
    for (const auto& [begin, between, end] : {std::array<const char*, 3>{"", "\n", "\n"},
                                              {"", "\r\n\r\n", ""},
                                              {"[", ",", "]"},
                                              {"{\"alerts\": [", " , ", "]}"}}) {
      for (size_t place = 0; place < 3; ++place) {
        std::vector<std::string> all(3, good);
        all[place] = bad;
        const auto items = Decode(absl::StrCat(begin, absl::StrJoin(all, between), end));
        ASSERT_OK(items) << bad.substr(0, 100);
        ASSERT_EQ(items->size(), 3U);
        for (size_t i = 0; i < 3; ++i) {
          const KeptItem& item = (*items)[i];
          EXPECT_EQ(item.index, i);
          EXPECT_EQ(item.outcome, i == place ? Outcome::kBroken : Outcome::kIncident);
          EXPECT_EQ(item.problem.empty(), i != place);
          EXPECT_EQ(item.raw.empty(), i == place);
        }
      }
    }
  }
}

TEST(AlertsTest, ABrokenItemSaysWhereAndWhatButNoneOfItsBytes) {
  const auto items = Decode(Alert("") + "\n{\"app_key\": \"app-key-of-x\", \"status\": }\n");
  ASSERT_OK(items);
  EXPECT_THAT(Outcomes(*items), ElementsAre(Outcome::kIncident, Outcome::kBroken));
  const std::string& problem = items->at(1).problem;
  EXPECT_THAT(problem,
              HasSubstr(absl::StrCat("from byte ", Alert("").size() + 1, ": the item is")));
  EXPECT_THAT(problem, HasSubstr("expected a value"));
  EXPECT_FALSE(absl::StrContains(problem, "app-key-of-x"));
}

TEST(AlertsTest, TheSinkMayStopIt) {
  const auto items = Decode(absl::StrCat("x\n", Alert(""), "\n", Alert(""), "\n", Alert("")), 2);
  ASSERT_OK(items);
  EXPECT_THAT(Outcomes(*items), ElementsAre(Outcome::kBroken, Outcome::kIncident));
}

TEST(AlertsTest, RawIsTheItemsBytesButForItsAppKey) {
  const std::string before = "{ \"status\":\"ok\" , \"app_key\" :  ";
  const std::string behind = ", \"host\": \"a\\u0062\", \"x\": [{\"app_key\": \"kept\"}]  }";
  const KeptItem item = DecodeOne(before + "\"app-key-of-a \\\" b\"" + behind);
  EXPECT_EQ(item.outcome, Outcome::kIncident);
  EXPECT_EQ(item.raw, before + "\"\"" + behind);
  // A repeat with another key of the same source is still a repeat.
  EXPECT_EQ(DecodeOne(before + "\"app-key-of-z\"" + behind).raw, item.raw);
  // What is kept whole has no app key at any depth.
  EXPECT_EQ(DecodeOne(before + "\"other\"" + behind).delivery.unmapped().raw(),
            before + "\"\", \"host\": \"a\\u0062\", \"x\": [{\"app_key\": \"\"}]  }");
}

TEST(AlertsTest, WhatIsKeptDecodesAgainToTheSourceThatItIsReadFor) {
  const KeptItem kept = DecodeOne(R"({"app_key": "app-key-of-cribl", "status": "ok"})");
  ASSERT_EQ(kept.outcome, Outcome::kUnmapped);
  EXPECT_EQ(kept.delivery.source(), "cribl");
  // As somebody does who knows the source, and has no app key.
  std::string raw = absl::StrCat(R"([{"host": "h", )", kept.raw.substr(1), "]");
  std::string source;
  const absl::Status status =
      DecodeAlertsBody(&raw,
                       {kept.delivery.source(),
                        [&](absl::string_view app_key) -> absl::StatusOr<std::string> {
                          EXPECT_EQ(app_key, "");
                          return kept.delivery.source();
                        }},
                       [&](Item item) {
                         source = item.delivery.incident().source();
                         return true;
                       });
  ASSERT_OK(status);
  EXPECT_EQ(source, "cribl");
}

TEST(AlertsTest, DistinctPropertiesMakeDistinctIncidents) {
  std::vector<std::string> ids;
  const std::vector<std::string> values = {"", "a", "b", "a/b", "/", "%", "%2F", "a%", "/b"};
  for (const std::string& primary : values) {
    for (const std::string& secondary : values) {
      if (primary.empty()) continue;
      const KeptItem item = DecodeOne(absl::StrCat(
          R"({"app_key": "app-key-of-c", "status": "ok", "host": ")", primary, "\"",
          secondary.empty() ? "" : absl::StrCat(", \"check\": \"", secondary, "\""), "}"));
      ASSERT_EQ(item.outcome, Outcome::kIncident);
      ids.push_back(item.delivery.incident().id());
    }
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
}

TEST(AlertsTest, OnlyAnActiveAlertBeginsAnIncident) {
  for (const auto& [status, activity] :
       {std::pair{"ok", v1::ACTIVITY_INACTIVE}, {"critical", v1::ACTIVITY_ACTIVE}}) {
    const KeptItem item = DecodeOne(
        absl::StrCat(R"({"app_key": "app-key-of-c", "status": ")", status, R"(", "host": "h"})"));
    EXPECT_EQ(item.delivery.activity(), activity);
    EXPECT_TRUE(item.delivery.ignore_unless_known());
  }
}

// Values of every type in every place that has a meaning.
TEST(AlertsTest, NothingIsLostWhateverStandsWhere) {
  int mapped = 0;
  for (const char* key :
       {"timestamp", "description", "source_system", "primary_property", "secondary_property",
        "incident_identifier", "_time", "service", "check", "x"}) {
    for (const char* value :
         {"null", "true", "0", "-7", "1795298412.1234567891", "1e400",
          "123456789012345678901234567890", "\"\"", "\"text \\u00fc\"", "\"1795298412345\"",
          "\"2026-11-21T22:00:12.5+01:00\"", "\"check\"", "[]",
          "[null, \"a\", 1.50, {\"a\": [true]}]", "{}", "{\"a\": 1, \"b/~\": {\"c\": null}}"}) {
      const KeptItem item = DecodeOne(Alert(absl::StrCat("\"", key, "\": ", value)));
      ASSERT_EQ(item.outcome, Outcome::kIncident) << key << value;
      const absl::optional<PlainJson> plain = ParsePlainJson(item.raw);
      ASSERT_TRUE(plain.has_value());
      EXPECT_EQ(absl::StrJoin(FindLostLeaves(*plain, item.delivery, BodyShape::kAlert), "\n"), "")
          << item.raw << item.delivery.DebugString();
      ++mapped;
    }
  }
  EXPECT_EQ(mapped, 160);
}

TEST(AlertsTest, AnAlertThatIsTooLargeIsKeptAndOneThatIsLargerIsBroken) {
  const auto with_text = [](size_t bytes) {
    return Alert(absl::StrCat("\"x\": \"", std::string(bytes, 'x'), "\""));
  };
  const auto items =
      Decode(absl::StrCat("[", with_text(10), ",", with_text(kDeliveryBytesMax - 100), ",",
                          with_text(kDeliveryBytesMax), ",", with_text(20), "]"));
  ASSERT_OK(items);
  EXPECT_THAT(Outcomes(*items), ElementsAre(Outcome::kIncident, Outcome::kUnmapped,
                                            Outcome::kBroken, Outcome::kIncident));
  EXPECT_THAT(items->at(1).delivery.unmapped().reason(), HasSubstr("more than 3145728"));
  EXPECT_LE(items->at(1).delivery.unmapped().raw().size(), kDeliveryBytesMax);
}

TEST(AlertsTest, AnItemOfTooManyValuesIsKept) {
  std::string values;
  for (size_t i = 0; i < kJsonValuesMax; ++i) values += "1,";
  const auto items = Decode(absl::StrCat(Alert(""), "\n{\"a\":[", values, "1]}\n", Alert("")));
  ASSERT_OK(items);
  EXPECT_THAT(Outcomes(*items),
              ElementsAre(Outcome::kIncident, Outcome::kUnmapped, Outcome::kIncident));
}

TEST(AlertsTest, MoreValuesThanATextMayHaveAreDecodedInAFewTimesTheirBytes) {
  // An item is an object, a key and a value.
  constexpr size_t kItems = kJsonValuesMax / 3 + 1;
  for (const auto& [begin, between, end] :
       {std::array<const char*, 3>{"", "\n", "\n"},
        {"[", ",", "]"},
        {"{\"app_key\": \"app-key-of-c\", \"alerts\": [", ",", "]}"}}) {
    std::string body = begin;
    for (size_t i = 0; i < kItems; ++i)
      absl::StrAppend(&body, i == 0 ? "" : between, R"({"host":"h"})");
    body += end;
    const size_t before = mallinfo2().uordblks;
    size_t most = 0;
    size_t items = 0;
    size_t kept = 0;
    ASSERT_OK(DecodeAlertsBody(&body, {testing::kTestSource, testing::SourceOfTestAppKey},
                               [&](Item item) {
                                 kept += item.outcome == Outcome::kUnmapped ? 1 : 0;
                                 if (items++ % 4096 == 0)
                                   most = std::max<size_t>(most, mallinfo2().uordblks);
                                 return true;
                               }));
    EXPECT_EQ(items, kItems);
    EXPECT_EQ(kept, kItems);
    EXPECT_LT(most, before + 2 * body.size());
  }
}

TEST(AppKeysTest, OnlyValuesUnderTheKeyAreBlanked) {
  std::string scratch;
  const auto own = [&](absl::string_view json) {
    return std::string(BlankAppKeys(json, AppKeyDepth::kOwn, &scratch));
  };
  const auto any = [&](absl::string_view json) {
    return std::string(BlankAppKeys(json, AppKeyDepth::kAny, &scratch));
  };
  for (const char* json : {"{}", "[\"app_key\"]", R"({"a":"app_key"})", R"("app_key")", "5",
                           R"({"app_key2":1,"\"app_key":2})"}) {
    EXPECT_EQ(own(json), json);
    EXPECT_EQ(any(json), json);
  }
  EXPECT_EQ(own(R"({"app_key":"a","app_key": [1,{"x":"}"}] ,"b":{"app_key":3}})"),
            R"({"app_key":"","app_key": "" ,"b":{"app_key":3}})");
  EXPECT_EQ(any(R"([{"\u0061pp_key" : 12},{"b":{"app_key":{"app_key":null}}}])"),
            R"([{"\u0061pp_key" : ""},{"b":{"app_key":""}}])");
}

}  // namespace
}  // namespace incidenthub::decode
