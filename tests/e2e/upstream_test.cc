// The way back, whole: a BigPanda that posts webhooks, the real gateway and hub, responders with
// grpcurl and incidentctl, and the same BigPanda asked to resolve.

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/follower.h"
#include "tests/e2e/grpcurl.h"
#include "tests/e2e/steady_poster.h"
#include "tests/support/fake_bigpanda.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using v1::Upstream;

class UpstreamTest : public HubTest {
 protected:
  void SetUp() override {
    options_.webhook_url =
        absl::StrCat("http://127.0.0.1:", gateway_port(), "/v1/webhooks/bigpanda");
    options_.webhook_header_name = "Authorization";
    options_.webhook_header_value = std::string(kWebhookSecret);
    // While the hub is down, as somebody else's retries would.
    options_.webhook_attempts = 100;
    Write("api_key", kBigPandaApiKey);
    Write("app_key", kBigPandaAppKey);
  }
  void TearDown() override { fake_.reset(); }

  void Write(const std::string& name, const std::string& text) {
    const std::string path = dir() / name;
    std::ofstream(path + ".new", std::ios::trunc) << text << "\n";
    ASSERT_EQ(std::rename((path + ".new").c_str(), path.c_str()), 0);
  }
  void Configure(const std::string& base_url) {
    Write("upstream.json",
          absl::StrCat(R"({"sources":[{"source":"bigpanda","api_key_file":"api_key",)",
                       R"("app_key_file":"app_key","comment_on_ack":true,"base_url":")", base_url,
                       "\"}]}"));
  }
  void StartFake() {
    auto fake = FakeBigPanda::Start(options_);
    ASSERT_OK(fake);
    fake_ = *std::move(fake);
    Configure(fake_->base_url());
  }
  void StartAll(std::vector<std::string> flags = {}) {
    StartFake();
    flags_ = std::move(flags);
    flags_.push_back(absl::StrCat("--upstream_config=", dir() / "upstream.json"));
    StartHub(flags_);
    StartGateway();
  }
  // SIGKILL, and a new start on the same data.
  void Crash() {
    hub().Kill();
    StartHub(flags_);
  }

  std::string Run(std::vector<std::string> command) {
    const auto finished = RunProcess(command, kPatience);
    EXPECT_OK(finished);
    if (!finished.ok()) return "";
    EXPECT_EQ(finished->exit_code, 0) << finished->err;
    return finished->out;
  }
  std::string Incidentctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BinaryPath("incidentctl"));
    arguments.push_back(absl::StrCat("--hub=", hub().address()));
    return Run(std::move(arguments));
  }

  bool AwaitState(const std::string& id, Upstream::State state) {
    return WaitUntil(
        [&] {
          const auto incident = client().Get(id);
          return incident.ok() && incident->upstream().state() == state;
        },
        kPatience);
  }
  bool AwaitThere(const std::string& id) {
    return WaitUntil([&] { return client().Get(id).ok(); }, kPatience);
  }
  absl::Status Resolve(const std::string& id) {
    v1::ResolveRequest request;
    request.set_incident_id(id);
    request.set_actor("eve");
    request.set_note("rolled back");
    absl::Status status;
    // Across a crash; idempotent by state.
    WaitUntil(
        [&] {
          status = client().Resolve(request).status();
          return status.ok();
        },
        kPatience);
    return status;
  }

  FakeBigPandaOptions options_;
  std::vector<std::string> flags_;
  std::unique_ptr<FakeBigPanda> fake_;
};

// Type, state and upstream of what a follower saw.
std::vector<std::string> Story(const Follower& follower) {
  std::vector<std::string> story;
  for (const auto& seen : follower.entries()) {
    const v1::Event& event = seen.entry.event();
    story.push_back(absl::StrCat(v1::EventType_Name(event.type()).substr(11), " ",
                                 v1::State_Name(event.incident().state()).substr(6), " ",
                                 Upstream::State_Name(event.incident().upstream().state())));
  }
  return story;
}

