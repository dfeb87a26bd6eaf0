// Cribl Stream, or what behaves as it does, against the real gateway and hub.

#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/cribl_sender.h"
#include "tests/support/http_client.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/process.h"
#include "tests/support/status_matchers.h"

namespace incidenthub::testing {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::SizeIs;

constexpr char kToken[] = "org-token-1";

class CriblTest : public HubTest {
 protected:
  CriblTest() {
    std::ofstream(dir() / "tokens") << kToken << "\n";
    std::ofstream(dir() / "app_keys") << "app-1\n";
    std::ofstream(dir() / "sources.json")
        << R"({"sources":[{"name":"cribl","kind":"alerts",)"
           R"("app_keys_file":"app_keys","credentials":[{"header":)"
           R"({"scheme":"SCHEME_BEARER","values_file":"tokens"}}]}]})";
  }
  void StartCriblGateway(std::vector<std::string> flags = {}) {
    flags.push_back(absl::StrCat("--sources_config=", dir() / "sources.json"));
    flags.push_back("--bigpanda_secret_file=");
    StartGateway(std::move(flags));
  }
  HttpResponse PostAlerts(absl::string_view body, HttpHeaders headers = {},
                          absl::string_view path = kAlertsPath) {
    if (headers.empty()) headers = {{"Authorization", absl::StrCat("Bearer ", kToken)}};
    HttpClient http(gateway().port());
    const absl::StatusOr<HttpResponse> response = http.Post(path, headers, body);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.value_or(HttpResponse());
  }

  // Bodies are bounded, and so is what is made of them.
  void ExpectBoundedMemory() {
    const absl::StatusOr<uint64_t> peak = PeakResidentBytes(gateway().process().pid());
    ASSERT_TRUE(peak.ok()) << peak.status();
    std::cout << "the gateway held " << (*peak >> 20U) << " MiB at most\n";
    EXPECT_LT(*peak, uint64_t{192} << 20U);
  }

