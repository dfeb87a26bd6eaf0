#include "common/decode/bigpanda.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"
#include "tests/common/decode/testdata.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::decode {
namespace {

using google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::AnyOf;
using testing::DocumentedSample;
using testing::FindLostLeaves;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::ParsePlainJson;
using testing::PlainJson;
using testing::PointerStep;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

absl::StatusOr<v1::Delivery> Decode(std::string body) { return DecodeBigPanda(&body, "a source"); }

// The incident that `body` must become.
v1::Incident DecodeIncident(std::string body) {
  const absl::StatusOr<v1::Delivery> delivery = Decode(std::move(body));
  EXPECT_OK(delivery);
  if (!delivery.ok()) return {};
  EXPECT_TRUE(delivery->has_incident()) << delivery->unmapped().reason();
  return delivery->incident();
}

// The reason that `body`, which is no incident, must be kept with.
std::string UnmappedReason(const std::string& body) {
  const absl::StatusOr<v1::Delivery> delivery = Decode(body);
  EXPECT_OK(delivery);
  if (!delivery.ok()) return "";
  EXPECT_TRUE(delivery->has_unmapped()) << delivery->ShortDebugString().substr(0, 1000);
  EXPECT_EQ(delivery->unmapped().raw(), body);
  EXPECT_EQ(delivery->source(), "a source");
  return delivery->unmapped().reason();
}

std::string Repeat(absl::string_view piece, size_t times) {
  std::string text;
  text.reserve(piece.size() * times);
  for (size_t i = 0; i < times; ++i) absl::StrAppend(&text, piece);
  return text;
}

std::string AlertJson(size_t number) {
  return absl::StrCat(
      R"({"id": "alert-)", number,
      R"(", "status": "Critical", "startedOn": 1795298412, "endedOn": null, "active": true,
      "primaryProperty": "host", "sourceSystem": "nagios.checkout",
      "tags": [{"name": "host", "value": "db-)",
      number, R"("}, {"name": "number", "value": )", number, "}]}");
}

std::string BodyWithAlerts(size_t count) {
  std::vector<std::string> alerts;
  for (size_t i = 0; i < count; ++i) alerts.push_back(AlertJson(i));
  return absl::StrCat(R"({"incident": {"id": "INC-1", "alerts": [)", absl::StrJoin(alerts, ","),
                      "]}}");
}

TEST(BigPandaTest, TheCallersFieldsAndTheHubsStayUnset) {
  const absl::StatusOr<v1::Delivery> delivery = Decode(DocumentedSample());
  ASSERT_OK(delivery);
  EXPECT_EQ(delivery->source(), "a source");
  EXPECT_EQ(delivery->incident().source(), "a source");
  EXPECT_EQ(delivery->id(), 0U);
  EXPECT_EQ(delivery->digest(), "");
  EXPECT_FALSE(delivery->has_receive_time());
  EXPECT_EQ(delivery->incident().state(), v1::STATE_UNSPECIFIED);
  EXPECT_EQ(delivery->incident().sequence(), 0U);
  EXPECT_EQ(delivery->incident().etag(), "");
  EXPECT_FALSE(delivery->incident().has_acknowledgement());
  EXPECT_FALSE(delivery->incident().has_resolution());
  EXPECT_FALSE(delivery->incident().has_upstream());
}

TEST(BigPandaTest, TheBodyStaysAsItWas) {
  for (const std::string& body :
       {DocumentedSample(), std::string("\xef\xbb\xbf{}"), std::string("[tru"), std::string()}) {
    std::string decoded = body;
    (void)DecodeBigPanda(&decoded, "a source");
    EXPECT_EQ(decoded, body);
  }
}

TEST(BigPandaTest, TheSampleCutAnywhereIsACleanError) {
  const std::string sample = DocumentedSample();
  const size_t last = sample.rfind('}');
  for (size_t size = 0; size <= last; ++size) {
    ASSERT_THAT(Decode(sample.substr(0, size)),
                AllOf(HasCode(kInvalid), AnyOf(HasReason("NOT_JSON"), HasReason("BODY_EMPTY"))))
        << size;
  }
  EXPECT_OK(Decode(sample.substr(0, last + 1)));
}

