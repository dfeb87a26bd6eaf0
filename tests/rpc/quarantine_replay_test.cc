#include "server/rpc/quarantine_replay.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/error_details.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/proto_matchers.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using decode::Item;
using testing::At;
using ::testing::ElementsAre;
using testing::EqualsProto;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Stamp;

std::string Digest(absl::string_view raw) {
  const auto hash = Sha256(raw);
  return {hash.begin(), hash.begin() + 16};
}

// A kind whose bodies are lines: `+ID` an incident, `?WHY` one that maps to nothing, `!WHY` one
// that does not parse, `~` a test, `large` an incident of some 100 KB. Asks for the source of each
// app key.
absl::Status DecodeLines(std::string* body, const decode::SourceContext& context,
                         decode::ItemSink sink) {
  if (*body == "broken") return ReasonError("INTERNAL", "no lines at all");
  if (*body == "no memory") {
    return ReasonError(absl::StatusCode::kUnavailable, "OUT_OF_MEMORY", "no memory for it");
  }
  size_t index = 0;
  for (const absl::string_view line : absl::StrSplit(*body, '\n')) {
    Item item;
    item.index = index++;
    item.raw = line;
    const absl::StatusOr<std::string> source = context.source_of_app_key("key");
    EXPECT_OK(source);
    EXPECT_EQ(*source, context.source);
    item.delivery.set_source("set by the decoder");
    const std::string text(line.substr(1));
    if (line[0] == '+' || line == "large") {
      item.outcome = Item::Outcome::kIncident;
      item.delivery.set_activity(v1::ACTIVITY_ACTIVE);
      item.delivery.mutable_incident()->set_id(text);
      if (line == "large") {
        item.delivery.mutable_incident()->set_status_text(std::string(100'000, 'x'));
      }
    } else if (line[0] == '?') {
      item.outcome = Item::Outcome::kUnmapped;
      item.delivery.mutable_unmapped()->set_raw(std::string(line));
      item.delivery.mutable_unmapped()->set_reason(text);
    } else if (line[0] == '!') {
      item.outcome = Item::Outcome::kBroken;
      item.problem = text;
    } else {
      item.outcome = Item::Outcome::kTest;
    }
    if (!sink(std::move(item))) return absl::OkStatus();
  }
  return absl::OkStatus();
}

constexpr decode::SourceKind kLines = {.name = "lines", .path = "/lines", .decode = DecodeLines};

internal::v1::QuarantinedBody Body(std::string raw) {
  internal::v1::QuarantinedBody body;
  body.set_source("lines-eu");
  body.set_kind("lines");
  body.set_raw(std::move(raw));
  *body.mutable_receive_time() = Stamp(At(7));
  return body;
}

Replay Read(const std::string& raw) {
  absl::StatusOr<Replay> replay = ReadAgain(Body(raw), &kLines);
  EXPECT_OK(replay);
  return replay.ok() ? *std::move(replay) : Replay();
}

std::vector<std::string> Ids(const Replay& replay) {
  std::vector<std::string> ids;
  for (const v1::Delivery& delivery : replay.deliveries) {
    ids.push_back(absl::StrCat(delivery.id(), " ", delivery.incident().id()));
  }
  return ids;
}

TEST(QuarantineReplayTest, AnItemIsWhatAGatewayWouldHaveMadeOfItThen) {
  const Replay replay = Read("+a");
  ASSERT_EQ(replay.deliveries.size(), 1U);
  v1::Delivery expected;
  expected.set_source("lines-eu");
  expected.set_activity(v1::ACTIVITY_ACTIVE);
  expected.set_digest(Digest("+a"));
  *expected.mutable_receive_time() = Stamp(At(7));
  expected.mutable_incident()->set_id("a");
  EXPECT_THAT(replay.deliveries[0], EqualsProto(expected));
  EXPECT_EQ(replay.bytes, expected.ByteSizeLong());
  EXPECT_EQ(replay.items, 1U);
  EXPECT_FALSE(replay.rest.has_value());
}

TEST(QuarantineReplayTest, ItemsHaveTheNumbersThatTheyHaveInTheBody) {
  EXPECT_THAT(Ids(Read("+a\n~\n+b\n?no\n+c")), ElementsAre("0 a", "2 b", "4 c"));
}

TEST(QuarantineReplayTest, WhatMapsToNothingOrIsBrokenIsTheRestAndTestsAreNot) {
  const Replay replay = Read("?no id\n+a\n~\n!no JSON\n?no time");
  EXPECT_EQ(replay.items, 5U);
  ASSERT_TRUE(replay.rest.has_value());
  v1::Delivery expected;
  expected.set_id(5);
  expected.set_source("lines-eu");
  *expected.mutable_receive_time() = Stamp(At(7));
  expected.mutable_unmapped()->set_kind("lines");
  expected.mutable_unmapped()->set_raw("?no id\n!no JSON\n?no time");
  expected.mutable_unmapped()->set_reason("3 items; the first: no id");
  EXPECT_THAT(*replay.rest, EqualsProto(expected));
  EXPECT_EQ(Read("+a\n?no id").rest->unmapped().reason(), "no id");
}

TEST(QuarantineReplayTest, WhereTheBytesThatAreBrokenAreNotToldAllStay) {
  const std::string raw = "{\"app_key\":\"\",\"status\":\"critical\",\"host\":\"a\"}\nnot json";
  const absl::StatusOr<Replay> replay = ReadAgain(Body(raw), decode::FindSourceKind("alerts"));
  ASSERT_OK(replay);
  EXPECT_THAT(Ids(*replay), ElementsAre("0 lines-eu/a"));
  ASSERT_TRUE(replay->rest.has_value());
  EXPECT_EQ(replay->rest->unmapped().raw(), raw);
}

TEST(QuarantineReplayTest, ABodyInWhichNothingMapsIsLeftAlone) {
  for (const auto& [raw, why] :
       {std::pair{"?no id\n?no time", "no id"}, std::pair{"!no JSON", "no JSON"},
        std::pair{"~\n~", "tests"}, std::pair{"broken", "no lines at all"}}) {
    const absl::Status status = ReadAgain(Body(raw), &kLines).status();
    EXPECT_THAT(status, HasReason("STILL_UNMAPPED")) << raw;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
  }
  const absl::Status unknown = ReadAgain(Body("+a"), nullptr).status();
  EXPECT_THAT(unknown, HasReason("STILL_UNMAPPED"));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no decoder of the kind \"lines\""));
}

