#include "server/rpc/quarantine_service.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using ::testing::ElementsAre;
using testing::EqualsProto;
using testing::HasReason;
using ::testing::IsEmpty;
using testing::RpcTest;
using testing::Stamp;
using testing::UnmappedDelivery;

std::string Incident(const std::string& id) {
  return absl::StrCat(R"({"incident":{"id":")", id, R"(","active":true,"updatedOn":1790000000}})");
}

// As a gateway would send the body if its decoder understood it.
v1::Delivery DeliveryOf(const std::string& id) {
  v1::Delivery delivery = DeliveryBuilder(id).Id(1).Build();
  const auto hash = Sha256(Incident(id));
  delivery.set_digest(std::string(hash.begin(), hash.begin() + 16));
  *delivery.mutable_incident()->mutable_update_time() = Stamp(absl::FromUnixSeconds(1790000000));
  return delivery;
}

class QuarantineServiceTest : public RpcTest {
 protected:
  QuarantineServiceTest() : QuarantineServiceTest(Options()) {}
  explicit QuarantineServiceTest(const Options& options) : RpcTest(options) {}

  // Through Ingest, as a gateway does whose decoder is older; returns the number.
  uint64_t Keep(const std::string& raw, const std::string& kind = "bigpanda") {
    v1::Delivery delivery = UnmappedDelivery(1, raw);
    delivery.mutable_unmapped()->set_kind(kind);
    *delivery.mutable_receive_time() = Stamp(At(7));
    return Receive(delivery).quarantined().id();
  }
  v1::Receipt Receive(const v1::Delivery& delivery) {
    testing::IngestCall call(ingest_stub_.get());
    EXPECT_TRUE(call.Write({delivery}));
    const std::vector<v1::Receipt> receipts = call.Read(1);
    return receipts.empty() ? v1::Receipt() : receipts[0];
  }

  template <typename Response, typename Request>
  absl::StatusOr<Response> Call(grpc::Status (v1::QuarantineService::Stub::*call)(
                                    grpc::ClientContext*, const Request&, Response*),
                                const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + testing::kCallDeadline);
    Response response;
    const grpc::Status status = (quarantine_stub_.get()->*call)(&context, request, &response);
    if (!status.ok()) return FromGrpcStatus(status);
    return response;
  }
  absl::StatusOr<v1::ListQuarantinedResponse> List(int page_size, const std::string& token = "") {
    v1::ListQuarantinedRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    return Call(&v1::QuarantineService::Stub::ListQuarantined, request);
  }
  absl::StatusOr<v1::GetQuarantinedResponse> Get(uint64_t id) {
    v1::GetQuarantinedRequest request;
    request.set_id(id);
    return Call(&v1::QuarantineService::Stub::GetQuarantined, request);
  }
  absl::StatusOr<v1::ReplayQuarantinedResponse> Replay(uint64_t id) {
    v1::ReplayQuarantinedRequest request;
    request.set_id(id);
    return Call(&v1::QuarantineService::Stub::ReplayQuarantined, request);
  }
  // Numbers of all bodies, in pages of this size.
  std::vector<uint64_t> Ids(int page_size) {
    std::vector<uint64_t> ids;
    std::string token;
    do {
      const auto page = List(page_size, token);
      EXPECT_OK(page);
      if (!page.ok()) break;
      EXPECT_LE(page->bodies_size(), page_size);
      for (const v1::QuarantinedBody& body : page->bodies()) ids.push_back(body.id());
      token = page->next_page_token();
    } while (!token.empty());
    return ids;
  }

  const std::unique_ptr<v1::QuarantineService::Stub> quarantine_stub_ = NewQuarantineStub();
};

TEST_F(QuarantineServiceTest, ABodyIsListedAndShownAsItArrived) {
  const std::string raw("{\"x\":\"\xC3\xA4\\u0000\"}\n\0", 17);
  ASSERT_EQ(Keep(raw), 1U);
  v1::QuarantinedBody expected;
  expected.set_id(1);
  expected.set_source("bigpanda");
  expected.set_kind("bigpanda");
  expected.set_reason("/incident/id: is missing");
  *expected.mutable_receive_time() = Stamp(At(7));
  expected.set_size(17);
  const auto page = List(0);
  ASSERT_OK(page);
  ASSERT_EQ(page->bodies_size(), 1);
  EXPECT_THAT(page->bodies(0), EqualsProto(expected));
  const auto body = Get(1);
  ASSERT_OK(body);
  EXPECT_THAT(body->body(), EqualsProto(expected));
  EXPECT_EQ(body->raw(), raw);
}

