// A disk that fills up. With --min_free_bytes the hub stops taking commands before it does, and
// goes on by itself; without, it ends, and loses nothing that it answered.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "tests/support/hub_channel.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ingest_session.h"
#include "tests/support/small_disk.h"
#include "tests/support/status_matchers.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

using Health = grpc::health::v1::HealthCheckResponse;

constexpr uint64_t kDiskBytes = uint64_t{256} << 20U;
constexpr char kMinFree[] = "--min_free_bytes=67108864";
constexpr uint64_t kTooLittle = uint64_t{16} << 20U;
constexpr char kIncidents[] = "incidenthub.v1.IncidentService";
constexpr char kIngest[] = "incidenthub.v1.IngestService";
constexpr char kDiskOk[] = "incidenthub_disk_ok";

class DiskFullTest : public HubTest {
 protected:
  void SetUp() override {
    auto disk = SmallDisk::Mount(data_dir(), kDiskBytes);
    if (!disk.ok() && disk.status().code() == absl::StatusCode::kPermissionDenied) {
      GTEST_SKIP() << "a disk of a test's own takes root: " << disk.status();
    }
    ASSERT_OK(disk);
    disk_ = *std::move(disk);
  }

  Health::ServingStatus HealthOf(const char* service) {
    const auto stub = grpc::health::v1::Health::NewStub(ConnectToHub(hub_port()));
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    Health response;
    request.set_service(service);
    EXPECT_TRUE(stub->Check(&context, request, &response).ok());
    return response.status();
  }
  bool WaitForHealth(Health::ServingStatus status) {
    return WaitUntil([&] { return HealthOf(kIngest) == status; }, kPatience);
  }
  HttpResponse ReadyzOfHub() {
    const auto response = HttpClient(hub().admin_port()).Get("/readyz");
    EXPECT_OK(response);
    return response.ok() ? *response : HttpResponse();
  }
  int LogLines(absl::string_view text) {
    int count = 0;
    for (const absl::string_view line : absl::StrSplit(hub().process().err(), '\n')) {
      if (absl::StrContains(line, text)) ++count;
    }
    return count;
  }
  absl::Status Ack(const std::string& id) {
    v1::AckRequest request;
    request.set_incident_id(id);
    request.set_actor("ada");
    return client().Ack(request).status();
  }
  absl::Status Resolve(const std::string& id) {
    v1::ResolveRequest request;
    request.set_incident_id(id);
    request.set_actor("ada");
    return client().Resolve(request).status();
  }
  static void ExpectDiskFull(const absl::Status& status) {
    EXPECT_THAT(status, AllOf(HasCode(absl::StatusCode::kUnavailable), HasReason("DISK_FULL")));
    EXPECT_GT(RetryDelay(status, absl::ZeroDuration()), absl::ZeroDuration());
  }

  std::unique_ptr<SmallDisk> disk_;
};

