#include "server/upstream/worker.h"

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/rank.h"
#include "tests/core/core_fixture.h"
#include "tests/support/fake_bigpanda.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"

namespace incidenthub {
namespace {

using ::testing::AllOf;
using testing::BigPandaEndpoint;
using testing::DeliveryBuilder;
using testing::FakeBigPanda;
using testing::FakeBigPandaOptions;
using ::testing::HasSubstr;
using testing::StatusFault;
using testing::WaitUntil;
using v1::Upstream;

constexpr absl::Duration kWaitMax = absl::Seconds(30);

class UpstreamWorkerTest : public testing::CoreTest {
 protected:
  UpstreamWorkerTest() {
    clock_.Set(absl::Now());
    fake_options_.rate_limit = 0;
    fake_options_.lock = false;
    options_.config_file = folder_.path() + "/upstream.json";
    options_.rate = 100;
    options_.backoff = {.first = absl::Milliseconds(10), .most = absl::Milliseconds(100)};
    options_.reload_interval = absl::Milliseconds(50);
    Write("api_key", testing::kBigPandaApiKey);
    Write("app_key", testing::kBigPandaAppKey);
  }
  ~UpstreamWorkerTest() override { StopAll(); }

  void Write(const std::string& name, const std::string& text) {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path + ".new", std::ios::trunc) << text;
    ASSERT_EQ(std::rename((path + ".new").c_str(), path.c_str()), 0);
  }
  // `more`: further members of the source's entry.
  void Configure(const std::string& base_url, const std::string& more = "") {
    Write("upstream.json",
          absl::StrCat(R"({"sources":[{"source":"bigpanda","api_key_file":"api_key","base_url":")",
                       base_url, "\"", more, "}]}"));
  }
  void StartFake() {
    auto fake = FakeBigPanda::Start(fake_options_);
    ASSERT_OK(fake);
    fake_ = *std::move(fake);
  }
  // A hub on what the database holds.
  void StartHub() {
    auto worker = UpstreamWorker::Create(options_, store_.get(), &SystemClock::Get());
    ASSERT_OK(worker);
    worker_ = *std::move(worker);
    on_published_ = [this] { worker_->OnCommitted(); };
    SequencerOptions options;
    options.upstream_targets = [this](absl::string_view name) { return worker_->TargetsOf(name); };
    Start(options);
    worker_->Start(sequencer_.get());
  }
  void StartAll(const std::string& more = "") {
    StartFake();
    Configure(fake_->base_url(), more);
    StartHub();
  }
  void StopAll() {
    if (worker_ != nullptr) worker_->Stop();
    StopHub();
    worker_.reset();
  }

  void Open(const std::string& id,
            const std::string& environment_id = testing::kBigPandaEnvironmentId) {
    ASSERT_OK(fake_->OpenIncident(id, environment_id));
    Commit(DeliveryBuilder(id).UpdateTime(testing::At(10)).Environment(environment_id).Build());
  }
  void Resolve(const std::string& id) {
    v1::ResolveRequest request = testing::ResolveOf(id, "eve");
    request.set_note("rolled back");
    Commit(std::move(request));
  }

  Upstream UpstreamOf(const std::string& id) {
    const auto state = store_->FindIncident(id);
    EXPECT_OK(state);
    return state.ok() && state->has_value() ? (*state)->incident.upstream() : Upstream();
  }
  bool Await(const std::string& id, Upstream::State state) {
    return WaitUntil([&] { return UpstreamOf(id).state() == state; }, kWaitMax);
  }
  // What is known of the resolve that waits.
  std::string WaitingError(const std::string& id) {
    const auto item = worker_->Describe(UpstreamKind::kPending, UpstreamOf(id).request_sequence());
    return item.has_value() ? item->last_error : "";
  }
  size_t Asked(BigPandaEndpoint endpoint) const { return fake_->requests(endpoint).size(); }

  testing::TempDir folder_;
  FakeBigPandaOptions fake_options_;
  UpstreamOptions options_;
  std::unique_ptr<FakeBigPanda> fake_;
  std::unique_ptr<UpstreamWorker> worker_;
};