  // What the alerts of one host became.
  struct Seen {
    size_t opened = 0;
    size_t reopened = 0;
    size_t resolved = 0;
    size_t others = 0;
  };
  static std::map<std::string, Seen> SeenByIncident(const StreamHistory& history) {
    std::map<std::string, Seen> seen;
    for (const RecordedEntry& entry : Entries(history)) {
      Seen& incident = seen[entry.incident_id];
      switch (entry.type) {
        case v1::EVENT_TYPE_OPENED:
          ++incident.opened;
          break;
        case v1::EVENT_TYPE_REOPENED:
          ++incident.reopened;
          break;
        case v1::EVENT_TYPE_RESOLVED:
          ++incident.resolved;
          break;
        default:
          ++incident.others;
      }
    }
    return seen;
  }
};

TEST_F(CriblTest, KillingTheHubLosesNothingThatWasCountedAndOpensNothingTwice) {
  StartHub();
  StartCriblGateway();
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  CriblSender sender({.port = gateway_port()});
  for (int kill = 0; kill < 2; ++kill) {
    ASSERT_TRUE(sender.WaitForBatches(20, kPatience));
    hub().Kill();
    ASSERT_NO_FATAL_FAILURE(StartHub());
  }
  ASSERT_TRUE(sender.WaitForBatches(20, kPatience));
  ASSERT_TRUE(sender.Finish(kPatience));

  const CriblSender::Report report = sender.report();
  EXPECT_THAT(report.dropped, IsEmpty());
  const std::map<std::string, uint64_t> listed = ListSequences();
  uint64_t head = 0;
  for (const auto& [id, sequence] : listed) head = std::max(head, sequence);
  ASSERT_TRUE(subscriber->WaitForSequence(head, kPatience));
  std::map<std::string, Seen> seen = SeenByIncident(subscriber->history());
  EXPECT_THAT(seen, SizeIs(report.delivered.size()));
  for (const auto& [host, alerts] : report.delivered) {
    const Seen& incident = seen[absl::StrCat("cribl/", host, "/cpu")];
    EXPECT_EQ(incident.opened, 1u) << host;
    EXPECT_EQ(incident.reopened, alerts / 2 - 1) << host;
    EXPECT_EQ(incident.resolved, alerts / 2) << host;
    EXPECT_EQ(incident.others, 0u) << host;
  }
  std::cout << report.batches << " batches delivered; answers:";
  for (const auto& [status, count] : report.statuses) std::cout << " " << count << "x" << status;
  std::cout << ", connection errors: " << report.connection_errors << "\n";
}

TEST_F(CriblTest, BatchesOfFourMegabytesAreTaken) {
  StartHub();
  StartCriblGateway();
  // 8 hosts, 64 alerts each, 8 KiB each: a little more than 4 MiB.
  CriblSender sender({.port = gateway_port(), .alerts_per_host = 64, .padding = 8 << 10});
  ASSERT_TRUE(sender.WaitForBatches(5, kPatience));
  ASSERT_TRUE(sender.Finish(kPatience));
  const CriblSender::Report report = sender.report();
  EXPECT_THAT(report.dropped, IsEmpty());
  EXPECT_THAT(report.statuses, Each(Key(201)));
  EXPECT_THAT(ListSequences(), SizeIs(report.delivered.size()));
  ExpectBoundedMemory();
}

TEST_F(CriblTest, ABadItemCostsNoOtherAndIsNamedAndKept) {
  StartHub();
  StartCriblGateway();
  const HttpResponse mixed = PostAlerts(
      "{\"app_key\":\"app-1\",\"status\":\"critical\",\"host\":\"a\"}\n"
      "{\"app_key\":\"app-1\",\"status\":\"critical\"}\n"
      "not json\n"
      "{\"app_key\":\"app-1\",\"status\":\"critical\",\"host\":\"b\"}\n");
  EXPECT_EQ(mixed.status, 201) << mixed.body;
  EXPECT_THAT(mixed.body, HasSubstr("\"accepted\":2"));
  EXPECT_THAT(mixed.body, HasSubstr("\"bad\":2"));
  EXPECT_THAT(mixed.body, HasSubstr("{\"index\":1,"));
  EXPECT_THAT(mixed.body, HasSubstr("{\"index\":2,"));
  EXPECT_THAT(mixed.body, HasSubstr("\"quarantined\":[1]"));
  EXPECT_THAT(ListSequences(), SizeIs(2));

  const HttpResponse bad = PostAlerts("[{\"app_key\":\"app-1\",\"status\":\"critical\"}]");
  EXPECT_EQ(bad.status, 422) << bad.body;
  EXPECT_THAT(bad.body, HasSubstr("UNMAPPED"));
  EXPECT_EQ(PostAlerts("not json").status, 400);
}

TEST_F(CriblTest, AnswersAreThoseOfTheAlertsApi) {
  StartHub();
  StartCriblGateway();
  const std::string alert =
      R"({"app_key":"app-1","status":"critical","host":"a","timestamp":1790000000})";
  EXPECT_EQ(PostAlerts(alert).status, 201);
  const HttpResponse duplicate = PostAlerts(alert);
  EXPECT_EQ(duplicate.status, 204);
  EXPECT_EQ(duplicate.body, "");
  // Nothing is wrong with it, and nothing was.
  const HttpResponse ignored =
      PostAlerts(R"({"app_key":"app-1","status":"ok","host":"never-seen"})");
  EXPECT_EQ(ignored.status, 201);
  EXPECT_THAT(ignored.body, HasSubstr("\"ignored\":1"));
  EXPECT_THAT(ListSequences(), SizeIs(1));
}

TEST_F(CriblTest, CriticalOkCriticalWithoutTimesIsThreeEvents) {
  StartHub();
  StartCriblGateway();
  const auto subscriber = Subscribe();
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  for (const char* status : {"critical", "ok", "critical"}) {
    EXPECT_EQ(PostAlerts(absl::StrCat(R"({"app_key":"app-1","host":"a","status":")", status, "\"}"))
                  .status,
              201);
  }
  ASSERT_TRUE(subscriber->WaitForSequence(3, kPatience));
  const Seen seen = SeenByIncident(subscriber->history())["cribl/a"];
  EXPECT_EQ(seen.opened, 1u);
  EXPECT_EQ(seen.resolved, 1u);
  EXPECT_EQ(seen.reopened, 1u);
}

