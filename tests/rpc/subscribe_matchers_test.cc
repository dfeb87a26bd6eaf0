// Subscribe with matchers, over a real port.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fanout/resume_token.h"
#include "tests/rpc/rpc_fixture.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::DeliveryBuilder;
using ::testing::ElementsAre;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using ::testing::Pair;
using testing::RpcTest;
using testing::SubscribeCall;
using v1::SubscribeRequest;
using v1::SubscribeResponse;

SubscribeRequest With(std::vector<std::string> matchers, const std::string& token = "") {
  SubscribeRequest request;
  for (std::string& matcher : matchers) request.add_matchers(std::move(matcher));
  if (!token.empty()) request.set_resume_token(token);
  request.mutable_heartbeat_interval()->set_seconds(1);
  return request;
}

class SubscribeMatchersTest : public RpcTest {
 protected:
  SubscribeMatchersTest() = default;
  explicit SubscribeMatchersTest(const Options& options) : RpcTest(options) {}

  absl::Status Refusal(const SubscribeRequest& request) {
    SubscribeCall call(stub_.get(), request);
    return call.Finish();
  }
  Sequence Resolve(const std::string& id, int update) {
    return Ingest(DeliveryBuilder(id).UpdateTime(At(update)).Inactive().Build());
  }
  // Membership and sequence of the one entry of the next batch.
  static std::pair<v1::Membership, Sequence> ReadOne(SubscribeCall* call) {
    const auto response = call->ReadKind(SubscribeResponse::kBatch);
    EXPECT_EQ(response.batch().entries_size(), 1);
    if (response.batch().entries_size() != 1) return {};
    const v1::Entry& entry = response.batch().entries(0);
    return {entry.membership(), entry.has_event() ? entry.event().sequence() : entry.sequence()};
  }
};

class SubscribeMatchersTinyRingTest : public SubscribeMatchersTest {
 protected:
  SubscribeMatchersTinyRingTest() : SubscribeMatchersTest(Options{.ring_bytes = 1}) {}
};

TEST_F(SubscribeMatchersTest, AWrongMatcherIsSaidWithItsFieldAndPosition) {
  const absl::Status status = Refusal(With({"state=open", "state=opne"}));
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("MATCHER_INVALID"));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("matchers[1]: at byte 6 of `state=opne`: expected one of open, "
                        "acknowledged, resolved"));
}

TEST_F(SubscribeMatchersTest, AModeThatTheHubDoesNotKnowIsRefused) {
  SubscribeRequest request;
  request.set_mode(static_cast<SubscribeRequest::Mode>(77));
  EXPECT_THAT(Refusal(request), HasReason("FIELD_INVALID"));
}

TEST_F(SubscribeMatchersTest, OpenedTellsTheMatchersInCanonicalForm) {
  SubscribeCall call(stub_.get(), With({"state = open", "id!=x", "state=open"}));
  const auto opened = call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_THAT(opened.opened().matchers(), ElementsAre("id!=\"x\"", "state=\"open\""));
  SubscribeCall plain(stub_.get(), With({}));
  EXPECT_EQ(plain.ReadKind(SubscribeResponse::kOpened).opened().matchers_size(), 0);
}

TEST_F(SubscribeMatchersTest, IncidentsEnterChangeAndLeave) {
  Ingest("held");
  Ingest("over");
  Resolve("over", 1);
  SubscribeCall call(stub_.get(), With({"state=open"}));
  call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, 1U));
  EXPECT_EQ(call.ReadKind(SubscribeResponse::kSnapshotEnd).snapshot_end().sequence(), 3U);

  Ingest("new", 0);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, 4U));
  Ingest("new", 1);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_UPDATED, 5U));
  Resolve("new", 2);
  const auto left = call.ReadKind(SubscribeResponse::kBatch);
  ASSERT_EQ(left.batch().entries_size(), 1);
  EXPECT_EQ(left.batch().entries(0).membership(), v1::MEMBERSHIP_LEFT);
  EXPECT_EQ(left.batch().entries(0).event().sequence(), 6U) << "with the event that tells why";
  Ingest("new", 3);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, 7U));
  Resolve("held", 4);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_LEFT, 8U));
}

TEST_F(SubscribeMatchersTinyRingTest, TheEventBeforeIsReadFromTheStoreToo) {
  SubscribeCall call(stub_.get(), With({"state=open"}));
  call.ReadSnapshot();
  Ingest("a", 0);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, 1U));
  Ingest("b", 0, 5'000);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, 2U));
  Resolve("a", 1);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_LEFT, 3U));
}