TEST_F(QuarantineServiceTest, PagesHoldAllBodiesOnceTheNewestFirst) {
  EXPECT_THAT(Ids(10), IsEmpty());
  for (int i = 0; i < 5; ++i) Keep("{}");
  for (const int page_size : {1, 2, 4, 5, 6}) {
    EXPECT_THAT(Ids(page_size), ElementsAre(5, 4, 3, 2, 1)) << page_size;
  }
  EXPECT_EQ(List(5)->next_page_token(), "") << "a full page may be the last";
  const std::string token = List(2)->next_page_token();
  Keep("{}");
  EXPECT_EQ(List(2, token)->bodies(0).id(), 3U) << "what comes meanwhile moves nothing";
}

TEST_F(QuarantineServiceTest, APageThatLookedAtALotEndsShortWithMoreToCome) {
  const std::string large(size_t{3} << 20U, 'x');
  for (int i = 0; i < 4; ++i) Keep(large);
  EXPECT_EQ(List(100)->bodies_size(), 3);
  EXPECT_THAT(Ids(100), ElementsAre(4, 3, 2, 1));
  EXPECT_EQ(Get(1)->raw(), large);
}

// As if retention were just writing that they leave.
TEST_F(QuarantineServiceTest, BodiesThatLeaveWhileAPageIsReadHideNoneBelow) {
  for (int i = 0; i < 5; ++i) Keep("{}");
  WriteSet changes;
  for (const uint64_t id : {3U, 4U, 5U}) changes.Delete(Table::kQuarantine, EncodeKey(id));
  ASSERT_OK(database_->Write(std::move(changes), Database::Durability::kSynced));
  for (const int page_size : {1, 2, 3, 5}) EXPECT_THAT(Ids(page_size), ElementsAre(2, 1));
}

TEST_F(QuarantineServiceTest, BadRequestsAreRefusedByName) {
  for (const char* token : {"x", "q1-", "q1-0", "q1-xyz", "p1-1"}) {
    EXPECT_THAT(List(1, token), HasReason("PAGE_TOKEN_INVALID")) << token;
  }
  EXPECT_THAT(List(-1), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Get(0), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Replay(0), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Get(1), HasReason("QUARANTINED_NOT_FOUND"));
  EXPECT_THAT(Replay(1), HasReason("QUARANTINED_NOT_FOUND"));
}

TEST_F(QuarantineServiceTest, AReplayedBodyIsAnIncidentOnceAndRecognisedEverAfter) {
  const uint64_t id = Keep(Incident("i-1"), "");
  const auto replayed = Replay(id);
  ASSERT_OK(replayed);
  ASSERT_EQ(replayed->receipts_size(), 1);
  v1::Receipt expected;
  expected.mutable_accepted()->set_incident_id("i-1");
  expected.mutable_accepted()->set_sequence(1);
  EXPECT_THAT(replayed->receipts(0), EqualsProto(expected));
  EXPECT_TRUE(store_->FindIncident("i-1")->has_value());
  EXPECT_THAT(Replay(id), HasReason("QUARANTINED_NOT_FOUND"));
  EXPECT_THAT(Get(id), HasReason("QUARANTINED_NOT_FOUND"));
  EXPECT_THAT(Ids(10), IsEmpty());

  const v1::Receipt again = Receive(DeliveryOf("i-1"));
  EXPECT_TRUE(again.accepted().duplicate());
  EXPECT_EQ(again.accepted().sequence(), 1U);
  EXPECT_EQ(store_->applied(), 1U);
}

TEST_F(QuarantineServiceTest, WhatCameMeanwhileIsADuplicateAndTheBodyLeaves) {
  const uint64_t id = Keep(Incident("i-1"));
  EXPECT_FALSE(Receive(DeliveryOf("i-1")).accepted().duplicate());
  const auto replayed = Replay(id);
  ASSERT_OK(replayed);
  EXPECT_TRUE(replayed->receipts(0).accepted().duplicate());
  EXPECT_EQ(store_->applied(), 1U);
  EXPECT_THAT(Ids(10), IsEmpty());
}

