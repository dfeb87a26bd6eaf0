// What responders do, and what they are told, with nothing but grpcurl: it is given no proto file.

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/follower.h"
#include "tests/e2e/grpcurl.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ResponderTest : public HubTest {
 protected:
  void SetUp() override {
    grpcurl_ = FindGrpcurl();
    if (grpcurl_.empty())
      GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
    StartHub();
    IngestSession session(hub_port());
    ASSERT_OK(session.Send({MakeDelivery("a", 1), MakeDelivery("b", 1), MakeDelivery("b", 2)}));
  }

  Finished Call(const std::string& method, const std::string& json) {
    absl::StatusOr<Finished> finished =
        RunProcess({grpcurl_, "-plaintext", "-d", json, hub().address(),
                    absl::StrCat("incidenthub.v1.IncidentService/", method)},
                   kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? *std::move(finished) : Finished();
  }
  void ExpectOk(const std::string& method, const std::string& json, const std::string& out) {
    const Finished finished = Call(method, json);
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    EXPECT_THAT(finished.out, HasSubstr(out));
  }
  void ExpectError(const std::string& method, const std::string& json, const std::string& code,
                   const std::string& reason) {
    const Finished finished = Call(method, json);
    EXPECT_NE(finished.exit_code, 0);
    EXPECT_THAT(finished.err, AllOf(HasSubstr(code), HasSubstr(reason)));
  }

  std::string grpcurl_;
};

TEST_F(ResponderTest, ARequestIdOfAnotherCommandIsSaidSo) {
  ExpectOk("Ack", R"({"incident_id":"a","actor":"ada","request_id":"r-1"})", "\"changed\": true");
  ExpectOk("Unack", R"({"incident_id":"a","actor":"ada"})", "\"changed\": true");
  ExpectOk("Ack", R"({"incident_id":"a","actor":"ada","request_id":"r-1"})", "STATE_OPEN");
  ExpectError("Ack", R"({"incident_id":"b","actor":"ada","request_id":"r-1"})", "InvalidArgument",
              "REQUEST_ID_REUSED");
  ExpectError("Resolve", R"({"incident_id":"a","actor":"ada","request_id":"r-1"})",
              "InvalidArgument", "REQUEST_ID_REUSED");
}

TEST_F(ResponderTest, AnEtagThatIsNotTheCurrentOneIsSaidSo) {
  ExpectError("Unack", R"({"incident_id":"a","actor":"ada","etag":"stale"})", "Aborted",
              "ETAG_MISMATCH");
}

TEST_F(ResponderTest, OfAResolvedIncidentNoAcknowledgementIsTakenBack) {
  ExpectOk("Resolve", R"({"incident_id":"a","actor":"ada"})", "\"changed\": true");
  ExpectError("Unack", R"({"incident_id":"a","actor":"ada"})", "FailedPrecondition",
              "INCIDENT_RESOLVED");
}

TEST_F(ResponderTest, AnExpireTimeThatIsPastIsSaidSo) {
  ExpectError("Ack", R"({"incident_id":"a","actor":"ada","expire_time":"2020-01-01T00:00:00Z"})",
              "InvalidArgument", "expire_time");
}

TEST_F(ResponderTest, AHistoryIsPagedAndABadTokenIsSaidSo) {
  ExpectOk("ListEvents", R"({"incident_id":"b","page_size":1})", "e1-2");
  ExpectOk("ListEvents", R"({"incident_id":"b","page_token":"e1-2"})", "EVENT_TYPE_OPENED");
  ExpectError("ListEvents", R"({"incident_id":"a","page_token":"e1-2"})", "InvalidArgument",
              "PAGE_TOKEN_INVALID");
  ExpectError("ListEvents", R"({"incident_id":"b","page_token":"x"})", "InvalidArgument",
              "PAGE_TOKEN_INVALID");
  ExpectError("ListEvents", R"({"incident_id":"c"})", "NotFound", "INCIDENT_NOT_FOUND");
}

class ExpiryTest : public HubTest {};

TEST_F(ExpiryTest, AnAcknowledgementEndsByItselfAlsoAfterAKill) {
  StartHub();
  {
    IngestSession session(hub_port());
    ASSERT_OK(session.Send({MakeDelivery("a", 1)}));
  }
  v1::AckRequest ack;
  ack.set_incident_id("a");
  ack.set_actor("ada");
  const absl::Time expiry = absl::Now() + absl::Seconds(2);
  ack.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(expiry));
  const auto acked = client().Ack(ack);
  ASSERT_OK(acked);
  ASSERT_TRUE(acked->changed());

  hub().Kill();
  StartHub();
  Follower follower(hub_port());
  const auto seen = follower.WaitForSequence(acked->incident().sequence() + 1, kPatience);
  ASSERT_NE(seen, nullptr);
  const v1::Event& event = seen->entry.event();
  EXPECT_EQ(event.type(), v1::EVENT_TYPE_UNACKNOWLEDGED);
  EXPECT_EQ(event.system().reason(), v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED);
  EXPECT_EQ(event.incident().state(), v1::STATE_OPEN);
  EXPECT_GE(event.commit_time().seconds(), ack.expire_time().seconds());
}

}  // namespace
}  // namespace incidenthub::testing