TEST_F(SubscribeMatchersTest, ATokenBelongsToItsMatchers) {
  Ingest("a");
  std::string filtered;
  std::string plain;
  {
    SubscribeCall call(stub_.get(), With({"state=open", "source=bigpanda"}));
    call.ReadSnapshot();
    filtered = call.token();
    SubscribeCall other(stub_.get(), With({}));
    other.ReadSnapshot();
    plain = other.token();
  }
  for (const SubscribeRequest& request :
       {With({}, filtered), With({"state=open"}, filtered), With({"state=open"}, plain)}) {
    const absl::Status status = Refusal(request);
    EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(status, HasReason("RESUME_TOKEN_OTHER_MATCHERS"));
  }
  // The same ones, said differently.
  SubscribeCall call(stub_.get(), With({"source=\"bigpanda\"", "state=open"}, filtered));
  call.ReadKind(SubscribeResponse::kOpened);
  SubscribeCall other(stub_.get(), With({}, plain));
  other.ReadKind(SubscribeResponse::kOpened);
}

TEST_F(SubscribeMatchersTest, HeartbeatsBookmarkWhatDidNotMatch) {
  SubscribeCall call(stub_.get(), With({"id=wanted"}));
  call.ReadSnapshot();
  for (int i = 0; i < 200; ++i) Ingest(absl::StrCat("i-", i % 9), i);
  SubscribeResponse heartbeat = call.ReadKind(SubscribeResponse::kHeartbeat);
  while (heartbeat.head_sequence() < 200) heartbeat = call.ReadKind(SubscribeResponse::kHeartbeat);
  const auto token = DecodeResumeToken(heartbeat.resume_token());
  ASSERT_OK(token);
  EXPECT_EQ(token->position(), 200U);
  const Sequence wanted = Ingest("wanted");
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, wanted));
}

TEST_F(SubscribeMatchersTinyRingTest, ALongWayWithoutAMatchIsGoneAndOthersAreServed) {
  std::string token;
  {
    SubscribeCall call(stub_.get(), With({"id=wanted"}));
    call.ReadSnapshot();
    token = call.token();
  }
  for (int i = 0; i < 40; ++i) Ingest(absl::StrCat("i-", i), 0, 200'000);
  const Sequence wanted = Ingest("wanted");
  SubscribeCall call(stub_.get(), With({"id=wanted"}, token));
  SubscribeCall other(stub_.get(), With({"id=i-0"}));
  other.ReadKind(SubscribeResponse::kOpened);
  EXPECT_THAT(ReadOne(&other), Pair(v1::MEMBERSHIP_ENTERED, 1U));
  call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, wanted));
}

TEST_F(SubscribeMatchersTest, LatestOnlyTellsTheNewestAndWhoLeftWithoutTheEvent) {
  Ingest("a");
  SubscribeRequest request = With({"state=open"});
  request.set_mode(SubscribeRequest::MODE_LATEST_ONLY);
  std::string token;
  {
    SubscribeCall call(stub_.get(), request);
    call.ReadKind(SubscribeResponse::kOpened);
    EXPECT_THAT(ReadOne(&call), Pair(v1::MEMBERSHIP_ENTERED, 1U));
    call.ReadKind(SubscribeResponse::kSnapshotEnd);
    token = call.token();
  }
  for (int i = 1; i < 5; ++i) Ingest("b", i);
  Resolve("a", 1);
  request.set_resume_token(token);
  SubscribeCall call(stub_.get(), request);
  call.ReadKind(SubscribeResponse::kOpened);
  const auto response = call.ReadKind(SubscribeResponse::kBatch);
  ASSERT_EQ(response.batch().entries_size(), 2) << response.ShortDebugString();
  EXPECT_EQ(response.batch().entries(0).membership(), v1::MEMBERSHIP_UPDATED);
  EXPECT_EQ(response.batch().entries(0).event().sequence(), 5U);
  const v1::Entry& left = response.batch().entries(1);
  EXPECT_EQ(left.membership(), v1::MEMBERSHIP_LEFT);
  EXPECT_FALSE(left.has_event());
  EXPECT_EQ(left.incident_id(), "a");
  EXPECT_EQ(left.sequence(), 6U);
  EXPECT_EQ(left.state(), v1::STATE_RESOLVED);
}

}  // namespace
}  // namespace incidenthub
