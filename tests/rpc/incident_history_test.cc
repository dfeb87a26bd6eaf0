// Unack, request ids and ListEvents, over a port.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/proto_matchers.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::AckUntil;
using ::testing::ElementsAre;
using testing::EqualsProto;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::ResolveOf;
using testing::RpcTest;
using testing::UnackOf;
using testing::WithRequestId;

class IncidentHistoryTest : public RpcTest {
 protected:
  absl::Status Call(const v1::AckRequest& request) {
    return Finish([&](auto* context) { return stub_->Ack(context, request, &ack_); });
  }
  absl::Status Call(const v1::UnackRequest& request) {
    return Finish([&](auto* context) { return stub_->Unack(context, request, &unack_); });
  }
  absl::Status Call(const v1::ResolveRequest& request) {
    return Finish([&](auto* context) { return stub_->Resolve(context, request, &resolve_); });
  }
  absl::Status List(const std::string& id, int page_size = 0, const std::string& token = "") {
    v1::ListEventsRequest request;
    request.set_incident_id(id);
    request.set_page_size(page_size);
    request.set_page_token(token);
    return Finish([&](auto* context) { return stub_->ListEvents(context, request, &events_); });
  }
  // Sequences on the page listed last.
  std::vector<Sequence> Sequences() const {
    std::vector<Sequence> sequences;
    for (const v1::Event& event : events_.events()) sequences.push_back(event.sequence());
    return sequences;
  }

  v1::AckResponse ack_;
  v1::UnackResponse unack_;
  v1::ResolveResponse resolve_;
  v1::ListEventsResponse events_;

 private:
  template <typename Rpc>
  static absl::Status Finish(Rpc rpc) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + testing::kCallDeadline);
    return FromGrpcStatus(rpc(&context));
  }
};

TEST_F(IncidentHistoryTest, UnackSaysWhetherItChangedSomething) {
  Ingest("a");
  ASSERT_OK(Call(AckOf("a")));
  ASSERT_OK(Call(UnackOf("a", "bob", ack_.incident().etag())));
  EXPECT_TRUE(unack_.changed());
  EXPECT_EQ(unack_.incident().state(), v1::STATE_OPEN);
  EXPECT_FALSE(unack_.incident().has_acknowledgement());
  ASSERT_OK(Call(UnackOf("a")));
  EXPECT_FALSE(unack_.changed());
  EXPECT_THAT(Call(UnackOf("a", "bob", "stale")), HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(Call(UnackOf("b")), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_THAT(Call(UnackOf("a", "")), HasReason("FIELD_INVALID"));
  ASSERT_OK(Call(ResolveOf("a")));
  EXPECT_THAT(Call(UnackOf("a")), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Call(UnackOf("a")), HasReason("INCIDENT_RESOLVED"));
}

TEST_F(IncidentHistoryTest, ARequestIdIsForOneRequest) {
  Ingest("a");
  ASSERT_OK(Call(WithRequestId(AckOf("a"), "r-1")));
  ASSERT_OK(Call(WithRequestId(AckOf("a"), "r-1")));
  EXPECT_TRUE(ack_.changed());
  const absl::Status status = Call(WithRequestId(UnackOf("a"), "r-1"));
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("REQUEST_ID_REUSED"));
  EXPECT_THAT(Call(WithRequestId(AckOf("a"), std::string(65, 'r'))), HasReason("FIELD_INVALID"));
}

TEST_F(IncidentHistoryTest, AnExpireTimeInThePastIsRefusedByName) {
  Ingest("a");
  const absl::Status status = Call(AckUntil("a", absl::UnixEpoch()));
  EXPECT_THAT(status, HasReason("FIELD_INVALID"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("expire_time"));
}

TEST_F(IncidentHistoryTest, AHistoryIsWholeAndTheNewestEventIsFirst) {
  Ingest("a");
  Ingest("b");
  ASSERT_OK(Call(AckOf("a")));
  Ingest("b", 1);
  ASSERT_OK(Call(UnackOf("a")));
  ASSERT_OK(Call(ResolveOf("a")));
  ASSERT_OK(List("a"));
  EXPECT_THAT(Sequences(), ElementsAre(6U, 5U, 3U, 1U));
  EXPECT_EQ(events_.next_page_token(), "");
  EXPECT_EQ(events_.events(0).type(), v1::EVENT_TYPE_RESOLVED);
  EXPECT_EQ(events_.events(1).type(), v1::EVENT_TYPE_UNACKNOWLEDGED);
  EXPECT_EQ(events_.events(2).type(), v1::EVENT_TYPE_ACKNOWLEDGED);
  EXPECT_EQ(events_.events(3).type(), v1::EVENT_TYPE_OPENED);
  EXPECT_THAT(events_.events(0).incident(), EqualsProto(resolve_.incident()));
}

TEST_F(IncidentHistoryTest, PagesGoBackToTheFirstEventWhateverHappensMeanwhile) {
  for (int update = 0; update < 5; ++update) Ingest("a", update);
  ASSERT_OK(List("a", 2));
  EXPECT_THAT(Sequences(), ElementsAre(5U, 4U));
  Ingest("a", 9);
  ASSERT_OK(List("a", 2, events_.next_page_token()));
  EXPECT_THAT(Sequences(), ElementsAre(3U, 2U));
  ASSERT_OK(List("a", 2, events_.next_page_token()));
  EXPECT_THAT(Sequences(), ElementsAre(1U));
  EXPECT_EQ(events_.next_page_token(), "");
}

TEST_F(IncidentHistoryTest, APageEndsAtOneMiBAndHoldsAtLeastOneEvent) {
  for (int update = 0; update < 5; ++update) Ingest("a", update, 400'000);
  ASSERT_OK(List("a"));
  EXPECT_THAT(Sequences(), ElementsAre(5U, 4U));
  Ingest("a", 7, size_t{2} << 20U);
  ASSERT_OK(List("a"));
  EXPECT_THAT(Sequences(), ElementsAre(6U));
  EXPECT_NE(events_.next_page_token(), "");
}

TEST_F(IncidentHistoryTest, PageSizesHaveADefaultAndAMost) {
  for (int update = 0; update < 1010; ++update) Ingest("a", update);
  ASSERT_OK(List("a"));
  EXPECT_EQ(events_.events_size(), 100);
  ASSERT_OK(List("a", 1'000'000));
  EXPECT_EQ(events_.events_size(), 1000);
}

TEST_F(IncidentHistoryTest, BadRequestsAreRefusedByName) {
  Ingest("a");
  Ingest("b");
  Ingest("b", 1);
  EXPECT_THAT(List("nobody-knows"), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(List("nobody-knows"), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_THAT(List(""), HasReason("FIELD_INVALID"));
  EXPECT_THAT(List("a", -1), HasReason("FIELD_INVALID"));
  ASSERT_OK(List("b", 1));
  const std::string of_another = events_.next_page_token();
  for (const std::string& token :
       {std::string("x"), std::string("e1-"), std::string("e1-0"), std::string("e1-xyz"),
        std::string("e1-ff"), std::string("p1-1"), std::string(10'000, 'e'), of_another}) {
    const absl::Status status = List("a", 1, token);
    EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument)) << token.substr(0, 30);
    EXPECT_THAT(status, HasReason("PAGE_TOKEN_INVALID")) << token.substr(0, 30);
    EXPECT_THAT(std::string(status.message()), HasSubstr("page_token"));
  }
}

}  // namespace
}  // namespace incidenthub