TEST(QuarantineReplayTest, ABodyThatThereIsNoMemoryForMayBeTriedAgain) {
  const absl::Status status = ReadAgain(Body("no memory"), &kLines).status();
  EXPECT_THAT(status, HasReason("QUEUE_FULL"));
  EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
}

TEST(QuarantineReplayTest, ABodyWithTooManyIncidentsIsRefused) {
  std::string most = "?no";
  for (size_t i = 0; i < kReplayDeliveriesMax; ++i) absl::StrAppend(&most, "\n+", i);
  EXPECT_EQ(Read(most).deliveries.size(), 1024U);
  EXPECT_THAT(ReadAgain(Body(most + "\n+more"), &kLines), HasReason("BATCH_TOO_LARGE"));
}

TEST(QuarantineReplayTest, ABodyWithTooManyBytesOfIncidentsIsRefused) {
  std::string most = "large";
  for (int i = 1; i < 41; ++i) absl::StrAppend(&most, "\nlarge");
  EXPECT_LE(Read(most).bytes, kReplayBytesMax);
  EXPECT_THAT(ReadAgain(Body(most + "\nlarge"), &kLines), HasReason("BATCH_TOO_LARGE"));
}

TEST(QuarantineReplayTest, ABodyOfAnOlderGatewayIsBigPandas) {
  internal::v1::QuarantinedBody body = Body("");
  EXPECT_EQ(KindOf(body), "lines");
  body.clear_kind();
  EXPECT_EQ(KindOf(body), "bigpanda");
  body.set_source("bigpanda");
  body.set_raw(R"({"incident":{"id":"i-1","active":true}})");
  const absl::StatusOr<Replay> replay = ReadAgain(body, decode::FindSourceKind(KindOf(body)));
  ASSERT_OK(replay);
  EXPECT_THAT(Ids(*replay), ElementsAre("0 i-1"));
  EXPECT_EQ(replay->deliveries[0].digest(), Digest(body.raw()));
}

}  // namespace
}  // namespace incidenthub
