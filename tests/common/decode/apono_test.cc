#include "common/decode/apono.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "tests/common/decode/decode_items.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::decode {
namespace {

using ::testing::AllOf;
using testing::BodyShape;
using testing::FindLostLeaves;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::KeptItem;
using testing::ParsePlainJson;
using testing::PlainJson;
using Outcome = Item::Outcome;

absl::StatusOr<std::vector<KeptItem>> Decode(std::string body) {
  return testing::DecodeItems(DecodeAponoBody, &body, "apono");
}

KeptItem DecodeOne(const std::string& body) {
  const absl::StatusOr<std::vector<KeptItem>> items = Decode(body);
  EXPECT_OK(items) << body.substr(0, 1000);
  if (!items.ok() || items->size() != 1) return {};
  EXPECT_EQ(items->front().raw, body);
  return items->front();
}

std::string WithIdAndStatus(absl::string_view id, absl::string_view status) {
  return absl::StrCat(R"({"data": {"id": ")", id, R"(", "status": ")", status, R"("}})");
}

TEST(AponoTest, ABodyThatIsNoJsonIsAnError) {
  EXPECT_THAT(Decode(""),
              AllOf(HasCode(absl::StatusCode::kInvalidArgument), HasReason("BODY_EMPTY")));
  EXPECT_THAT(Decode("{\"data\": {}"), HasReason("NOT_JSON"));
  EXPECT_THAT(Decode("{\"data\": \"\xff\"}"), HasReason("NOT_UTF8"));
  EXPECT_THAT(Decode(std::string(65, '[') + std::string(65, ']')), HasReason("TOO_DEEP"));
  EXPECT_THAT(Decode("[\"" + std::string(kDeliveryBytesMax, 'x') + "\"]"),
              AllOf(HasCode(absl::StatusCode::kResourceExhausted), HasReason("EVENT_TOO_LARGE")));
}

TEST(AponoTest, PlaceholdersOfATemplateMakeATest) {
  for (const char* text : {"{{data.id}}", "{{ data.id }}", "id: {{data.id}}!", "${data.id}",
                           "$${a}", "<data.id>", "<x>", "{{}}", "{{{id}}}"}) {
    for (const std::string& body : {WithIdAndStatus(text, "Error"), WithIdAndStatus("a", text)}) {
      const KeptItem item = DecodeOne(body);
      EXPECT_EQ(item.outcome, Outcome::kTest) << body;
      EXPECT_EQ(item.delivery.payload_case(), v1::Delivery::PAYLOAD_NOT_SET);
    }
  }
  for (const char* text :
       {"{data.id}", "}}{{", "{{", "$data.id", "}${", "<>", "<a", "a>", "$", "a<b>"}) {
    EXPECT_EQ(DecodeOne(WithIdAndStatus(text, "Error")).outcome, Outcome::kIncident) << text;
  }
}

TEST(AponoTest, OnlyErrorAndWarningBeginAnIncidentAndActiveEndsIt) {
  for (const auto& [word, activity] : {std::pair{"Error", v1::ACTIVITY_ACTIVE},
                                       {"warning", v1::ACTIVITY_ACTIVE},
                                       {"ACTIVE", v1::ACTIVITY_INACTIVE},
                                       {"Initializing", v1::ACTIVITY_UNCHANGED},
                                       {"Refreshing", v1::ACTIVITY_UNCHANGED},
                                       {"Disabled", v1::ACTIVITY_UNCHANGED},
                                       {"critical", v1::ACTIVITY_UNCHANGED},
                                       {"", v1::ACTIVITY_UNCHANGED}}) {
    const KeptItem item = DecodeOne(WithIdAndStatus("a", word));
    EXPECT_EQ(item.delivery.activity(), activity) << word;
    EXPECT_TRUE(item.delivery.ignore_unless_known());
    EXPECT_EQ(item.delivery.incident().status_text(), word);
  }
}

TEST(AponoTest, WhatIsTooLargeToBeCarriedIsKept) {
  const std::string text(kDeliveryBytesMax - 35, 'x');
  const KeptItem item =
      DecodeOne(absl::StrCat(R"({"data": {"id": "a", "issues": ")", text, "\"}}"));
  EXPECT_EQ(item.outcome, Outcome::kUnmapped);
  EXPECT_THAT(item.delivery.unmapped().reason(), HasSubstr("more than 3145728"));
}

TEST(AponoTest, NothingIsLostWhateverStandsWhere) {
  int mapped = 0;
  for (const auto& [before, after] :
       {std::pair{R"({"event_type": )", R"(, "data": {"id": "a", "status": "Error"}})"},
        {R"({"event_time": )", R"(, "event_type": "e", "data": {"id": "a", "status": "Active"}})"},
        {R"({"x": )", R"(, "data": {"id": "a"}})"},
        {R"({"data": {"id": "a", "name": )", "}}"},
        {R"({"data": {"id": "a", "type": )", "}}"},
        {R"({"data": {"id": "a", "status": )", "}}"},
        {R"({"data": {"id": "a", "issues": )", "}}"},
        {R"({"data": {"id": 7, "x": )", "}}"},
        {R"({"data": {"id": "a", "issues": {"status": )", "}}}"},
        {R"({"data": {"id": "a", "issues": [{}, {"message": )", "}]}}"},
        {R"({"data": {"id": "a/b", "issues": [1, {"status": "Error", "x": )", "}]}}"}}) {
    for (const char* value :
         {"null", "true", "0", "-7", "1795298412.1234567891", "1e400",
          "123456789012345678901234567890", "\"\"", "\"text \\u00fc\"", "\"1795298412345\"",
          "\"2026-11-21T22:00:12.5+01:00\"", "[]", "[null, \"a\", 1.50, {\"a\": [true]}]", "{}",
          "{\"a\": 1, \"b/~\": {\"c\": null}}", "{\"status\": \"s\", \"message\": \"m\"}",
          "[{\"status\": 1, \"message\": [2]}, {\"message\": \"\"}]"}) {
      const std::string body = absl::StrCat(before, value, after);
      const KeptItem item = DecodeOne(body);
      ASSERT_EQ(item.outcome, Outcome::kIncident) << body;
      const absl::optional<PlainJson> plain = ParsePlainJson(body);
      ASSERT_TRUE(plain.has_value()) << body;
      EXPECT_EQ(absl::StrJoin(FindLostLeaves(*plain, item.delivery, BodyShape::kApono), "\n"), "")
          << body << item.delivery.DebugString();
      ++mapped;
    }
  }
  EXPECT_EQ(mapped, 187);
}

}  // namespace
}  // namespace incidenthub::decode