TEST_F(UpstreamTest, FromTheWebhookToTheResolveThereAndItsEcho) {
  const std::string grpcurl = FindGrpcurl();
  if (grpcurl.empty()) GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
  StartAll();
  Follower follower(hub_port());
  ASSERT_TRUE(
      follower.WaitFor([](const auto& record) { return record.snapshot_ends == 1; }, kPatience));
  const absl::Time opened = absl::Now();
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_OK(fake_->Update("i-1", "Warning"));
  ASSERT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kCallback, 1));
  EXPECT_LT(absl::Now() - opened, absl::Seconds(1)) << "updates are held back until then";
  ASSERT_TRUE(fake_->WaitForWebhook("i-1", "incident#updated").has_value());

  const std::string answer = Run({grpcurl, "-plaintext", "-d",
                                  R"({"incident_id":"i-1","actor":"eve","note":"rolled back"})",
                                  hub().address(), "incidenthub.v1.IncidentService/Resolve"});
  EXPECT_THAT(answer, AllOf(HasSubstr("\"changed\": true"), HasSubstr("STATE_PENDING")));
  ASSERT_TRUE(fake_->WaitForResolved("i-1"));
  ASSERT_TRUE(fake_->WaitForWebhook("i-1", "incident#closed").has_value());
  ASSERT_TRUE(AwaitState("i-1", Upstream::STATE_CONFIRMED));

  const auto resolves = fake_->requests(BigPandaEndpoint::kResolve);
  ASSERT_EQ(resolves.size(), 1U);
  EXPECT_EQ(resolves[0].comment, "Resolved by eve through incident-hub: rolled back");
  EXPECT_EQ(fake_->requests(BigPandaEndpoint::kCallback).size(), 1U);
  ASSERT_TRUE(
      follower.WaitFor([](const auto& record) { return record.entries.size() >= 5; }, kPatience));
  EXPECT_THAT(
      Story(follower),
      ElementsAre("OPENED OPEN STATE_UNSPECIFIED", "UPDATED OPEN STATE_UNSPECIFIED",
                  "RESOLVED RESOLVED STATE_PENDING", "UPSTREAM_UPDATED RESOLVED STATE_ACCEPTED",
                  "UPDATED RESOLVED STATE_CONFIRMED"));
  EXPECT_OK(follower.Stop());
}

TEST_F(UpstreamTest, AHubThatIsKilledAtAnyStepTellsItAfterItsStart) {
  StartAll();
  int round = 0;
  // What happens before the kill; each step waits as long as it has to.
  const std::vector<std::pair<std::string, std::function<void(const std::string&)>>> steps = {
      {"before the callback", [](const std::string&) {}},
      {"with the callback unanswered",
       [this](const std::string&) { fake_->AddFault(BigPandaEndpoint::kCallback, HangFault()); }},
      {"right after the resolve", [this](const std::string& id) { ASSERT_OK(Resolve(id)); }},
      {"while the source is asked",
       [this](const std::string& id) {
         fake_->AddFault(BigPandaEndpoint::kResolve, HangFault());
         fake_->ClearRequests();
         ASSERT_OK(Resolve(id));
         ASSERT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kResolve, 1));
       }},
      {"once it is accepted",
       [this](const std::string& id) {
         ASSERT_OK(Resolve(id));
         ASSERT_TRUE(fake_->WaitForResolved(id));
       }},
  };
  for (const auto& [name, step] : steps) {
    SCOPED_TRACE(name);
    const std::string id = absl::StrCat("i-", round++);
    ASSERT_OK(fake_->OpenIncident(id));
    ASSERT_TRUE(AwaitThere(id));
    ASSERT_NO_FATAL_FAILURE(step(id));
    Crash();
    fake_->ClearFaults();
    ASSERT_OK(Resolve(id));
    EXPECT_TRUE(AwaitState(id, Upstream::STATE_CONFIRMED));
    EXPECT_TRUE(fake_->Find(id)->resolved);
    // Its callback came too, or nothing that it holds back would.
    EXPECT_TRUE(WaitUntil([&] { return !fake_->Find(id)->locked; }, kPatience));
  }
}

