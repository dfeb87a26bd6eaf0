#include "server/rpc/incident_service.h"

#include <cstdint>
#include <limits>
#include <set>
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
using testing::At;
using testing::DeliveryBuilder;
using testing::EqualsProto;
using testing::HasCode;
using testing::HasReason;
using testing::ResolveOf;
using testing::RpcTest;

class IncidentServiceTest : public RpcTest {
 protected:
  absl::Status Ack(const v1::AckRequest& request, v1::AckResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return FromGrpcStatus(stub_->Ack(&context, request, response));
  }
  absl::Status Resolve(const v1::ResolveRequest& request, v1::ResolveResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    return FromGrpcStatus(stub_->Resolve(&context, request, response));
  }
  absl::Status Get(const std::string& id, v1::GetIncidentResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetIncidentRequest request;
    request.set_incident_id(id);
    return FromGrpcStatus(stub_->GetIncident(&context, request, response));
  }
  absl::Status List(int page_size, const std::string& token, v1::ListIncidentsResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::ListIncidentsRequest request;
    request.set_page_size(page_size);
    request.set_page_token(token);
    for (const std::string& matcher : matchers_) request.add_matchers(matcher);
    return FromGrpcStatus(stub_->ListIncidents(&context, request, response));
  }
  // Ids on all pages, in their order; `between` is called after each page.
  template <typename Between>
  std::vector<std::string> ListAll(int page_size, Between between) {
    std::vector<std::string> ids;
    std::string token;
    for (int pages = 0; pages < 10'000; ++pages) {
      v1::ListIncidentsResponse page;
      EXPECT_OK(List(page_size, token, &page));
      for (const auto& incident : page.incidents()) ids.push_back(incident.id());
      token = page.next_page_token();
      if (token.empty()) return ids;
      between();
    }
    ADD_FAILURE() << "the pages never end";
    return ids;
  }
  std::vector<std::string> ListAll(int page_size) {
    return ListAll(page_size, [] {});
  }

  v1::AckResponse ack_;
  v1::ResolveResponse resolve_;
  v1::GetIncidentResponse get_;
  v1::ListIncidentsResponse list_;
  // Of List.
  std::vector<std::string> matchers_;

 private:
  static void SetDeadline(grpc::ClientContext* context) {
    context->set_deadline(std::chrono::system_clock::now() + testing::kCallDeadline);
  }
};