TEST_F(DiskFullTest, CommandsAreRefusedAndReadsAndStreamsGoOn) {
  StartHub({kMinFree});
  StartGateway({"--hold=1s"});
  const auto subscriber = Subscribe();
  PostAccepted(SmallIncident("a", 1'800'000'000));
  ASSERT_TRUE(subscriber->WaitForSequence(1, kPatience));

  ASSERT_OK(disk_->Fill(kTooLittle));
  const HttpResponse refused = Post(SmallIncident("b", 1'800'000'000));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(ParseErrorReason(refused.body), "DISK_FULL");
  EXPECT_NE(refused.Header("Retry-After"), "");
  ExpectDiskFull(Ack("a"));
  ExpectDiskFull(Resolve("a"));

  EXPECT_OK(client().Get("a"));
  EXPECT_THAT(ListSequences(), ::testing::ElementsAre(Key("a")));
  EXPECT_TRUE(Subscribe()->WaitForSnapshot(kPatience));
  EXPECT_EQ(HealthOf(kIncidents), Health::SERVING);
  EXPECT_EQ(HealthOf(kIngest), Health::NOT_SERVING);
  EXPECT_EQ(ReadyzOfHub().status, 200);
  EXPECT_THAT(ReadyzOfHub().body, HasSubstr("DISK_FULL"));
  EXPECT_TRUE(WaitForMetric(hub(), kDiskOk, 0));
  EXPECT_EQ(LogLines("too little free disk"), 1);

  // What the gateway kept is taken, and the subscriber has never been disconnected.
  disk_->Free();
  ASSERT_TRUE(subscriber->WaitForSequence(2, kPatience));
  EXPECT_EQ(subscriber->history().streams.size(), 1u);
  EXPECT_OK(Resolve("a"));
  EXPECT_EQ(LogLines("enough free disk again"), 1);
  EXPECT_THAT(ReadyzOfHub().body, Not(HasSubstr("DISK_FULL")));
}

TEST_F(DiskFullTest, IsNoticedAndForgottenWithoutACommand) {
  StartHub({kMinFree});
  EXPECT_EQ(HealthOf(kIngest), Health::SERVING);
  ASSERT_OK(disk_->Fill(kTooLittle));
  EXPECT_TRUE(WaitForHealth(Health::NOT_SERVING));
  EXPECT_EQ(HealthOf(kIncidents), Health::SERVING);
  EXPECT_EQ(HealthOf(""), Health::SERVING);
  EXPECT_TRUE(WaitForMetric(hub(), kDiskOk, 0));
  disk_->Free();
  EXPECT_TRUE(WaitForHealth(Health::SERVING));
  EXPECT_TRUE(WaitForMetric(hub(), kDiskOk, 1));
  EXPECT_EQ(LogLines("too little free disk"), 1);
  EXPECT_EQ(LogLines("enough free disk again"), 1);
}

TEST_F(DiskFullTest, AHubThatStartsOnAFullDiskServesReads) {
  StartHub({kMinFree});
  {
    IngestSession session(hub_port());
    ASSERT_OK(session.Send({MakeDelivery("a", 1)}));
  }
  EXPECT_THAT(hub().Stop(), IsOk());
  ASSERT_OK(disk_->Fill(kTooLittle));
  StartHub({kMinFree});
  EXPECT_EQ(HealthOf(kIngest), Health::NOT_SERVING);
  EXPECT_OK(client().Get("a"));
  ExpectDiskFull(Ack("a"));
  disk_->Free();
  EXPECT_TRUE(WaitForHealth(Health::SERVING));
  EXPECT_OK(Ack("a"));
}

TEST_F(DiskFullTest, AWriteThatHitsTheEndOfTheDiskEndsTheHubAndLosesNothingAnswered) {
  StartHub({"--min_free_bytes=0"});
  std::map<std::string, uint64_t> accepted;
  {
    IngestSession session(hub_port());
    ASSERT_OK(session.Send({MakeDelivery("first", 1)}));
    ASSERT_OK(disk_->Fill(uint64_t{4} << 20U));
    // Far more than the disk has, the preallocated parts of its files included.
    constexpr int kDeliveriesMax = 1000;
    for (int i = 0; i < kDeliveriesMax; ++i) {
      const auto receipts = session.Send({MakeDelivery(absl::StrCat("i-", i), 1, 300'000)});
      if (!receipts.ok()) break;
      if (!receipts->at(0).has_accepted()) {
        EXPECT_THAT(receipts->at(0).rejected().ShortDebugString(),
                    HasSubstr("its outcome is unknown"));
        break;
      }
      accepted[receipts->at(0).accepted().incident_id()] = receipts->at(0).accepted().sequence();
      ASSERT_LT(i + 1, kDeliveriesMax) << "the disk never got full";
    }
  }
  const auto exit_code = hub().process().WaitForExit(kPatience);
  ASSERT_OK(exit_code);
  EXPECT_EQ(*exit_code, 1);
  EXPECT_EQ(LogLines("cannot write any more; the hub must restart"), 1);
  EXPECT_GT(accepted.size(), 3u);

  disk_->Free();
  StartHub({"--min_free_bytes=0"});
  const std::map<std::string, uint64_t> listed = ListSequences();
  EXPECT_THAT(listed, ::testing::Contains(Key("first")));
  for (const auto& [id, sequence] : accepted) {
    const auto found = listed.find(id);
    ASSERT_NE(found, listed.end()) << id << " is lost";
    EXPECT_EQ(found->second, sequence) << id;
  }
  IngestSession session(hub_port());
  const auto again = session.Send({MakeDelivery("afterwards", 1)});
  ASSERT_OK(again);
  EXPECT_TRUE(again->at(0).has_accepted());
}

}  // namespace
}  // namespace incidenthub::testing
