// Clients that do everything wrong: each is told so where it can be told, and the hub goes on for
// the others.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/grpc_status.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/hub_channel.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/pinging_client.h"
#include "tests/support/stalled_subscriber.h"
#include "tests/support/status_matchers.h"
#include "tests/support/subscriber_pool.h"
#include "tests/support/tcp.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::SizeIs;

constexpr char kSubscriptions[] = "incidenthub_subscriptions";
constexpr int kMessageBytesTooMany = 6 << 20;

class MisuseTest : public HubTest {
 protected:
  void SetUp() override { StartHub(); }

  // Whatever happened before this, a new client finds a hub that works.
  void TearDown() override {
    if (HasFatalFailure()) return;
    IngestSession session(hub_port());
    const auto receipts = session.Send({MakeDelivery("afterwards", 1)});
    ASSERT_OK(receipts);
    EXPECT_TRUE(receipts->at(0).has_accepted()) << receipts->at(0).ShortDebugString();
    EXPECT_OK(client().Get("afterwards"));
    EXPECT_TRUE(hub().WaitUntilReady());
    EXPECT_TRUE(hub().process().running());
  }

  // How a Subscribe with this request ends, if the hub refuses it.
  absl::Status Refusal(const v1::SubscribeRequest& request) {
    const auto stub = v1::IncidentService::NewStub(ConnectToHub(hub_port()));
    grpc::ClientContext context;
    const auto reader = stub->Subscribe(&context, request);
    v1::SubscribeResponse response;
    EXPECT_FALSE(reader->Read(&response)) << response.ShortDebugString();
    return FromGrpcStatus(reader->Finish());
  }

  // The end of a unary call with any bytes as its request.
  absl::Status CallWithBytes(const std::string& method, const std::string& bytes) {
    const grpc::Slice slice(bytes);
    grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::GenericStub stub(ConnectToHub(hub_port()));
    grpc::ClientContext context;
    absl::Notification done;
    grpc::Status end;
    stub.UnaryCall(&context, method, {}, &request, &response, [&](grpc::Status status) {
      end = std::move(status);
      done.Notify();
    });
    done.WaitForNotification();
    return FromGrpcStatus(end);
  }
};

TEST_F(MisuseTest, UnknownIdsAreNotFound) {
  v1::AckRequest ack;
  ack.set_incident_id("nobody-knows");
  ack.set_actor("robin");
  v1::ResolveRequest resolve;
  resolve.set_incident_id("nobody-knows");
  resolve.set_actor("robin");
  const auto not_found =
      AllOf(HasCode(absl::StatusCode::kNotFound), HasReason("INCIDENT_NOT_FOUND"));
  EXPECT_THAT(client().Get("nobody-knows"), not_found);
  EXPECT_THAT(client().Ack(ack), not_found);
  EXPECT_THAT(client().Resolve(resolve), not_found);
}

TEST_F(MisuseTest, FieldsThatAreMissingOrTooLongAreInvalid) {
  const auto invalid =
      AllOf(HasCode(absl::StatusCode::kInvalidArgument), HasReason("FIELD_INVALID"));
  EXPECT_THAT(client().Get(""), invalid);
  EXPECT_THAT(client().Get(std::string(513, 'x')), invalid);
  v1::AckRequest ack;
  EXPECT_THAT(client().Ack(ack), invalid);
  ack.set_incident_id("some");
  EXPECT_THAT(client().Ack(ack), invalid);
  ack.set_actor(std::string(257, 'x'));
  EXPECT_THAT(client().Ack(ack), invalid);
  v1::ResolveRequest resolve;
  resolve.set_incident_id("some");
  resolve.set_actor("robin");
  resolve.set_note(std::string(4097, 'x'));
  EXPECT_THAT(client().Resolve(resolve), invalid);
  v1::SubscribeRequest request;
  request.mutable_heartbeat_interval();
  EXPECT_THAT(Refusal(request), invalid);
  request.mutable_heartbeat_interval()->set_seconds(61);
  EXPECT_THAT(Refusal(request), invalid);
}