TEST_F(IncidentServiceTest, AnIncidentIsReadAsItIs) {
  Ingest("a");
  ASSERT_OK(Get("a", &get_));
  EXPECT_EQ(get_.incident().id(), "a");
  EXPECT_EQ(get_.incident().state(), v1::STATE_OPEN);
  EXPECT_EQ(get_.incident().sequence(), 1U);
  EXPECT_THAT(Get("b", &get_), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(Get("b", &get_), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_THAT(Get("", &get_), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Get(std::string(513, 'x'), &get_), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Get(std::string(512, 'x'), &get_), HasReason("INCIDENT_NOT_FOUND"));
}

TEST_F(IncidentServiceTest, AckAndResolveSayWhetherTheyChangedSomething) {
  Ingest("a");
  ASSERT_OK(Ack(AckOf("a", "ada"), &ack_));
  EXPECT_TRUE(ack_.changed());
  EXPECT_EQ(ack_.incident().state(), v1::STATE_ACKNOWLEDGED);
  ASSERT_OK(Get("a", &get_));
  EXPECT_THAT(ack_.incident(), EqualsProto(get_.incident())) << "as it is now";
  ASSERT_OK(Ack(AckOf("a", "bob"), &ack_));
  EXPECT_FALSE(ack_.changed());
  EXPECT_EQ(ack_.incident().acknowledgement().actor(), "ada");
  ASSERT_OK(Resolve(ResolveOf("a", "eve", ack_.incident().etag()), &resolve_));
  EXPECT_TRUE(resolve_.changed());
  EXPECT_EQ(resolve_.incident().resolution().actor(), "eve");
  ASSERT_OK(Resolve(ResolveOf("a", "bob"), &resolve_));
  EXPECT_FALSE(resolve_.changed());
  EXPECT_EQ(resolve_.incident().resolution().actor(), "eve");
}

TEST_F(IncidentServiceTest, ErrorsHaveTheirCodeAndReason) {
  Ingest("a");
  EXPECT_THAT(Ack(AckOf("b"), &ack_), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_THAT(Ack(AckOf("a", ""), &ack_), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Ack(AckOf("a", "ada", "stale"), &ack_), HasCode(absl::StatusCode::kAborted));
  EXPECT_THAT(Ack(AckOf("a", "ada", "stale"), &ack_), HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(Resolve(ResolveOf("a", "ada", "stale"), &resolve_), HasReason("ETAG_MISMATCH"));
  EXPECT_THAT(Resolve(ResolveOf("b"), &resolve_), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_THAT(Resolve(ResolveOf(""), &resolve_), HasReason("FIELD_INVALID"));
  ASSERT_OK(Resolve(ResolveOf("a"), &resolve_));
  EXPECT_THAT(Ack(AckOf("a"), &ack_), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Ack(AckOf("a"), &ack_), HasReason("INCIDENT_RESOLVED"));
}

TEST_F(IncidentServiceTest, AnErrorAboutALongIdReachesTheCaller) {
  const std::string id(512, '"');
  EXPECT_THAT(Get(id, &get_), HasReason("INCIDENT_NOT_FOUND"));
  Ingest(id);
  EXPECT_THAT(Ack(AckOf(id, "ada", std::string(5000, 'e')), &ack_), HasReason("ETAG_MISMATCH"));
}

TEST_F(IncidentServiceTest, WithTooLittleDiskCommandsAreRefusedAndReadsGoOn) {
  Ingest("a");
  free_bytes_ = 0;
  const absl::Status status = Ack(AckOf("a"), &ack_);
  EXPECT_THAT(status, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(status, HasReason("DISK_FULL"));
  EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
  EXPECT_OK(Get("a", &get_));
  EXPECT_EQ(ListAll(10).size(), 1U);
  free_bytes_ = uint64_t{1} << 40U;
  EXPECT_OK(Ack(AckOf("a"), &ack_));
}

TEST_F(IncidentServiceTest, ACallerThatHangsUpCancelsNothing) {
  Ingest("a");
  log_->CloseGate();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  EXPECT_THAT(FromGrpcStatus(stub_->Ack(&context, AckOf("a"), &ack_)),
              HasCode(absl::StatusCode::kDeadlineExceeded));
  ASSERT_TRUE(log_->AwaitAppendAtGate());
  log_->OpenGate();
  EXPECT_TRUE(testing::WaitUntil([this] { return store_->applied() == 2; }, absl::Seconds(30)));
  ASSERT_OK(Ack(AckOf("a"), &ack_));
  EXPECT_FALSE(ack_.changed());
}

TEST_F(IncidentServiceTest, NothingToListIsOneEmptyPage) {
  ASSERT_OK(List(0, "", &list_));
  EXPECT_EQ(list_.incidents_size(), 0);
  EXPECT_TRUE(list_.next_page_token().empty());
}

TEST_F(IncidentServiceTest, PagesGoThroughAllIncidentsByTheirNewestSequence) {
  for (int i = 0; i < 25; ++i) Ingest(absl::StrCat("i-", i));
  Ingest("i-3", 1);
  std::vector<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    if (i != 3) expected.push_back(absl::StrCat("i-", i));
  }
  expected.push_back("i-3");
  for (const int page_size : {1, 7, 24, 25, 26, 0, 1000, 1'000'000}) {
    EXPECT_EQ(ListAll(page_size), expected) << page_size << " a page";
  }
}

TEST_F(IncidentServiceTest, PageSizesHaveADefaultAndAMost) {
  for (int i = 0; i < 1010; ++i) Ingest(absl::StrCat("i-", i));
  ASSERT_OK(List(0, "", &list_));
  EXPECT_EQ(list_.incidents_size(), 100);
  ASSERT_OK(List(std::numeric_limits<int32_t>::max(), "", &list_));
  EXPECT_EQ(list_.incidents_size(), 1000);
}

TEST_F(IncidentServiceTest, APageEndsAtOneMiBAndHoldsAtLeastOneIncident) {
  for (int i = 0; i < 5; ++i) Ingest(absl::StrCat("i-", i), 0, 400'000);
  Ingest("large", 0, size_t{2} << 20U);
  ASSERT_OK(List(100, "", &list_));
  EXPECT_EQ(list_.incidents_size(), 2);
  EXPECT_EQ(ListAll(100).size(), 6U);
}

TEST_F(IncidentServiceTest, PagesHoldWhatMatchesAndNothingElse) {
  for (int i = 0; i < 25; ++i) Ingest(absl::StrCat(i % 5 == 0 ? "x-" : "y-", i));
  matchers_ = {"id=~x-.*"};
  EXPECT_THAT(ListAll(2), ::testing::ElementsAre("x-0", "x-5", "x-10", "x-15", "x-20"));
  matchers_ = {"id=~x-.*", "id!=x-10", "state=open"};
  EXPECT_THAT(ListAll(100), ::testing::ElementsAre("x-0", "x-5", "x-15", "x-20"));
  matchers_ = {"state=resolved"};
  EXPECT_THAT(ListAll(100), ::testing::IsEmpty());
}

TEST_F(IncidentServiceTest, APageThatLookedAtALotEndsEmptyWithMoreToCome) {
  for (int i = 0; i < 12; ++i) Ingest(absl::StrCat("large-", i), 0, 1'000'000);
  Ingest("wanted");
  matchers_ = {"id=wanted"};
  ASSERT_OK(List(100, "", &list_));
  EXPECT_EQ(list_.incidents_size(), 0);
  EXPECT_FALSE(list_.next_page_token().empty());
  EXPECT_THAT(ListAll(100), ::testing::ElementsAre("wanted"));
}

TEST_F(IncidentServiceTest, AMatchingPageEndsAtOneMiBToo) {
  for (int i = 0; i < 5; ++i) Ingest(absl::StrCat("i-", i), 0, 400'000);
  matchers_ = {"state=open"};
  ASSERT_OK(List(100, "", &list_));
  EXPECT_EQ(list_.incidents_size(), 2);
  EXPECT_EQ(ListAll(100).size(), 5U);
}

TEST_F(IncidentServiceTest, AWrongMatcherOfAListIsSaid) {
  matchers_ = {"state=open", "state=opne"};
  const absl::Status status = List(100, "", &list_);
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(status, HasReason("MATCHER_INVALID"));
  EXPECT_THAT(std::string(status.message()),
              ::testing::HasSubstr("matchers[1]: at byte 6 of `state=opne`: expected one of open"));
}

TEST_F(IncidentServiceTest, AnIncidentThatChangesMeanwhileIsSeenAtLeastOnce) {
  std::set<std::string> expected;
  for (int i = 0; i < 20; ++i) {
    Ingest(absl::StrCat("i-", i));
    expected.insert(absl::StrCat("i-", i));
  }
  int update = 0;
  const std::vector<std::string> ids = ListAll(3, [this, &update] {
    if (++update > 6) return;
    Ingest(absl::StrCat("i-", (update * 7) % 20), update);
  });
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()), expected);
}

TEST_F(IncidentServiceTest, BadPagesAreRefusedByName) {
  const absl::Status negative = List(-1, "", &list_);
  EXPECT_THAT(negative, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(negative, HasReason("FIELD_INVALID"));
  EXPECT_THAT(std::string(negative.message()), ::testing::HasSubstr("page_size"));
  for (const std::string& token : {std::string("x"), std::string("p1-"), std::string("p1-xyz"),
                                   std::string("p1-1ffffffffffffffff"), std::string(10'000, 'p')}) {
    const absl::Status status = List(1, token, &list_);
    EXPECT_THAT(status, HasCode(absl::StatusCode::kInvalidArgument)) << token.substr(0, 30);
    EXPECT_THAT(status, HasReason("PAGE_TOKEN_INVALID")) << token.substr(0, 30);
  }
}

TEST_F(IncidentServiceTest, APageTokenBeyondTheLastIncidentIsTheEnd) {
  Ingest("a");
  ASSERT_OK(List(1, "p1-ffffffffffffffff", &list_));
  EXPECT_EQ(list_.incidents_size(), 0);
  EXPECT_TRUE(list_.next_page_token().empty());
}

}  // namespace
}  // namespace incidenthub