TEST_F(UpstreamTest, WhatTheSourceDoesWhileOursWaitsWins) {
  options_.lock = false;
  Write("api_key", "wrong");
  StartAll();
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_TRUE(AwaitThere("i-1"));
  ASSERT_OK(Resolve("i-1"));
  ASSERT_TRUE(WaitForMetric(hub(), "incidenthub_upstream_paused_sources", 1));
  ASSERT_OK(fake_->Close("i-1"));
  ASSERT_OK(fake_->Reopen("i-1"));
  Write("api_key", kBigPandaApiKey);
  ASSERT_TRUE(fake_->WaitForWebhook("i-1", "incident#reopen").has_value());
  ASSERT_TRUE(WaitUntil(
      [&] {
        const auto incident = client().Get("i-1");
        return incident.ok() && incident->state() == v1::STATE_OPEN;
      },
      kPatience));
  ASSERT_TRUE(WaitForMetric(hub(), "incidenthub_upstream_waiting{what=\"resolve\"}", 0));
  EXPECT_FALSE(fake_->Find("i-1")->resolved);
}

TEST_F(UpstreamTest, TwoThousandResolvesAllArriveThroughFaultsAndNeverAboveTheRate) {
  constexpr int kResolves = 2000;
  constexpr int kRate = 200;
  constexpr int kRefusals = 400;
  options_.lock = false;
  options_.rate_limit = kRate;
  StartAll({absl::StrCat("--upstream_rate=", kRate), "--upstream_timeout=1s"});
  std::vector<BigPandaFault> faults;
  for (int i = 0; i < kRefusals / 2; ++i) {
    faults.push_back(StatusFault(500));
    faults.push_back(StatusFault(429));
  }
  for (int i = 0; i < 100; ++i) faults.push_back(ResetFault());
  for (int i = 0; i < 20; ++i) faults.push_back(HangFault());
  std::shuffle(faults.begin(), faults.end(), std::mt19937_64(7));
  for (const BigPandaFault& fault : faults) fake_->AddFault(BigPandaEndpoint::kResolve, fault);

  const auto id = [](int i) { return absl::StrCat("i-", i); };
  for (int i = 0; i < kResolves; ++i) ASSERT_OK(fake_->OpenIncident(id(i)));
  ASSERT_TRUE(fake_->WaitForWebhooks(kResolves));
  const SteadyPoster poster(gateway_port(), 4);
  const double rate_before = poster.RateOf(2000, kPatience);
  const absl::Time storm_start = absl::Now();
  const size_t accepted_before = poster.accepted();
  for (int i = 0; i < kResolves; ++i) ASSERT_OK(Resolve(id(i)));
  EXPECT_TRUE(WaitUntil(
      [&] {
        int confirmed = 0;
        const absl::Status listed = client().List({}, [&](const v1::Incident& incident) {
          confirmed += incident.upstream().state() == Upstream::STATE_CONFIRMED ? 1 : 0;
          return true;
        });
        return listed.ok() && confirmed == kResolves;
      },
      3 * kPatience, absl::Milliseconds(500)));
  const double rate_meanwhile = static_cast<double>(poster.accepted() - accepted_before) /
                                absl::ToDoubleSeconds(absl::Now() - storm_start);
  std::cout << "webhooks a second: " << rate_before << " before, " << rate_meanwhile
            << " meanwhile\n";
  // The fake, the resolves and their echoes take their part of the same two processors.
  EXPECT_GT(rate_meanwhile, rate_before / 3);
  EXPECT_EQ(poster.failed(), 0U);
  EXPECT_LE(fake_->MostInASecond(BigPandaEndpoint::kResolve), size_t{kRate});
  // Each refusal was met; of what was done and not answered the echo may have told first.
  EXPECT_GE(fake_->requests(BigPandaEndpoint::kResolve).size(), size_t{kResolves + kRefusals});
  EXPECT_EQ(Incidentctl({"upstream"}), "");
}