TEST_F(UpstreamWorkerTest, AResolveIsToldWithWhoAndWhyAndAcceptedOnce) {
  StartAll();
  Open("i-1");
  Resolve("i-1");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
  EXPECT_TRUE(fake_->WaitForResolved("i-1"));
  const auto requests = fake_->requests(BigPandaEndpoint::kResolve);
  ASSERT_EQ(requests.size(), 1U);
  EXPECT_EQ(requests[0].incident_id, "i-1");
  EXPECT_EQ(requests[0].environment_id, testing::kBigPandaEnvironmentId);
  EXPECT_EQ(requests[0].comment, "Resolved by eve through incident-hub: rolled back");
  EXPECT_EQ(UpstreamOf("i-1").attempts(), 1U);
  EXPECT_TRUE(WaitUntil([&] { return worker_->status().resolves_waiting == 0; }, kWaitMax));
}

TEST_F(UpstreamWorkerTest, WhatIsResolvedThereAlreadyIsConfirmed) {
  StartAll();
  Open("i-1");
  ASSERT_OK(fake_->Close("i-1"));
  Resolve("i-1");
  EXPECT_TRUE(Await("i-1", Upstream::STATE_CONFIRMED));
}

TEST_F(UpstreamWorkerTest, WhatMayPassIsTriedAgainWhateverItWas) {
  StartAll();
  Open("i-1");
  for (const int status : {500, 502, 503, 408, 429, 302}) {
    fake_->AddFault(BigPandaEndpoint::kResolve, StatusFault(status));
  }
  auto reset = testing::ResetFault();
  reset.takes_effect = false;
  fake_->AddFault(BigPandaEndpoint::kResolve, reset);
  auto garbage = testing::GarbageFault();
  garbage.takes_effect = false;
  fake_->AddFault(BigPandaEndpoint::kResolve, garbage);
  Resolve("i-1");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
  EXPECT_EQ(UpstreamOf("i-1").attempts(), 9U);
}

TEST_F(UpstreamWorkerTest, AnAnswerThatWasLostIsAskedForAgainAndCloses) {
  StartAll();
  Open("i-1");
  fake_->AddFault(BigPandaEndpoint::kResolve, testing::ResetFault(0));
  Resolve("i-1");
  ASSERT_TRUE(WaitUntil(
      [&] {
        return UpstreamOf("i-1").state() == Upstream::STATE_ACCEPTED ||
               UpstreamOf("i-1").state() == Upstream::STATE_CONFIRMED;
      },
      kWaitMax));
  EXPECT_EQ(Asked(BigPandaEndpoint::kResolve), 2U);
}

TEST_F(UpstreamWorkerTest, RetryAfterIsHonouredForTheEndpoint) {
  StartAll();
  Open("i-1");
  Open("i-2");
  fake_->AddFault(BigPandaEndpoint::kResolve, StatusFault(429, "2"));
  Resolve("i-1");
  ASSERT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kResolve, 1));
  ASSERT_TRUE(WaitUntil([&] { return !WaitingError("i-1").empty(); }, kWaitMax));
  Resolve("i-2");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
  ASSERT_TRUE(Await("i-2", Upstream::STATE_ACCEPTED));
  const auto requests = fake_->requests(BigPandaEndpoint::kResolve);
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_GE(requests[1].time - requests[0].time, absl::Milliseconds(1990));
}

TEST_F(UpstreamWorkerTest, ARefusalFailsWithItsTextUntilSomebodyResolvesAgain) {
  StartAll();
  Open("i-1");
  fake_->AddFault(BigPandaEndpoint::kResolve,
                  StatusFault(422, "", R"({"status":422,"errors":["it is merged"]})"));
  Resolve("i-1");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_FAILED));
  EXPECT_THAT(UpstreamOf("i-1").last_error(), HasSubstr("answered 422: it is merged"));
  EXPECT_EQ(store_->upstream().Read(UpstreamKind::kFailed, 0, 10)->size(), 1U);
  Resolve("i-1");
  EXPECT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
  EXPECT_TRUE(store_->upstream().Read(UpstreamKind::kFailed, 0, 10)->empty());
}

TEST_F(UpstreamWorkerTest, AnUnknownIncidentFailsOnceTheRegionIsKnownToBeRight) {
  StartAll();
  Commit(DeliveryBuilder("nobody's").Environment(testing::kBigPandaEnvironmentId).Build());
  Resolve("nobody's");
  ASSERT_TRUE(Await("nobody's", Upstream::STATE_FAILED));
  EXPECT_THAT(UpstreamOf("nobody's").last_error(), HasSubstr("answered 404"));
}

