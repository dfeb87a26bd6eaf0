#include "clients/cpp/incident_client.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/clients/tcp_black_hole.h"
#include "tests/support/fake_incident_service.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::client {
namespace {

using ::testing::ElementsAre;
using testing::FakeIncidentService;
using testing::HasCode;
using testing::HasReason;

v1::Incident MakeIncident(const std::string& id) {
  v1::Incident incident;
  incident.set_id(id);
  incident.set_state(v1::STATE_OPEN);
  incident.set_etag("etag-of-" + id);
  return incident;
}

v1::AckRequest AckOf(const std::string& id, const std::string& etag = "") {
  v1::AckRequest request;
  request.set_incident_id(id);
  request.set_actor("alice");
  request.set_etag(etag);
  return request;
}

class IncidentClientTest : public ::testing::Test {
 protected:
  std::vector<std::string> ListIds(absl::Status* status) {
    std::vector<std::string> ids;
    *status = client_.List([&ids](const v1::Incident& incident) {
      ids.push_back(incident.id());
      return true;
    });
    return ids;
  }

  FakeIncidentService hub_;
  IncidentClient client_{{.address = hub_.address()}};
};

TEST_F(IncidentClientTest, GetReturnsTheIncident) {
  hub_.Put(MakeIncident("a"));
  const auto incident = client_.Get("a");
  ASSERT_OK(incident);
  EXPECT_EQ(incident->etag(), "etag-of-a");
}

TEST_F(IncidentClientTest, ErrorsKeepCodeReasonAndDetails) {
  const auto incident = client_.Get("nope");
  EXPECT_THAT(incident, HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(incident, HasReason("INCIDENT_NOT_FOUND"));
  hub_.FailNext(WithRetryDelay(
      ReasonError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "going"), absl::Seconds(3)));
  const absl::Status status = client_.Get("nope").status();
  EXPECT_THAT(status, HasReason("SHUTTING_DOWN"));
  EXPECT_EQ(RetryDelay(status, absl::ZeroDuration()), absl::Seconds(3));
}

TEST_F(IncidentClientTest, ListGoesThroughAllPagesInOrder) {
  for (int i = 0; i < 7; ++i) hub_.Put(MakeIncident(absl::StrCat(i)));
  hub_.set_page_size(3);
  absl::Status status;
  EXPECT_THAT(ListIds(&status), ElementsAre("0", "1", "2", "3", "4", "5", "6"));
  EXPECT_OK(status);
  EXPECT_EQ(hub_.list_calls(), 3);
}

TEST_F(IncidentClientTest, ListOfNothingIsOk) {
  absl::Status status;
  EXPECT_THAT(ListIds(&status), ElementsAre());
  EXPECT_OK(status);
}

TEST_F(IncidentClientTest, ListEndsWhenTheVisitorHasEnough) {
  for (int i = 0; i < 7; ++i) hub_.Put(MakeIncident(absl::StrCat(i)));
  hub_.set_page_size(3);
  int seen = 0;
  EXPECT_OK(client_.List([&seen](const v1::Incident&) { return ++seen < 2; }));
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(hub_.list_calls(), 1);
}

TEST_F(IncidentClientTest, ListReturnsTheErrorOfAPage) {
  hub_.FailNext(ReasonError(absl::StatusCode::kUnavailable, "SHUTTING_DOWN", "going"));
  absl::Status status;
  ListIds(&status);
  EXPECT_THAT(status, HasReason("SHUTTING_DOWN"));
}

TEST_F(IncidentClientTest, ListOfAHubWhosePagesNeverEndIsAnError) {
  hub_.Put(MakeIncident("a"));
  hub_.RepeatPages();
  absl::Status status;
  ListIds(&status);
  EXPECT_THAT(status, HasCode(absl::StatusCode::kInternal));
  EXPECT_EQ(hub_.list_calls(), 2);
}

TEST_F(IncidentClientTest, AckAndResolveSayWhetherTheyMadeTheChange) {
  hub_.Put(MakeIncident("a"));
  auto ack = client_.Ack(AckOf("a"));
  ASSERT_OK(ack);
  EXPECT_TRUE(ack->changed());
  EXPECT_EQ(ack->incident().acknowledgement().actor(), "alice");
  ack = client_.Ack(AckOf("a"));
  ASSERT_OK(ack);
  EXPECT_FALSE(ack->changed());

  v1::ResolveRequest request;
  request.set_incident_id("a");
  request.set_actor("bob");
  request.set_note("done");
  auto resolve = client_.Resolve(request);
  ASSERT_OK(resolve);
  EXPECT_TRUE(resolve->changed());
  EXPECT_EQ(resolve->incident().resolution().note(), "done");
  resolve = client_.Resolve(request);
  ASSERT_OK(resolve);
  EXPECT_FALSE(resolve->changed());
  EXPECT_THAT(client_.Ack(AckOf("a")), HasReason("INCIDENT_RESOLVED"));
}

TEST_F(IncidentClientTest, UnackSaysWhetherItMadeTheChange) {
  hub_.Put(MakeIncident("a"));
  ASSERT_OK(client_.Ack(AckOf("a")));
  v1::UnackRequest request;
  request.set_incident_id("a");
  request.set_actor("bob");
  auto unack = client_.Unack(request);
  ASSERT_OK(unack);
  EXPECT_TRUE(unack->changed());
  EXPECT_FALSE(unack->incident().has_acknowledgement());
  unack = client_.Unack(request);
  ASSERT_OK(unack);
  EXPECT_FALSE(unack->changed());
  request.set_incident_id("nope");
  EXPECT_THAT(client_.Unack(request), HasReason("INCIDENT_NOT_FOUND"));
}

TEST_F(IncidentClientTest, HistoryGoesThroughAllPagesUntilTheVisitorHasEnough) {
  hub_.Put(MakeIncident("a"));
  for (uint64_t sequence = 1; sequence <= 5; ++sequence) {
    v1::Event event;
    event.set_sequence(sequence);
    event.mutable_incident()->set_id(sequence == 2 ? "b" : "a");
    hub_.PutEvent(event);
  }
  hub_.set_page_size(2);
  std::vector<uint64_t> seen;
  const auto visit = [&seen](const v1::Event& event) {
    seen.push_back(event.sequence());
    return seen.size() != 3;
  };
  ASSERT_OK(client_.History("a", visit));
  EXPECT_EQ(seen, std::vector<uint64_t>({5, 4, 3}));
  ASSERT_OK(client_.History("a", visit));
  EXPECT_EQ(seen, std::vector<uint64_t>({5, 4, 3, 5, 4, 3, 1}));
  EXPECT_THAT(client_.History("nope", visit), HasReason("INCIDENT_NOT_FOUND"));
  hub_.RepeatPages();
  EXPECT_THAT(client_.History("a", visit), HasCode(absl::StatusCode::kInternal));
}

TEST_F(IncidentClientTest, EtagIsSentAlong) {
  hub_.Put(MakeIncident("a"));
  EXPECT_THAT(client_.Ack(AckOf("a", "another")), HasReason("ETAG_MISMATCH"));
  EXPECT_OK(client_.Ack(AckOf("a", "etag-of-a")));
}

TEST(IncidentClientErrorsTest, HubThatDoesNotAnswerIsDeadlineExceeded) {
  FakeIncidentService hub;
  hub.Hang();
  const IncidentClient client({.address = hub.address(), .timeout = absl::Milliseconds(50)});
  EXPECT_THAT(client.Get("a"), HasCode(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(client.Ack(AckOf("a")), HasCode(absl::StatusCode::kDeadlineExceeded));
}

TEST(IncidentClientErrorsTest, DeadlineHoldsWhileConnecting) {
  const testing::TcpBlackHole black_hole;
  const IncidentClient client({.address = black_hole.address(), .timeout = absl::Milliseconds(50)});
  EXPECT_THAT(client.Get("a"), HasCode(absl::StatusCode::kDeadlineExceeded));
}

TEST(IncidentClientErrorsTest, NoHubIsUnavailableAtOnceAndNeedsNoNewClientWhenItComes) {
  int port = 0;
  { port = FakeIncidentService().port(); }
  const IncidentClient client({.address = absl::StrCat("127.0.0.1:", port)});
  EXPECT_THAT(client.Get("a"), HasCode(absl::StatusCode::kUnavailable));
  FakeIncidentService hub(port);
  hub.Put(MakeIncident("a"));
  // Calls fail at once until the next attempt to connect, so that they are what is polled.
  const absl::Time give_up = absl::Now() + testing::kWaitMax;
  absl::Status status = absl::UnavailableError("not tried");
  while (absl::IsUnavailable(status) && absl::Now() < give_up) status = client.Get("a").status();
  EXPECT_OK(status);
}

TEST(IncidentClientErrorsTest, LargestEventFitsThroughTheConnection) {
  FakeIncidentService hub;
  v1::Incident incident = MakeIncident("a");
  (*incident.mutable_extra())["/big"] = std::string(5 << 20, 'x');
  hub.Put(incident);
  const IncidentClient client({.address = hub.address()});
  const auto got = client.Get("a");
  ASSERT_OK(got);
  EXPECT_EQ(got->extra().at("/big").size(), size_t{5} << 20);
}

}  // namespace
}  // namespace incidenthub::client