TEST_F(CriblTest, AMillionItemsAreBoundedAndAnswered) {
  StartHub();
  StartCriblGateway();
  std::string items = "[";
  for (int i = 0; i < 1'000'000; ++i) absl::StrAppend(&items, i == 0 ? "" : ",", "{\"a\":1}");
  items += "]";
  const HttpResponse response = PostAlerts(
      Gzip(items),
      {{"Authorization", absl::StrCat("Bearer ", kToken)}, {"Content-Encoding", "gzip"}});
  EXPECT_EQ(response.status, 422) << response.body.substr(0, 1000);
  EXPECT_THAT(response.body, HasSubstr("\"bad\":1000000"));
  EXPECT_LT(response.body.size(), size_t{64} << 10);
  ExpectBoundedMemory();
}

TEST_F(CriblTest, ABombIsRefusedAtTheBoundOfABody) {
  StartHub();
  StartCriblGateway();
  const std::string bomb = Gzip(std::string(size_t{256} << 20, ' '));
  const HttpResponse response = PostAlerts(
      bomb, {{"Authorization", absl::StrCat("Bearer ", kToken)}, {"Content-Encoding", "gzip"}});
  EXPECT_EQ(response.status, 413);
  ExpectBoundedMemory();
}

TEST_F(CriblTest, SourcesThatShareAPathAreToldApartByTokenAndAppKey) {
  std::ofstream(dir() / "tokens-2") << "org-token-2\n";
  std::ofstream(dir() / "app_keys-2") << "app-2\n";
  std::ofstream(dir() / "sources.json") << R"({"sources": [
    {"name": "cribl", "kind": "alerts", "app_keys_file": "app_keys",
     "credentials": [{"header": {"scheme": "SCHEME_BEARER", "values_file": "tokens"}}]},
    {"name": "scripts", "kind": "alerts", "app_keys_file": "app_keys-2",
     "credentials": [{"header": {"scheme": "SCHEME_BEARER", "values_file": "tokens-2"}}]}]})";
  StartHub();
  StartCriblGateway();
  const HttpHeaders second = {{"Authorization", "Bearer org-token-2"}};
  const auto alert = [](absl::string_view app_key) {
    return absl::StrCat(R"({"app_key":")", app_key, R"(","status":"critical","host":"a"})");
  };
  EXPECT_EQ(PostAlerts(alert("app-1")).status, 201);
  EXPECT_EQ(PostAlerts(alert("app-2"), second).status, 201);
  EXPECT_THAT(ListSequences(), ElementsAre(Key("cribl/a"), Key("scripts/a")));
  // Each token is good for its own source only.
  EXPECT_EQ(PostAlerts(alert("app-2")).status, 422);
  EXPECT_EQ(PostAlerts(alert("app-1"), second).status, 422);
  EXPECT_THAT(ListSequences(), SizeIs(2));
  // Its log is whole once it has ended.
  ASSERT_OK(gateway().Stop());
  EXPECT_THAT(gateway().process().err(), Not(HasSubstr("sender not admitted")))
      << "each was admitted, if not as the other";
}

TEST_F(CriblTest, ATokenInTheQueryIsTakenAndNoSecretIsInAnyLog) {
  StartHub();
  StartCriblGateway();
  const HttpHeaders none = {{"Content-Type", "application/json"}};
  EXPECT_EQ(PostAlerts(R"({"app_key":"app-1","status":"critical","host":"a"})", none,
                       absl::StrCat(kAlertsPath, "?access_token=", kToken))
                .status,
            201);
  EXPECT_EQ(PostAlerts("{}", none, absl::StrCat(kAlertsPath, "?access_token=wrong-token-2")).status,
            401);
  EXPECT_EQ(PostAlerts("{}", none).status, 401);
  EXPECT_EQ(PostAlerts(R"({"app_key":"app-of-nobody","status":"critical","host":"a"})").status,
            422);
  for (ServerProcess* server : {&hub(), &gateway()}) {
    const std::string log = server->process().err();
    EXPECT_THAT(log, Not(HasSubstr(kToken)));
    EXPECT_THAT(log, Not(HasSubstr("wrong-token-2")));
    EXPECT_THAT(log, Not(HasSubstr("app-1")));
    EXPECT_THAT(log, Not(HasSubstr("app-of-nobody")));
  }
}

}  // namespace
}  // namespace incidenthub::testing