TEST_F(UpstreamWorkerTest, AWrongRegionFailsNothing) {
  StartFake();
  fake_->SetRandomFault(BigPandaEndpoint::kEnvironments, StatusFault(404), 1, 1);
  Configure(fake_->base_url());
  StartHub();
  Open("i-1");
  fake_->SetRandomFault(BigPandaEndpoint::kResolve, StatusFault(404), 1, 1);
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().sources_paused == 1; }, kWaitMax));
  Resolve("i-1");
  EXPECT_THAT(worker_->Notice(), AllOf(HasSubstr("upstream bigpanda: "), HasSubstr("region")));
  fake_->ClearFaults();
  Configure(fake_->base_url(), R"(,"default_environment_id":"changed")");
  EXPECT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED)) << "once the entry is corrected";
}

TEST_F(UpstreamWorkerTest, WithoutAnEnvironmentTheDefaultIsAskedOrItFails) {
  StartAll();
  Commit(DeliveryBuilder("i-1").Build());
  Resolve("i-1");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_FAILED));
  EXPECT_THAT(UpstreamOf("i-1").last_error(), HasSubstr("default_environment_id"));
  EXPECT_EQ(Asked(BigPandaEndpoint::kResolve), 0U);
  Configure(fake_->base_url(),
            absl::StrCat(",\"default_environment_id\":\"", testing::kBigPandaEnvironmentId, "\""));
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_TRUE(WaitUntil(
      [&] {
        Resolve("i-1");
        return UpstreamOf("i-1").state() == Upstream::STATE_ACCEPTED;
      },
      kWaitMax));
}

TEST_F(UpstreamWorkerTest, ABadKeyFailsNothingAndAGoodOneGoesOnWithoutARestart) {
  Write("api_key", "wrong");
  StartAll();
  for (const char* id : {"i-1", "i-2", "i-3"}) {
    Open(id);
    Resolve(id);
  }
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().sources_paused == 1; }, kWaitMax));
  EXPECT_FALSE(worker_->status().keys["bigpanda"].good);
  EXPECT_THAT(worker_->Notice(), HasSubstr("answered 401"));
  for (const char* id : {"i-1", "i-2", "i-3"}) {
    EXPECT_EQ(UpstreamOf(id).state(), Upstream::STATE_PENDING);
  }
  EXPECT_LE(Asked(BigPandaEndpoint::kResolve), 3U) << "a paused source is left alone";
  Write("api_key", testing::kBigPandaApiKey);
  for (const char* id : {"i-1", "i-2", "i-3"}) EXPECT_TRUE(Await(id, Upstream::STATE_ACCEPTED));
  EXPECT_EQ(worker_->Notice(), "");
}

TEST_F(UpstreamWorkerTest, AKeyThatIsTakenBackPausesUntilItIsGoodAgain) {
  StartAll();
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().keys["bigpanda"].good; }, kWaitMax));
  Open("i-1");
  fake_->SetApiKey("another");
  Resolve("i-1");
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().sources_paused == 1; }, kWaitMax));
  EXPECT_THAT(WaitingError("i-1"), HasSubstr("answered 401"));
  Write("api_key", "another");
  EXPECT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
}

TEST_F(UpstreamWorkerTest, AChangeOfAnotherSourceTriesNothingAgain) {
  Write("api_key", "wrong");
  Write("other_key", testing::kBigPandaApiKey);
  StartAll();
  Open("i-1");
  Resolve("i-1");
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().sources_paused == 1; }, kWaitMax));
  ASSERT_TRUE(WaitUntil([&] { return !WaitingError("i-1").empty(); }, kWaitMax));
  const size_t asked = Asked(BigPandaEndpoint::kResolve);
  Configure(fake_->base_url(),
            absl::StrCat(R"(},{"source":"other","api_key_file":"other_key","base_url":")",
                         fake_->base_url(), "\""));
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().keys["other"].good; }, kWaitMax));
  EXPECT_EQ(worker_->status().sources_paused, 1U);
  EXPECT_EQ(Asked(BigPandaEndpoint::kResolve), asked);
}

TEST_F(UpstreamWorkerTest, AForbiddenEnvironmentWaitsAndTheOthersDoNot) {
  fake_options_.environments.push_back({"env-2", "Two"});
  StartAll();
  fake_->SetPermitted("env-2", false);
  Open("i-1", "env-2");
  Open("i-2", "env-2");
  Open("i-3");
  Resolve("i-1");
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().environments_paused == 1; }, kWaitMax));
  Resolve("i-2");
  Resolve("i-3");
  EXPECT_TRUE(Await("i-3", Upstream::STATE_ACCEPTED));
  EXPECT_TRUE(WaitUntil([&] { return !WaitingError("i-2").empty(); }, kWaitMax));
  EXPECT_THAT(WaitingError("i-2"), HasSubstr("no right in environment \"env-2\""));
  EXPECT_EQ(UpstreamOf("i-1").state(), Upstream::STATE_PENDING);
  EXPECT_EQ(Asked(BigPandaEndpoint::kResolve), 2U) << "one asked for the environment";
}

