// The hub as a whole, in this process.

#include "server/server.h"

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/db/database.h"
#include "tests/rpc/consumer_calls.h"
#include "tests/rpc/rpc_fixture.h"
#include "tests/support/temp_dir.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::ConnectToHub;
using testing::DeliveryBuilder;
using testing::HasCode;
using testing::HasReason;
using testing::IngestCall;
using testing::SubscribeCall;
using testing::TempDir;
using v1::SubscribeResponse;

class ServerTest : public ::testing::Test {
 protected:
  ~ServerTest() override { Stop(); }

  absl::StatusOr<std::unique_ptr<Server>> TryStart(const std::string& listen = "127.0.0.1:0") {
    HubOptions options;
    options.listen = listen;
    options.data_dir = dir_ / "data";
    options.ring_bytes = uint64_t{1} << 20U;
    options.max_streams = 10;
    return Server::Start(options, [](const absl::Status&) {});
  }
  void Start() {
    auto server = TryStart();
    ASSERT_OK(server);
    server_ = *std::move(server);
    incidents_ = v1::IncidentService::NewStub(ConnectToHub(server_->port()));
    ingest_ = v1::IngestService::NewStub(ConnectToHub(server_->port()));
  }
  void Stop() {
    if (server_ == nullptr) return;
    incidents_.reset();
    ingest_.reset();
    EXPECT_TRUE(server_->Shutdown(absl::Seconds(20)));
    server_.reset();
  }
  v1::Receipt Ingest(const v1::Delivery& delivery) {
    IngestCall call(ingest_.get());
    EXPECT_TRUE(call.Write({delivery}));
    const auto receipts = call.Read(1);
    return receipts.empty() ? v1::Receipt() : receipts[0];
  }

  const TempDir dir_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::IncidentService::Stub> incidents_;
  std::unique_ptr<v1::IngestService::Stub> ingest_;
};

TEST_F(ServerTest, IncidentsAndTokensSurviveARestart) {
  Start();
  const v1::Delivery delivery = DeliveryBuilder("a").Build();
  EXPECT_EQ(Ingest(delivery).accepted().sequence(), 1U);
  std::string token;
  {
    SubscribeCall call(incidents_.get(), v1::SubscribeRequest());
    call.ReadSnapshot();
    token = call.token();
  }
  for (int restart = 0; restart < 2; ++restart) {
    Stop();
    Start();
  }
  const auto receipt = Ingest(delivery);
  EXPECT_TRUE(receipt.accepted().duplicate());
  EXPECT_EQ(receipt.accepted().sequence(), 1U);
  EXPECT_EQ(Ingest(DeliveryBuilder("a").UpdateTime(At(9)).Build()).accepted().sequence(), 2U);
  v1::SubscribeRequest request;
  request.set_resume_token(token);
  SubscribeCall call(incidents_.get(), request);
  call.ReadKind(SubscribeResponse::kOpened);
  const auto entries = call.ReadUntil(2);
  ASSERT_EQ(entries.size(), 1U) << "and no reset";
  EXPECT_EQ(entries[0].event().previous_sequence(), 1U);
}

TEST_F(ServerTest, ATokenOfAnotherHubIsReset) {
  Start();
  Ingest(DeliveryBuilder("a").Build());
  std::string token;
  {
    SubscribeCall call(incidents_.get(), v1::SubscribeRequest());
    call.ReadSnapshot();
    token = call.token();
  }
  Stop();
  std::filesystem::remove_all(dir_ / "data");
  Start();
  Ingest(DeliveryBuilder("b").Build());
  v1::SubscribeRequest request;
  request.set_resume_token(token);
  SubscribeCall call(incidents_.get(), request);
  call.ReadKind(SubscribeResponse::kOpened);
  EXPECT_FALSE(call.ReadKind(SubscribeResponse::kReset).reset().reason().empty());
  EXPECT_EQ(call.ReadUntil(1)[0].event().incident().id(), "b");
  call.ReadKind(SubscribeResponse::kSnapshotEnd);
}

TEST_F(ServerTest, ASecondHubOnTheSameDataOrPortIsRefused) {
  Start();
  EXPECT_THAT(TryStart(), HasCode(absl::StatusCode::kFailedPrecondition));
  HubOptions options;
  options.listen = absl::StrCat("127.0.0.1:", server_->port());
  options.data_dir = dir_ / "other";
  options.ring_bytes = uint64_t{1} << 20U;
  options.max_streams = 10;
  const auto second = Server::Start(options, [](const absl::Status&) {});
  EXPECT_THAT(second, HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(second.status().message()), ::testing::HasSubstr(options.listen));
  EXPECT_EQ(Ingest(DeliveryBuilder("a").Build()).accepted().sequence(), 1U) << "the first goes on";
}

TEST_F(ServerTest, AStopEndsEveryStreamInItsOwnWay) {
  Start();
  SubscribeCall subscription(incidents_.get(), v1::SubscribeRequest());
  subscription.ReadSnapshot();
  IngestCall ingest(ingest_.get());
  ASSERT_TRUE(ingest.Write({DeliveryBuilder("a").Build()}));
  EXPECT_EQ(ingest.Read(1).size(), 1U);
  subscription.ReadUntil(1);
  EXPECT_OK(server_->Ready());
  bool stopped = false;
  std::thread stop([&] { stopped = server_->Shutdown(absl::Seconds(20)); });
  subscription.ReadKind(SubscribeResponse::kDraining);
  EXPECT_THAT(subscription.Finish(), HasReason("SHUTTING_DOWN"));
  EXPECT_THAT(ingest.Finish(), HasReason("SHUTTING_DOWN"));
  stop.join();
  EXPECT_TRUE(stopped);
  server_.reset();
}