TEST(BigPandaTest, ABodyThatIsNoJsonIsRefusedWhereverItBreaks) {
  EXPECT_THAT(Decode(""), HasReason("BODY_EMPTY"));
  EXPECT_THAT(Decode(" \n"), HasReason("BODY_EMPTY"));
  const std::string sample = DocumentedSample();
  EXPECT_THAT(Decode(absl::StrReplaceAll(sample, {{"Robin",
                                                   "R\xf6"
                                                   "bin"}})),
              AllOf(HasCode(kInvalid), HasReason("NOT_UTF8")));
  EXPECT_THAT(Decode(absl::StrReplaceAll(sample, {{"0.87", "NaN"}})),
              AllOf(HasCode(kInvalid), HasReason("NOT_JSON")));
  // Where the decoder takes no look: under keys that it does not know.
  for (const char* broken : {"NaN", "01", "[1,,2]", "{\"a\" 1}", "\"\\ud800\"", "tru", "-"}) {
    EXPECT_THAT(
        Decode(absl::StrCat(R"({"incident": {"id": "INC-1", "x": [{"y": )", broken, "}]}}")),
        HasReason("NOT_JSON"))
        << broken;
  }
  EXPECT_THAT(Decode(R"({"incident": {"id": "INC-1"}} {})"), HasReason("NOT_JSON"));
  EXPECT_THAT(Decode(R"({"incident": {"id": "INC-1", "x": )" + Repeat("[", 10'000) +
                     Repeat("]", 10'000) + "}}"),
              AllOf(HasCode(kInvalid), HasReason("TOO_DEEP")));
}

TEST(BigPandaTest, ErrorsSayWhatIsWrongWhereAndWhatToDo) {
  EXPECT_THAT(std::string(Decode(R"({"incident": {"id": tru}})").status().message()),
              AllOf(HasSubstr("not JSON"), HasSubstr("byte 20"), HasSubstr("send")));
  EXPECT_EQ(UnmappedReason(R"({"incident": {"id": 12}})"),
            "/incident/id: is a number; an incident's id is a string of 1 to 512 bytes");
  EXPECT_EQ(UnmappedReason(R"({"id": ""})"),
            "/id: is empty; an incident's id is a string of 1 to 512 bytes");
  EXPECT_THAT(UnmappedReason("[]"), HasSubstr("the body: is an array; expected an object"));
  EXPECT_THAT(UnmappedReason("{}"), HasSubstr("/id: is missing"));
  EXPECT_THAT(
      UnmappedReason(
          R"({"incident": {"id": "a", "alerts": [{"tags": [{"name": "a", "name": "b"}]}]}})"),
      HasSubstr("/incident/alerts/0/tags/0/name: this key stands twice"));
  // Nobody's key is echoed at full length.
  EXPECT_LT(UnmappedReason(
                absl::StrCat("{\"", Repeat("k", 5000), "\": 1, \"", Repeat("k", 5000), "\": 2}"))
                .size(),
            400U);
}

TEST(BigPandaTest, AsManyAlertsAsBigPandaCorrelatesAndMore) {
  for (const size_t count : {size_t{300}, size_t{500}}) {
    const std::string body = BodyWithAlerts(count);
    const absl::StatusOr<v1::Delivery> delivery = Decode(body);
    ASSERT_OK(delivery);
    ASSERT_EQ(delivery->incident().alerts_size(), static_cast<int>(count));
    EXPECT_EQ(delivery->incident().alerts(static_cast<int>(count) - 1).id(),
              absl::StrCat("alert-", count - 1));
    EXPECT_EQ(absl::StrJoin(FindLostLeaves(*ParsePlainJson(body), *delivery), "\n"), "");
  }
}

TEST(BigPandaTest, AnIncidentAtTheSizeLimitIsCarriedAndOneAboveItIsKept) {
  const std::string head = R"({"incident": {"id": "INC-1", "alerts": [{"description": ")";
  const std::string tail = R"("}]}})";
  const size_t overhead = Decode(head + tail)->ByteSizeLong();
  // Three lengths in front of the text grow by three bytes each.
  const std::string fits(kDeliveryBytesMax - overhead - 12, 'd');
  const absl::StatusOr<v1::Delivery> carried = Decode(head + fits + tail);
  ASSERT_OK(carried);
  ASSERT_TRUE(carried->has_incident());
  EXPECT_LE(carried->ByteSizeLong(), kDeliveryBytesMax);
  EXPECT_GT(carried->ByteSizeLong(), kDeliveryBytesMax - 64);

  // A comment stands in a delivery twice: beside the incident and in it.
  const std::string comment = absl::StrCat(
      R"({"incident": {"id": "INC-1"}, "metadata": {"comment": ")", Repeat("c", 1'600'000), "\"}}");
  EXPECT_THAT(UnmappedReason(comment), HasSubstr("more than 3145728"));
}

TEST(BigPandaTest, WhatCanNeitherBeCarriedNorKeptIsTooLarge) {
  const auto too_large =
      AllOf(HasCode(absl::StatusCode::kResourceExhausted), HasReason("EVENT_TOO_LARGE"));
  EXPECT_THAT(Decode(R"({"incident": {"id": "INC-1", "alerts": [{"description": ")" +
                     Repeat("d", 4 << 20) + R"("}]}})"),
              too_large);
  EXPECT_THAT(Decode(R"({"incident": {"id": "INC-1", "x": ")" + Repeat("d", 4 << 20) + R"("}})"),
              too_large);
  EXPECT_THAT(Decode("[\"" + Repeat("d", 4 << 20) + "\"]"), too_large);
  EXPECT_THAT(Decode("[" + Repeat("1,", 2 << 20) + "1]"), too_large);
  // Blanks are not carried.
  EXPECT_EQ(DecodeIncident(R"({"incident": {"id": "INC-1"})" + Repeat(" ", 4 << 20) + "}").id(),
            "INC-1");
}

