// What callers see of retention, over a port.

#include "server/core/retention.h"

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fanout/resume_token.h"
#include "tests/rpc/retention_fixture.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub {
namespace {

using testing::DeliveryBuilder;
using testing::DroppingHubTest;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::SubscribeCall;
using v1::SubscribeResponse;

class RpcRetentionTest : public DroppingHubTest {
 protected:
  // The token of a client that has come to the first event of "a"; of the three that followed, all
  // but the newest are dropped.
  std::string TokenBelowTheFloor() {
    Ingest("a");
    const std::string token = TokenHere();
    for (int update = 1; update <= 3; ++update) Ingest("a", update);
    DropEvents();
    return token;
  }

  static v1::SubscribeRequest FromToken(const std::string& token) {
    v1::SubscribeRequest request;
    request.set_resume_token(token);
    return request;
  }
  template <typename Rpc>
  static absl::Status Finish(Rpc rpc) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + testing::kCallDeadline);
    return FromGrpcStatus(rpc(&context));
  }
};

TEST_F(RpcRetentionTest, OpenedSaysTheFloorAndATokenBelowItIsCompacted) {
  SubscribeCall call(stub_.get(), FromToken(TokenBelowTheFloor()));
  EXPECT_EQ(call.ReadKind(SubscribeResponse::kOpened).opened().floor_sequence(), 4U);
  const SubscribeResponse compacted = call.Read();
  EXPECT_EQ(compacted.compacted().from_sequence(), 2U);
  EXPECT_EQ(compacted.compacted().to_sequence(), 4U);
  EXPECT_NE(compacted.resume_token(), "");
  const SubscribeResponse batch = call.Read();
  ASSERT_EQ(batch.batch().entries_size(), 1);
  EXPECT_EQ(batch.batch().entries(0).membership(), v1::MEMBERSHIP_UPDATED);
  EXPECT_EQ(batch.batch().entries(0).event().sequence(), 4U);
  EXPECT_EQ(call.Read().snapshot_end().sequence(), 4U);
}

TEST_F(RpcRetentionTest, RequiredHistoryThatIsGoneSaysFloorAndHead) {
  v1::SubscribeRequest request = FromToken(TokenBelowTheFloor());
  request.set_require_history(true);
  SubscribeCall call(stub_.get(), request);
  const absl::Status status = call.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(status, HasReason("HISTORY_COMPACTED"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("up to 4"));
}

TEST_F(RpcRetentionTest, RequiredHistoryIsNotForLatestOnly) {
  v1::SubscribeRequest request;
  request.set_require_history(true);
  request.set_mode(v1::SubscribeRequest::MODE_LATEST_ONLY);
  SubscribeCall call(stub_.get(), request);
  const absl::Status status = call.Finish();
  EXPECT_THAT(status, HasReason("FIELD_INVALID"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("require_history"));
}

TEST_F(RpcRetentionTest, APurgedIncidentLeavesAndIsNotFound) {
  Ingest(DeliveryBuilder("a").Inactive().Build());
  Ingest("b");
  SubscribeCall call(stub_.get(), {});
  call.ReadSnapshot();
  PurgeResolved();
  const SubscribeResponse batch = call.ReadKind(SubscribeResponse::kBatch);
  const v1::Entry& entry = batch.batch().entries(0);
  EXPECT_EQ(entry.membership(), v1::MEMBERSHIP_LEFT);
  EXPECT_EQ(entry.event().type(), v1::EVENT_TYPE_PURGED);
  EXPECT_EQ(entry.event().incident().id(), "a");

  v1::GetIncidentRequest get;
  get.set_incident_id("a");
  v1::GetIncidentResponse got;
  EXPECT_THAT(Finish([&](auto* context) { return stub_->GetIncident(context, get, &got); }),
              HasReason("INCIDENT_NOT_FOUND"));
  v1::ListIncidentsResponse listed;
  ASSERT_OK(Finish([&](auto* context) {
    return stub_->ListIncidents(context, v1::ListIncidentsRequest(), &listed);
  }));
  ASSERT_EQ(listed.incidents_size(), 1);
  EXPECT_EQ(listed.incidents(0).id(), "b");
  v1::ResolveRequest resolve;
  resolve.set_incident_id("a");
  resolve.set_actor("ada");
  v1::ResolveResponse resolved;
  EXPECT_THAT(Finish([&](auto* context) { return stub_->Resolve(context, resolve, &resolved); }),
              HasReason("INCIDENT_NOT_FOUND"));
}

TEST_F(RpcRetentionTest, AHistorySaysThatOlderEventsWereDropped) {
  for (int update = 0; update < 4; ++update) Ingest("a", update);
  v1::ListEventsRequest request;
  request.set_incident_id("a");
  request.set_page_size(1);
  v1::ListEventsResponse page;
  const auto list = [&] {
    return Finish([&](auto* context) { return stub_->ListEvents(context, request, &page); });
  };
  ASSERT_OK(list());
  EXPECT_FALSE(page.truncated());
  const std::string next = page.next_page_token();
  EXPECT_NE(next, "");
  DropEvents();
  request.set_page_size(10);
  ASSERT_OK(list());
  EXPECT_EQ(page.events_size(), 1);
  EXPECT_TRUE(page.truncated());
  EXPECT_EQ(page.next_page_token(), "");
  request.set_page_token(next);
  ASSERT_OK(list());
  EXPECT_EQ(page.events_size(), 0) << "they were there when the page before was read";
  EXPECT_TRUE(page.truncated());
}

TEST_F(RpcRetentionTest, ATokenAheadOfTheHubIsWaitedForAndThenToldToComeAgain) {
  Ingest("a");
  auto ahead = DecodeResumeToken(TokenHere());
  ASSERT_OK(ahead);
  ahead->set_position(3);
  SubscribeCall waits(stub_.get(), FromToken(EncodeResumeToken(*ahead)));
  waits.ReadKind(SubscribeResponse::kOpened);
  Ingest("b");
  Ingest("c");
  Ingest("d");
  EXPECT_EQ(waits.ReadKind(SubscribeResponse::kBatch).batch().entries(0).event().sequence(), 4U);

  ahead->set_position(100);
  SubscribeCall refused(stub_.get(), FromToken(EncodeResumeToken(*ahead)));
  const absl::Status status = refused.Finish();
  EXPECT_THAT(status, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasReason("HUB_BEHIND_TOKEN"));
}

}  // namespace
}  // namespace incidenthub