TEST_F(UpstreamTest, WhatWaitsAndFailedIsListedWithTheReason) {
  const TestCa ca = MakeCa(dir().path());
  const TestCertificate certificate = MakeServerCertificate(ca);
  options_.tls_certificate_file = certificate.certificate_path;
  options_.tls_key_file = certificate.key_path;
  // The callback fails as well, and would hold the echo back.
  options_.lock = false;
  // With the system's authorities, of which this is none.
  StartAll({"--upstream_give_up=2s"});
  ASSERT_OK(fake_->OpenIncident("i-1"));
  ASSERT_TRUE(AwaitThere("i-1"));
  ASSERT_OK(Resolve("i-1"));
  ASSERT_TRUE(
      WaitUntil([&] { return Incidentctl({"upstream"}).find("certificate") != std::string::npos; },
                kPatience));
  ASSERT_TRUE(AwaitState("i-1", Upstream::STATE_FAILED));
  EXPECT_THAT(Incidentctl({"upstream"}),
              AllOf(HasSubstr("i-1"), HasSubstr("failed"), HasSubstr("given up after"),
                    HasSubstr("certificate")));
  EXPECT_THAT(Incidentctl({"get", "i-1"}), HasSubstr("failed: given up after"));
  EXPECT_THAT(Incidentctl({"history", "i-1"}), HasSubstr("upstream failed"));

  // With its own, one more resolve is enough.
  flags_ = {absl::StrCat("--upstream_config=", dir() / "upstream.json"),
            absl::StrCat("--upstream_ca_file=", ca.certificate.certificate_path)};
  Crash();
  Incidentctl({"resolve", "i-1"});
  EXPECT_TRUE(AwaitState("i-1", Upstream::STATE_CONFIRMED));
  EXPECT_EQ(Incidentctl({"upstream"}), "");
}

TEST_F(UpstreamTest, ABadKeyIsOneLineAMinuteAndNoSecretIsInAnyOfIt) {
  Write("api_key", "wrong-but-secret");
  StartAll();
  for (int i = 0; i < 5; ++i) {
    const std::string id = absl::StrCat("i-", i);
    ASSERT_OK(fake_->OpenIncident(id));
    ASSERT_TRUE(AwaitThere(id));
    ASSERT_OK(Resolve(id));
  }
  ASSERT_TRUE(WaitForMetric(hub(), "incidenthub_upstream_paused_sources", 1));
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_upstream_key_ok{source=\"bigpanda\"}", 0));
  EXPECT_TRUE(hub().WaitUntilReady()) << "a bad key is no reason to send nothing here";
  const std::string log = hub().process().err();
  size_t lines = 0;
  for (size_t at = log.find("upstream key"); at != std::string::npos;
       at = log.find("upstream key", at + 1)) {
    ++lines;
  }
  EXPECT_GE(lines, 1U);
  EXPECT_LE(lines, 2U) << "the check at the start, and maybe an answer before it";
  Write("api_key", kBigPandaApiKey);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(AwaitState(absl::StrCat("i-", i), Upstream::STATE_CONFIRMED)) << i;
  }
  EXPECT_TRUE(WaitForMetric(hub(), "incidenthub_upstream_key_ok{source=\"bigpanda\"}", 1));
  const std::string all = absl::StrCat(hub().process().err(), hub().process().out());
  for (const char* secret : {"wrong-but-secret", kBigPandaApiKey, kBigPandaAppKey}) {
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace incidenthub::testing
