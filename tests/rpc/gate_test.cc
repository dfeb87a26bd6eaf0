#include "server/rpc/gate.h"

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/rpc/consumer_calls.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using testing::AckOf;
using testing::AsConsumer;
using testing::FakeClock;
using testing::HasReason;
using ::testing::HasSubstr;
using testing::IngestCall;
using testing::PrepareCall;
using testing::RpcTest;
using testing::SubscribeCall;
using testing::TempDir;

// Principals ann (viewer, responder), bob (viewer, responder), eve (viewer) and gateway (ingest),
// each with the token "of-NAME".
class AccessFile {
 protected:
  AccessFile() {
    Write("2100-01-01T00:00:00Z");
    auto access = Access::Load(path_, access_clock_);
    EXPECT_OK(access);
    if (access.ok()) access_ = *std::move(access);
  }

  static std::string Principal(const std::string& name, const std::string& roles,
                               const std::string& token, const std::string& expire_time) {
    const TokenDigest digest = Sha256(token);
    return absl::StrCat(R"({"name":")", name, R"(","roles":[)", roles, R"(],"tokens":[{"sha256":")",
                        absl::BytesToHexString(std::string(digest.begin(), digest.end())),
                        R"(","expire_time":")", expire_time, "\"}]}");
  }
  // `eve_token`: eve's.
  void Write(const std::string& expire_time, const std::string& eve_token = "of-eve") {
    std::ofstream(path_) << absl::StrCat(
        R"({"principals":[)", Principal("ann", R"("viewer","responder")", "of-ann", expire_time),
        ",", Principal("bob", R"("viewer","responder")", "of-bob", expire_time), ",",
        Principal("eve", R"("viewer")", eve_token, expire_time), ",",
        Principal("gateway", R"("ingest")", "of-gateway", expire_time), "]}");
  }
  void Reload() {
    access_clock_.Advance(2 * kFileCheckInterval);
    access_->ReloadIfChanged();
  }

  const TempDir dir_;
  const std::string path_ = dir_ / "access.json";
  FakeClock access_clock_{absl::FromUnixSeconds(1'800'000'000)};
  std::unique_ptr<Access> access_;
};

class GateTest : public AccessFile, public RpcTest {
 protected:
  GateTest() : RpcTest(Options{.access = access_.get()}) {}

  absl::Status Ack(const v1::AckRequest& request, const std::string& token) {
    grpc::ClientContext context;
    PrepareCall(&context, token);
    v1::AckResponse response;
    return FromGrpcStatus(stub_->Ack(&context, request, &response));
  }
  absl::Status Commit(const std::string& consumer, const std::string& resume_token,
                      const std::string& token) {
    grpc::ClientContext context;
    PrepareCall(&context, token);
    v1::CommitRequest request;
    request.set_consumer(consumer);
    request.set_resume_token(resume_token);
    v1::CommitResponse response;
    return FromGrpcStatus(NewConsumerStub()->Commit(&context, request, &response));
  }
  v1::ListEventsResponse Events(const std::string& incident_id, const std::string& token) {
    grpc::ClientContext context;
    PrepareCall(&context, token);
    v1::ListEventsRequest request;
    request.set_incident_id(incident_id);
    v1::ListEventsResponse response;
    EXPECT_OK(FromGrpcStatus(stub_->ListEvents(&context, request, &response)));
    return response;
  }
};

TEST_F(GateTest, AnEventSaysWhoseCredentialAskedForIt) {
  Ingest("a");
  ASSERT_OK(Ack(AckOf("a"), "of-ann"));
  const v1::ListEventsResponse events = Events("a", "of-eve");
  ASSERT_EQ(events.events_size(), 2);
  EXPECT_EQ(events.events(0).action().principal(), "ann");
  EXPECT_EQ(events.events(0).action().actor(), AckOf("a").actor()) << "as the caller said";
}

TEST_F(GateTest, WhoLacksTheRoleChangesNothingAndIsToldWhichOne) {
  Ingest("a");
  const absl::Status refused = Ack(AckOf("a"), "of-eve");
  EXPECT_THAT(refused, HasReason("ROLE_MISSING"));
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("Ack takes the role responder"));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("\"eve\""));
  EXPECT_THAT(Ack(AckOf("no-such"), "of-eve"), HasReason("ROLE_MISSING"))
      << "whether it exists is not told";
  EXPECT_THAT(Ack(AckOf("a"), ""), HasReason("CREDENTIAL_MISSING"));
  EXPECT_THAT(Ack(AckOf("a"), "of-nobody"), HasReason("CREDENTIAL_INVALID"));
  EXPECT_EQ(Events("a", "of-ann").events_size(), 1);
}