TEST_F(UpstreamWorkerTest, WhatIsReopenedWhileItWaitsIsNotClosed) {
  Write("api_key", "wrong");
  StartAll();
  Open("i-1");
  Resolve("i-1");
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().sources_paused == 1; }, kWaitMax));
  Commit(DeliveryBuilder("i-1")
             .UpdateTime(testing::At(20))
             .EventType("incident#reopen", testing::At(20))
             .Environment(testing::kBigPandaEnvironmentId)
             .Build());
  EXPECT_EQ(UpstreamOf("i-1").state(), Upstream::STATE_CANCELLED);
  Write("api_key", testing::kBigPandaApiKey);
  Open("i-2");
  Resolve("i-2");
  ASSERT_TRUE(Await("i-2", Upstream::STATE_ACCEPTED));
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().resolves_waiting == 0; }, kWaitMax));
  EXPECT_FALSE(fake_->Find("i-1")->resolved);
}

TEST_F(UpstreamWorkerTest, AFirstArrivalIsCalledBackOnceAndAnAcknowledgementBecomesAComment) {
  StartAll(R"(,"app_key_file":"app_key","comment_on_ack":true)");
  Open("i-1");
  ASSERT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kCallback, 1));
  EXPECT_EQ(fake_->requests(BigPandaEndpoint::kCallback)[0].incident_id, "i-1");
  EXPECT_EQ(fake_->requests(BigPandaEndpoint::kCallback)[0].status, 200);
  v1::AckRequest ack = testing::AckOf("i-1", "ada");
  ack.set_note("looking");
  Commit(std::move(ack));
  ASSERT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kComments, 1));
  EXPECT_EQ(fake_->requests(BigPandaEndpoint::kComments)[0].comment,
            "Acknowledged by ada through incident-hub: looking");
  Commit(DeliveryBuilder("i-1").UpdateTime(testing::At(20)).Build());
  Resolve("i-1");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
  EXPECT_EQ(Asked(BigPandaEndpoint::kCallback), 1U);
  EXPECT_EQ(Asked(BigPandaEndpoint::kComments), 1U);
  EXPECT_TRUE(WaitUntil(
      [&] { return store_->upstream().Read(UpstreamKind::kComment, 0, 10)->empty(); }, kWaitMax));
  EXPECT_TRUE(store_->upstream().Read(UpstreamKind::kCallback, 0, 10)->empty());
}

TEST_F(UpstreamWorkerTest, ASourceThatNeverConfirmsIsUnconfirmedAndAskedAgainOnlyByHand) {
  options_.confirm_timeout = absl::Seconds(1);
  StartAll();
  Open("i-1");
  Resolve("i-1");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_UNCONFIRMED));
  EXPECT_THAT(UpstreamOf("i-1").last_error(), HasSubstr("did not say within 1s"));
  EXPECT_EQ(UpstreamOf("i-1").attempts(), 1U);
  Resolve("i-1");
  EXPECT_TRUE(Await("i-1", Upstream::STATE_CONFIRMED)) << "there it is resolved by now";
}

TEST_F(UpstreamWorkerTest, WhatIsTriedForTooLongFailsAndSaysWhatTheLastTrySaid) {
  options_.give_up = absl::Seconds(1);
  StartAll();
  Open("i-1");
  fake_->SetRandomFault(BigPandaEndpoint::kResolve, StatusFault(503), 1, 1);
  Resolve("i-1");
  ASSERT_TRUE(Await("i-1", Upstream::STATE_FAILED));
  EXPECT_THAT(UpstreamOf("i-1").last_error(),
              AllOf(HasSubstr("given up after 1"), HasSubstr("answered 503")));
}

TEST_F(UpstreamWorkerTest, NothingIsGivenUpForHavingWaitedForAGoodKey) {
  Write("api_key", "wrong");
  options_.give_up = absl::Seconds(1);
  StartAll();
  Open("i-1");
  Resolve("i-1");
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().sources_paused == 1; }, kWaitMax));
  // Asked for longer ago than what is given up.
  const absl::Time late = TimeOf(UpstreamOf("i-1").update_time()) + 2 * options_.give_up;
  ASSERT_TRUE(WaitUntil([&] { return absl::Now() > late; }, kWaitMax));
  Write("api_key", testing::kBigPandaApiKey);
  EXPECT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
}