// `count` keys that no object of BigPanda's has.
std::string UnknownKeys(int count) {
  std::string keys;
  for (int i = 0; i < count; ++i) absl::StrAppend(&keys, ",\"", i, "\":1");
  return keys;
}

TEST(BigPandaTest, ManySmallUnknownKeysAreBoundedByWhatTheyTake) {
  // Each takes three bytes more as a map entry than in the body.
  EXPECT_THAT(UnmappedReason(R"({"incident": {"id": "INC-1", "alerts": [{"id": "a")" +
                             UnknownKeys(280'000) + "}]}}"),
              HasSubstr("makes a delivery of"));
  // And the further down they stand, the longer their pointers grow: it ends before all are written
  // out.
  EXPECT_THAT(UnmappedReason(R"({"incident": {"id": "INC-1", "snooze": {"snoozed": true)" +
                             UnknownKeys(200'000) + "}}}"),
              HasSubstr("would have to be kept in extra"));
}

TEST(BigPandaTest, DecodingTwiceGivesTheSame) {
  EXPECT_TRUE(MessageDifferencer::Equals(*Decode(DocumentedSample()), *Decode(DocumentedSample())));
}

// Every place of `json`, as its text before and after it.
void AddPlaces(const PlainJson& json, const std::string& before, const std::string& after,
               std::vector<std::pair<std::string, std::string>>* places) {
  places->push_back({before, after});
  const auto join = [](const std::vector<std::string>& parts, size_t begin, size_t end) {
    return absl::StrJoin(parts.begin() + static_cast<ptrdiff_t>(begin),
                         parts.begin() + static_cast<ptrdiff_t>(end), ",");
  };
  const auto comma = [](const std::string& text) { return text.empty() ? "" : ","; };
  const bool is_object = json.type == PlainJson::Type::kObject;
  std::vector<std::string> parts;
  std::vector<std::pair<std::string, const PlainJson*>> children;
  for (const PlainJson& element : json.elements) {
    parts.push_back(element.raw);
    children.push_back({"", &element});
  }
  for (const auto& [key, value] : json.members) {
    const std::string label = absl::StrCat("\"", key, "\":");
    parts.push_back(label + value.raw);
    children.push_back({label, &value});
  }
  for (size_t i = 0; i < children.size(); ++i) {
    const std::string left = join(parts, 0, i);
    const std::string right = join(parts, i + 1, parts.size());
    AddPlaces(*children[i].second,
              absl::StrCat(before, is_object ? "{" : "[", left, comma(left), children[i].first),
              absl::StrCat(comma(right), right, is_object ? "}" : "]", after), places);
  }
}

// The sample with each of its values replaced by each of these: what has no place must be in
// `extra`, or the body unmapped.
TEST(BigPandaTest, NothingIsLostWhateverStandsWhere) {
  const absl::optional<PlainJson> sample =
      ParsePlainJson(absl::StripAsciiWhitespace(DocumentedSample()));
  ASSERT_TRUE(sample.has_value());
  std::vector<std::pair<std::string, std::string>> places;
  AddPlaces(*sample, "", "", &places);
  ASSERT_GT(places.size(), 100U);
  int mapped = 0;
  for (const auto& [before, after] : places) {
    for (const char* value :
         {"null", "true", "0", "-7", "1795298412.1234567891", "1e400",
          "123456789012345678901234567890", "\"\"", "\"text \\u00fc\"", "\"1795298412345\"",
          "\"2026-11-21T22:00:12.5+01:00\"", "[]", "[null, \"a\", 1.50, {\"a\": [true]}]", "{}",
          "{\"a\": 1, \"b/~\": {\"c\": null}}",
          "[{\"name\": \"n\", \"value\": 1}, {\"id\": \"n\", \"value\": [2]}]",
          "{\"comment\": \"c\", \"event\": \"e\", \"name\": \"n\", \"x\": \"y\"}"}) {
      const std::string body = absl::StrCat(before, value, after);
      const absl::optional<PlainJson> plain = ParsePlainJson(body);
      ASSERT_TRUE(plain.has_value()) << body;
      const absl::StatusOr<v1::Delivery> delivery = Decode(body);
      ASSERT_OK(delivery) << body;
      if (delivery->has_unmapped()) continue;
      ++mapped;
      ASSERT_EQ(absl::StrJoin(FindLostLeaves(*plain, *delivery), "\n"), "")
          << body << "\n"
          << delivery->DebugString();
    }
  }
  EXPECT_GT(mapped, 1500);
}

TEST(BigPandaTest, TheOrderOfKeysIsNoMatter) {
  // Backwards, with everything that can stand at several places before what it depends on.
  const v1::Incident incident = DecodeIncident(R"({
    "event_types": [{"time": 1795298412, "event": "incident#new"}],
    "incident": {"links": {"landingPage": "inside"}, "endedOn": null, "id": "INC-1"},
    "links": {"landingPage": "beside"}})");
  EXPECT_EQ(incident.links().landing_page(), "beside");
  EXPECT_EQ(incident.extra().at("/incident/links"), R"({"landingPage": "inside"})");
}

}  // namespace
}  // namespace incidenthub::decode