TEST_F(GateTest, ARequestIdIsOnePrincipals) {
  Ingest("a");
  Ingest("b");
  v1::AckRequest request = AckOf("a");
  request.set_request_id("id-1");
  ASSERT_OK(Ack(request, "of-ann"));
  request.set_incident_id("b");
  EXPECT_THAT(Ack(request, "of-ann"), HasReason("REQUEST_ID_REUSED"));
  EXPECT_OK(Ack(request, "of-bob"));
  EXPECT_EQ(Events("b", "of-ann").events(0).action().principal(), "bob");
  EXPECT_EQ(Events("b", "of-ann").events(0).action().request_id(), "id-1");
}

TEST_F(GateTest, AConsumerIsOnePrincipals) {
  Ingest("a");
  SubscribeCall of_ann(stub_.get(), AsConsumer("pager"), "of-ann");
  of_ann.ReadSnapshot();
  SubscribeCall of_bob(stub_.get(), AsConsumer("pager"), "of-bob");
  EXPECT_THAT(of_bob.Finish(), HasReason("CONSUMER_OF_OTHER"));
  EXPECT_THAT(Commit("pager", of_ann.token(), "of-bob"), HasReason("CONSUMER_OF_OTHER"));
  EXPECT_OK(Commit("pager", of_ann.token(), "of-ann"));

  grpc::ClientContext context;
  PrepareCall(&context, "of-eve");
  v1::ListConsumersResponse consumers;
  ASSERT_OK(FromGrpcStatus(
      NewConsumerStub()->ListConsumers(&context, v1::ListConsumersRequest(), &consumers)));
  ASSERT_EQ(consumers.consumers_size(), 1);
  EXPECT_EQ(consumers.consumers(0).principal(), "ann");
}

TEST_F(GateTest, AStreamEndsOnceItsTokenIsTakenAwayAndOthersGoOn) {
  v1::SubscribeRequest request;
  request.mutable_heartbeat_interval()->set_seconds(1);
  SubscribeCall of_eve(stub_.get(), request, "of-eve");
  SubscribeCall of_ann(stub_.get(), request, "of-ann");
  of_eve.ReadSnapshot();
  of_ann.ReadSnapshot();
  Write("2100-01-01T00:00:00Z", "another-of-eve");
  Reload();
  EXPECT_THAT(of_eve.Finish(), HasReason("CREDENTIAL_INVALID"));
  of_ann.ReadKind(v1::SubscribeResponse::kHeartbeat);
}

TEST_F(GateTest, AnIngestStreamEndsOnceItsTokenHasExpiredAndNothingMoreIsTaken) {
  IngestCall ingest(ingest_stub_.get(), "of-gateway");
  ASSERT_TRUE(ingest.Write({testing::DeliveryBuilder("a").Id(1).Build()}));
  EXPECT_TRUE(ingest.Read(1)[0].has_accepted());
  access_clock_.Set(absl::FromCivil(absl::CivilSecond(2100, 1, 1, 0, 0, 0), absl::UTCTimeZone()));
  ingest.Write({testing::DeliveryBuilder("b").Id(2).Build()});
  EXPECT_THAT(ingest.Finish(), HasReason("CREDENTIAL_EXPIRED"));
  EXPECT_EQ(store_->incident_count(), 1U);
}

TEST_F(GateTest, ACallIsCountedByWhyItWasRefused) {
  EXPECT_THAT(Ack(AckOf("a"), ""), HasReason("CREDENTIAL_MISSING"));
  EXPECT_THAT(Ack(AckOf("a"), ""), HasReason("CREDENTIAL_MISSING"));
  EXPECT_THAT(Ack(AckOf("a"), "of-eve"), HasReason("ROLE_MISSING"));
  EXPECT_THAT(Ack(AckOf("a"), "of-ann"), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_EQ(gate_->refused(0), 2U);
  EXPECT_EQ(gate_->refused(1), 0U);
  EXPECT_EQ(gate_->refused(2), 0U);
  EXPECT_EQ(gate_->refused(3), 1U);
}

}  // namespace
}  // namespace incidenthub