TEST_F(UpstreamWorkerTest, WhatWasNotToldBeforeARestartIsToldAfterIt) {
  StartAll(R"(,"app_key_file":"app_key")");
  fake_->SetRandomFault(BigPandaEndpoint::kResolve, StatusFault(503), 1, 1);
  fake_->SetRandomFault(BigPandaEndpoint::kCallback, StatusFault(503), 1, 1);
  Open("i-1");
  Resolve("i-1");
  ASSERT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kResolve, 1));
  StopAll();
  CrashHub();
  fake_->ClearFaults();
  StartHub();
  EXPECT_TRUE(Await("i-1", Upstream::STATE_ACCEPTED));
  EXPECT_TRUE(WaitUntil(
      [&] { return store_->upstream().Read(UpstreamKind::kCallback, 0, 10)->empty(); }, kWaitMax));
}

TEST_F(UpstreamWorkerTest, WhatIsTooMuchForTheMemoryWaitsInTheStore) {
  constexpr size_t kIncidents = 7;
  Write("api_key", "wrong");
  options_.items_max = 2;
  StartAll();
  ASSERT_TRUE(WaitUntil([&] { return worker_->status().sources_paused == 1; }, kWaitMax));
  for (size_t i = 0; i < kIncidents; ++i) {
    Open(absl::StrCat("i-", i));
    Resolve(absl::StrCat("i-", i));
  }
  EXPECT_TRUE(WaitUntil([&] { return worker_->status().resolves_waiting == 2; }, kWaitMax));
  EXPECT_EQ(store_->upstream().Read(UpstreamKind::kPending, 0, 10)->size(), kIncidents);
  Write("api_key", testing::kBigPandaApiKey);
  for (size_t i = 0; i < kIncidents; ++i) {
    EXPECT_TRUE(Await(absl::StrCat("i-", i), Upstream::STATE_ACCEPTED)) << i;
  }
}

TEST_F(UpstreamWorkerTest, NeverAboveTheRateWhateverGoesWrong) {
  constexpr int kIncidents = 150;
  options_.rate = 40;
  options_.timeout = absl::Seconds(1);
  fake_options_.rate_limit = 40;
  StartAll();
  fake_->SetRandomFault(BigPandaEndpoint::kResolve, StatusFault(500), 0.2, 7);
  for (int i = 0; i < kIncidents; ++i) {
    Open(absl::StrCat("i-", i));
    Resolve(absl::StrCat("i-", i));
  }
  for (int i = 0; i < kIncidents; ++i) {
    EXPECT_TRUE(Await(absl::StrCat("i-", i), Upstream::STATE_ACCEPTED)) << i;
  }
  EXPECT_LE(fake_->MostInASecond(BigPandaEndpoint::kResolve), 40U);
  for (const auto& request : fake_->requests(BigPandaEndpoint::kResolve)) {
    EXPECT_NE(request.status, 429);
  }
}

TEST_F(UpstreamWorkerTest, AHostThatIsNotReachedIsNamedWithTheReason) {
  StartFake();
  const std::vector<std::pair<std::string, std::string>> hosts = {
      {"https://nowhere.invalid", "Could not resolve host"},
      {"http://127.0.0.1:1", "connect to 127.0.0.1 port 1"}};
  for (const auto& host : hosts) {
    const std::string& url = host.first;
    Configure(url);
    StartHub();
    Open(url);
    Resolve(url);
    ASSERT_TRUE(WaitUntil([&] { return !WaitingError(url).empty(); }, kWaitMax));
    EXPECT_THAT(WaitingError(url),
                AllOf(HasSubstr(url + " was not reached"), HasSubstr(host.second)));
    EXPECT_EQ(UpstreamOf(url).state(), Upstream::STATE_PENDING);
    StopAll();
    RestartHub();
  }
}

TEST_F(UpstreamWorkerTest, WithoutAConfigurationNobodyIsTold) {
  options_.config_file.clear();
  StartFake();
  StartHub();
  Open("i-1");
  Resolve("i-1");
  EXPECT_EQ(UpstreamOf("i-1").state(), Upstream::STATE_UNSPECIFIED);
  EXPECT_TRUE(fake_->requests().empty());
}

}  // namespace
}  // namespace incidenthub