TEST_F(MisuseTest, TokensThatAreNoneAreInvalid) {
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  const std::string token = subscriber->history().last_token;
  std::string damaged = token;
  damaged[damaged.size() / 2] = damaged[damaged.size() / 2] == 'A' ? 'B' : 'A';
  for (const std::string& bad : {std::string("garbage"), std::string(10'000, 'A'), damaged,
                                 token.substr(0, token.size() / 2), token + token}) {
    v1::SubscribeRequest request;
    request.set_resume_token(bad);
    EXPECT_THAT(Refusal(request), AllOf(HasCode(absl::StatusCode::kInvalidArgument),
                                        HasReason("RESUME_TOKEN_INVALID")))
        << bad.substr(0, 64);
  }
}

TEST_F(MisuseTest, AMessageOfTooManyDeliveriesEndsOnlyItsStream) {
  IngestSession other(hub_port());
  ASSERT_OK(other.Send({MakeDelivery("other", 1)}));
  IngestSession session(hub_port());
  std::vector<v1::Delivery> deliveries;
  for (int i = 0; i < 1025; ++i) deliveries.push_back(MakeDelivery(absl::StrCat("many-", i), 1));
  EXPECT_THAT(session.Send(std::move(deliveries)), HasReason("BATCH_TOO_LARGE"));
  EXPECT_OK(other.Send({MakeDelivery("other", 2)}));
  EXPECT_THAT(ListSequences(), SizeIs(1));
}

TEST_F(MisuseTest, ADeliveryThatCannotBeTakenIsRejectedAlone) {
  v1::Delivery no_source = MakeDelivery("no-source", 1);
  no_source.clear_source();
  v1::Delivery no_activity = MakeDelivery("no-activity", 1);
  no_activity.clear_activity();
  v1::Delivery no_digest = MakeDelivery("no-digest", 1);
  no_digest.clear_digest();
  v1::Delivery no_payload = MakeDelivery("no-payload", 1);
  no_payload.clear_incident();
  IngestSession session(hub_port());
  const auto receipts = session.Send({MakeDelivery("good", 1), no_source, no_activity, no_digest,
                                      no_payload, MakeDelivery("", 1), MakeDelivery("fine", 1)});
  ASSERT_OK(receipts);
  EXPECT_TRUE(receipts->front().has_accepted());
  EXPECT_TRUE(receipts->back().has_accepted());
  for (size_t i = 1; i + 1 < receipts->size(); ++i) {
    const absl::Status rejected = FromProtoStatus(receipts->at(i).rejected());
    EXPECT_THAT(rejected, HasCode(absl::StatusCode::kInvalidArgument)) << i;
  }
  EXPECT_THAT(ListSequences(), SizeIs(2));
}

TEST_F(MisuseTest, BytesThatAreNoMessageAreRefused) {
  const std::string bytes = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff not a message";
  for (const char* rpc : {"IncidentService/Subscribe", "IncidentService/Ack",
                          "IncidentService/GetIncident", "IncidentService/ListIncidents"}) {
    const absl::Status status = CallWithBytes(absl::StrCat("/incidenthub.v1.", rpc), bytes);
    EXPECT_FALSE(status.ok()) << rpc;
  }
  // A stream of deliveries takes them for its end; what matters is that it does end.
  CallWithBytes("/incidenthub.v1.IngestService/Ingest", bytes).IgnoreError();
  EXPECT_TRUE(ListSequences().empty());
  EXPECT_THAT(CallWithBytes("/incidenthub.v1.IncidentService/NoSuchRpc", ""),
              HasCode(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(
      CallWithBytes("/incidenthub.v1.IngestService/Ingest", std::string(kMessageBytesTooMany, 'x')),
      HasCode(absl::StatusCode::kResourceExhausted));
}

TEST_F(MisuseTest, ConnectionsThatNeverSpeakHoldNothingUp) {
  std::vector<OwnedFd> silent;
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<int> fd = ConnectTcp(hub_port(), kPatience);
    ASSERT_OK(fd);
    silent.emplace_back(*fd);
  }
  // Others speak, and not HTTP/2.
  for (const char* text : {"GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnonsense",
                           "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"}) {
    const absl::StatusOr<int> fd = ConnectTcp(hub_port(), kPatience);
    ASSERT_OK(fd);
    silent.emplace_back(*fd);
    ASSERT_OK(SendAll(*fd, text));
  }
  const auto subscriber = Subscribe();
  EXPECT_TRUE(subscriber->WaitForSnapshot(kPatience));
  IngestSession session(hub_port());
  ASSERT_OK(session.Send({MakeDelivery("beside", 1)}));
  EXPECT_TRUE(subscriber->WaitForSequence(1, kPatience));
}

TEST_F(MisuseTest, AClientThatPingsMoreThanOnceInFiveSecondsIsSentAway) {
  auto pinging = PingingClient::Connect(hub_port());
  ASSERT_OK(pinging);
  // Two that come too early are overlooked, the third is not.
  EXPECT_OK(pinging->Ping(kPatience));
  EXPECT_OK(pinging->KeepSilent(absl::Seconds(3)));
  EXPECT_OK(pinging->Ping(kPatience)) << "too early";
  EXPECT_OK(pinging->Ping(kPatience)) << "too early";
  EXPECT_OK(pinging->KeepSilent(absl::Milliseconds(5'100)));
  EXPECT_OK(pinging->Ping(kPatience)) << "this one is not";
  absl::Status status = pinging->Ping(kPatience);
  // Its answer may come before the hub's last word.
  if (status.ok()) status = pinging->KeepSilent(absl::Seconds(10));
  EXPECT_THAT(status, HasCode(absl::StatusCode::kAborted));
  EXPECT_EQ(std::string(status.message()), "too_many_pings");
}

TEST_F(MisuseTest, SubscriptionsThatAreDroppedLeaveNothingBehind) {
  IngestSession session(hub_port());
  std::vector<v1::Delivery> deliveries;
  for (int i = 0; i < 200; ++i)
    deliveries.push_back(MakeDelivery(absl::StrCat("i-", i), 1, 10'000));
  ASSERT_OK(session.Send(std::move(deliveries)));
  {
    // In mid-snapshot, some of them: nobody waits for an end.
    SubscriberPool pool({.port = hub_port(), .subscribers = 1000, .per_connection = 50});
    ASSERT_TRUE(pool.WaitFor(
        [](const SubscriberPool::Totals& totals) { return totals.opened >= 900; }, kPatience));
    pool.CancelAll();
    EXPECT_THAT(pool.totals().end_codes, Each(absl::StatusCode::kCancelled));
  }
  EXPECT_TRUE(WaitForMetric(hub(), kSubscriptions, 0));
}

TEST_F(MisuseTest, SubscribersWhoseConnectionBreaksAreForgotten) {
  std::vector<OwnedFd> stalled;
  for (int i = 0; i < 20; ++i) {
    absl::StatusOr<OwnedFd> fd = OpenStalledSubscriber(hub_port());
    ASSERT_OK(fd);
    stalled.push_back(*std::move(fd));
  }
  ASSERT_TRUE(WaitForMetric(hub(), kSubscriptions, 20));
  // With data of the hub unread this is a reset, not an orderly end.
  stalled.clear();
  EXPECT_TRUE(WaitForMetric(hub(), kSubscriptions, 0));
}

}  // namespace
}  // namespace incidenthub::testing