TEST_F(QuarantineServiceTest, WhatStillMapsToNothingStays) {
  const uint64_t id = Keep(R"({"incident":{}})");
  const absl::Status status = Replay(id).status();
  EXPECT_THAT(status, HasReason("STILL_UNMAPPED"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("/incident/id"));
  EXPECT_THAT(Ids(10), ElementsAre(id));
  const uint64_t unknown = Keep("{}", "of-a-newer-hub");
  EXPECT_THAT(Replay(unknown), HasReason("STILL_UNMAPPED"));
}

TEST_F(QuarantineServiceTest, WhereTheHubCannotWriteTheBodyStays) {
  const uint64_t id = Keep(Incident("i-1"));
  free_bytes_ = 0;
  EXPECT_THAT(Replay(id), HasReason("DISK_FULL"));
  EXPECT_THAT(Ids(10), ElementsAre(id));
  EXPECT_OK(Get(id));
  free_bytes_ = uint64_t{1} << 40U;
  EXPECT_OK(Replay(id));
  sequencer_->Drain();
  EXPECT_THAT(Replay(id), HasReason("QUARANTINED_NOT_FOUND"));
}

// Each line an incident's id, or what maps to none.
absl::Status DecodeLines(std::string* body, const decode::SourceContext& context,
                         decode::ItemSink sink) {
  size_t index = 0;
  for (const absl::string_view line : absl::StrSplit(*body, '\n')) {
    decode::Item item;
    item.index = index++;
    item.raw = line;
    item.delivery.set_source(std::string(context.source));
    if (line[0] == '?') {
      item.outcome = decode::Item::Outcome::kUnmapped;
      item.delivery.mutable_unmapped()->set_raw(std::string(line));
      item.delivery.mutable_unmapped()->set_reason("begins with ?");
    } else {
      item.outcome = decode::Item::Outcome::kIncident;
      item.delivery.set_activity(line[0] == '-' ? v1::ACTIVITY_INACTIVE : v1::ACTIVITY_ACTIVE);
      item.delivery.set_ignore_unless_known(true);
      item.delivery.mutable_incident()->set_id(std::string(line));
    }
    if (!sink(std::move(item))) break;
  }
  return absl::OkStatus();
}

const decode::SourceKind* FindLines(absl::string_view /*name*/) {
  static constexpr decode::SourceKind kLines = {
      .name = "lines", .path = "/lines", .decode = DecodeLines};
  return &kLines;
}

class QuarantineBatchTest : public QuarantineServiceTest {
 protected:
  QuarantineBatchTest() : QuarantineServiceTest({.find_kind = FindLines}) {}
};

TEST_F(QuarantineBatchTest, OfManyItemsEachHasItsReceiptAndTheRestIsKept) {
  const uint64_t id = Keep("a\n?1\n-b\nc\n?2", "lines");
  const auto replayed = Replay(id);
  ASSERT_OK(replayed);
  std::vector<std::string> outcomes;
  for (const v1::Receipt& receipt : replayed->receipts()) {
    outcomes.push_back(absl::StrCat(receipt.id(), " ",
                                    receipt.has_accepted()  ? receipt.accepted().incident_id()
                                    : receipt.has_ignored() ? "ignored"
                                    : receipt.has_quarantined()
                                        ? absl::StrCat("kept as ", receipt.quarantined().id())
                                        : "?"));
  }
  EXPECT_THAT(outcomes, ElementsAre("0 a", "2 ignored", "3 c", "5 kept as 2"));
  EXPECT_THAT(Ids(10), ElementsAre(2));
  const auto rest = Get(2);
  ASSERT_OK(rest);
  EXPECT_EQ(rest->raw(), "?1\n?2");
  EXPECT_EQ(rest->body().kind(), "lines");
  EXPECT_EQ(rest->body().source(), "bigpanda");
  EXPECT_EQ(rest->body().reason(), "2 items; the first: begins with ?");
  EXPECT_THAT(rest->body().receive_time(), EqualsProto(Stamp(At(7))));
}

TEST_F(QuarantineBatchTest, WhereAnItemIsRefusedTheBodyStaysAndARepeatRecognisesTheOthers) {
  const uint64_t id = Keep(absl::StrCat("a\n", std::string(600, 'x'), "\n?1"), "lines");
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(Replay(id), HasReason("FIELD_INVALID"));
    EXPECT_THAT(Ids(10), ElementsAre(id));
    EXPECT_EQ(store_->applied(), 1U);
  }
}

}  // namespace
}  // namespace incidenthub