TEST_F(ServerTest, HealthIsAnsweredForEachService) {
  Start();
  const auto health = grpc::health::v1::Health::NewStub(ConnectToHub(server_->port()));
  for (const char* service : {"", "incidenthub.v1.ConsumerService",
                              "incidenthub.v1.IncidentService", "incidenthub.v1.IngestService"}) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    grpc::health::v1::HealthCheckResponse response;
    request.set_service(service);
    ASSERT_TRUE(health->Check(&context, request, &response).ok()) << service;
    EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  }
}

TEST_F(ServerTest, MetricsTellHowFarBehindConsumersAre) {
  Start();
  EXPECT_THAT(server_->Metrics(),
              ::testing::HasSubstr("\nincidenthub_consumer_lag_events_max 0\n"));
  for (int i = 1; i <= 3; ++i) Ingest(DeliveryBuilder("a").UpdateTime(At(i)).Build());
  const auto consumers = v1::ConsumerService::NewStub(ConnectToHub(server_->port()));
  for (const char* name : {"pager", "chat"}) {
    v1::SubscribeRequest request;
    request.set_consumer(name);
    SubscribeCall older(incidents_.get(), request);
    older.ReadSnapshot();
    if (std::string(name) == "chat") continue;
    EXPECT_TRUE(testing::Commits(consumers.get(), name, older.token()));
    SubscribeCall newer(incidents_.get(), request);
    newer.ReadKind(SubscribeResponse::kOpened);
    EXPECT_THAT(older.Finish(), HasReason("SUBSCRIPTION_TAKEN_OVER"));
  }
  Ingest(DeliveryBuilder("a").UpdateTime(At(4)).Build());
  const std::string metrics = server_->Metrics();
  for (const char* line : {"incidenthub_consumers 2", "incidenthub_consumer_lag_events_max 4",
                           "incidenthub_consumer_lag_events{consumer=\"chat\"} 4",
                           "incidenthub_consumer_lag_events{consumer=\"pager\"} 1",
                           "incidenthub_consumer_takeovers_total 1"}) {
    EXPECT_THAT(metrics, ::testing::HasSubstr(absl::StrCat("\n", line, "\n")));
  }
}

TEST_F(ServerTest, TheFirstHundredConsumersHaveALagMetricAndTheGreatestLagIsOverAll) {
  Start();
  for (int i = 1; i <= 5; ++i) Ingest(DeliveryBuilder("a").UpdateTime(At(i)).Build());
  Stop();
  {
    const auto database = Database::Open(dir_ / "data");
    ASSERT_OK(database);
    WriteSet changes;
    for (int i = 0; i <= 100; ++i) {
      internal::v1::ConsumerRecord record;
      record.mutable_position()->set_position(i == 100 ? 2 : 4);
      changes.Put(Table::kConsumers, absl::StrCat("c-", absl::Dec(i, absl::kZeroPad3)),
                  record.SerializeAsString());
    }
    ASSERT_OK((*database)->Write(std::move(changes), Database::Durability::kSynced));
  }
  Start();
  const std::string metrics = server_->Metrics();
  for (const char* line : {"incidenthub_consumers 101", "incidenthub_consumer_lag_events_max 3",
                           "incidenthub_consumer_lag_events{consumer=\"c-000\"} 1",
                           "incidenthub_consumer_lag_events{consumer=\"c-099\"} 1"}) {
    EXPECT_THAT(metrics, ::testing::HasSubstr(absl::StrCat("\n", line, "\n")));
  }
  EXPECT_THAT(metrics, ::testing::Not(::testing::HasSubstr("c-100")));
}

TEST_F(ServerTest, MetricsCountWhatHappened) {
  Start();
  Ingest(DeliveryBuilder("a").Build());
  Ingest(DeliveryBuilder("a").Build());
  Ingest(testing::UnmappedDelivery(1, "{}"));
  v1::Delivery ignored = DeliveryBuilder("never-wrong").Inactive().Build();
  ignored.set_ignore_unless_known(true);
  Ingest(ignored);
  SubscribeCall call(incidents_.get(), v1::SubscribeRequest());
  call.ReadSnapshot();
  const std::string metrics = server_->Metrics();
  for (const char* line :
       {"incidenthub_events_total 1", "incidenthub_duplicates_total 1",
        "incidenthub_quarantined_total 1", "incidenthub_incidents 1", "incidenthub_head_sequence 1",
        "incidenthub_quarantine_bodies 1", "incidenthub_subscriptions 1", "incidenthub_disk_ok 1",
        "incidenthub_ignored_total 1", "incidenthub_quarantine_dropped_total 0",
        "incidenthub_quarantine_replayed_total 0"}) {
    EXPECT_THAT(metrics, ::testing::HasSubstr(absl::StrCat("\n", line, "\n")));
  }
}

}  // namespace
}  // namespace incidenthub
