// Several sources at one gateway, each with its own path and credential.

#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/http_client.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::SizeIs;

constexpr absl::string_view kApono = "/v1/webhooks/apono";

class SourcesTest : public HubTest {
 protected:
  SourcesTest() {
    std::ofstream(dir() / "us") << "Bearer us-secret\n";
    std::ofstream(dir() / "eu") << "eu-secret\n";
    std::ofstream(dir() / "apono") << "apono-token\n";
    std::ofstream(dir() / "cribl") << "cribl-token\n";
    std::ofstream(dir() / "app-keys") << "app-key\n";
    std::ofstream(dir() / "sources.json") << R"({"sources": [
      {"name": "bigpanda", "kind": "bigpanda",
       "credentials": [{"header": {"values_file": "us"}}]},
      {"name": "bigpanda-eu", "kind": "bigpanda",
       "credentials": [{"header": {"name": "my-api-key", "values_file": "eu"}}]},
      {"name": "apono", "kind": "apono",
       "credentials": [{"header": {"scheme": "SCHEME_BEARER", "values_file": "apono"}}]},
      {"name": "cribl", "kind": "alerts", "app_keys_file": "app-keys",
       "credentials": [{"header": {"scheme": "SCHEME_BEARER", "values_file": "cribl"}}]}]})";
  }
  void StartAll() {
    StartHub();
    StartGateway(
        {"--bigpanda_secret_file=", absl::StrCat("--sources_config=", dir() / "sources.json")});
  }
  HttpResponse PostTo(absl::string_view path, const HttpHeaders& headers, absl::string_view body) {
    HttpClient http(gateway_port());
    const absl::StatusOr<HttpResponse> response = http.Post(path, headers, body);
    EXPECT_OK(response);
    return response.value_or(HttpResponse());
  }
  HttpResponse PostApono(absl::string_view status, absl::string_view time) {
    return PostTo(
        kApono, {{"Authorization", "Bearer apono-token"}},
        absl::StrCat(R"({"event_type":"integration.status","event_time":")", time,
                     R"(","data":{"id":"int-1","name":"prod-db","type":"postgresql",)",
                     R"("status":")", status,
                     R"(","issues":[{"status":"Error","message":"no route to host"}]}})"));
  }
};

TEST_F(SourcesTest, InstancesOfOneKindHavePathsAndSecretsOfTheirOwn) {
  StartAll();
  const std::string eu_path = absl::StrCat(kWebhookPath, "/bigpanda-eu");
  const HttpHeaders us = {{"Authorization", "Bearer us-secret"}};
  const HttpHeaders eu = {{"my-api-key", "eu-secret"}};
  const std::string body = SmallIncident("i-1", 1'790'000'000);
  EXPECT_EQ(PostTo(kWebhookPath, eu, body).status, 401);
  EXPECT_EQ(PostTo(eu_path, us, body).status, 401);
  EXPECT_EQ(PostTo(absl::StrCat(kWebhookPath, "/unknown"), us, body).status, 404);
  EXPECT_THAT(ListSequences(), IsEmpty());
  EXPECT_EQ(PostTo(kWebhookPath, us, body).status, 200);
  EXPECT_EQ(PostTo(eu_path, eu, SmallIncident("i-2", 1'790'000'000)).status, 200);
  const auto first = client().Get("i-1");
  const auto second = client().Get("i-2");
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ(first->source(), "bigpanda");
  EXPECT_EQ(second->source(), "bigpanda-eu");
}

TEST_F(SourcesTest, AnIntegrationOfAponoBreaksRecoversAndBreaksAgain) {
  StartAll();
  const HttpResponse first = PostApono("Initializing", "2026-09-22T00:00:00Z");
  EXPECT_EQ(first.status, 200);
  EXPECT_THAT(first.body, HasSubstr(R"("data":{"status":"accepted")"));
  EXPECT_THAT(ListSequences(), IsEmpty()) << "nothing is wrong with it";

  const HttpResponse broken = PostApono("Error", "2026-09-22T00:01:00Z");
  EXPECT_EQ(broken.status, 200) << broken.body;
  EXPECT_THAT(broken.body, HasSubstr(R"("data":{"status":"accepted")"));
  EXPECT_THAT(ListSequences(), ElementsAre(Key("apono/int-1")));
  EXPECT_EQ(client().Get("apono/int-1")->state(), v1::STATE_OPEN);
  // A word that says nothing of it being well.
  EXPECT_EQ(PostApono("Refreshing", "2026-09-22T00:02:00Z").status, 200);
  EXPECT_EQ(client().Get("apono/int-1")->state(), v1::STATE_OPEN);
  EXPECT_EQ(PostApono("Active", "2026-09-22T00:03:00Z").status, 200);
  EXPECT_EQ(client().Get("apono/int-1")->state(), v1::STATE_RESOLVED);
  EXPECT_EQ(PostApono("Warning", "2026-09-22T00:04:00Z").status, 200);
  EXPECT_EQ(client().Get("apono/int-1")->state(), v1::STATE_OPEN);
}

TEST_F(SourcesTest, ATestOfAponoIsAnsweredAndOpensNothing) {
  StartAll();
  const HttpResponse answer =
      PostTo(kApono, {{"Authorization", "Bearer apono-token"}},
             R"({"event_type":"{{event_type}}","event_time":"{{event_time}}","data":{"id":)"
             R"("{{data.id}}","name":"{{data.name}}","type":"{{data.type}}","status":)"
             R"("{{data.status}}","issues":[{"status":"{{s}}","message":"{{m}}"}]}})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"status":"accepted","data":{"status":"accepted","test":true}})");
  EXPECT_THAT(ListSequences(), IsEmpty());
}

TEST_F(SourcesTest, ASecretThatIsReplacedCountsWithoutARestart) {
  StartAll();
  const HttpHeaders old_one = {{"Authorization", "Bearer us-secret"}};
  const HttpHeaders new_one = {{"Authorization", "Bearer us-secret-2"}};
  EXPECT_EQ(PostTo(kWebhookPath, new_one, SmallIncident("i-1", 1'790'000'000)).status, 401);
  std::ofstream(dir() / "us") << "Bearer us-secret\nBearer us-secret-2\n";
  EXPECT_TRUE(WaitUntil(
      [&] {
        return PostTo(kWebhookPath, new_one, SmallIncident("i-1", 1'790'000'000)).status == 200;
      },
      kPatience));
  EXPECT_EQ(PostTo(kWebhookPath, old_one, SmallIncident("i-1", 1'790'000'001)).status, 200);
  std::ofstream(dir() / "us") << "Bearer us-secret-2\n";
  EXPECT_TRUE(WaitUntil(
      [&] {
        return PostTo(kWebhookPath, old_one, SmallIncident("i-1", 1'790'000'002)).status == 401;
      },
      kPatience));
}

TEST_F(SourcesTest, EverySourceByEveryCredential) {
  struct Sent {
    std::string path;
    std::string header;
    // Before the secret, in the header and in the file.
    std::string in_header;
    std::string in_file;
    std::string file;
    std::string secret;
    std::string body;
  };
  const std::vector<Sent> sources = {
      {std::string(kWebhookPath), "Authorization", "Bearer ", "Bearer ", "us", "us-secret",
       SmallIncident("i-1", 1'790'000'000)},
      {absl::StrCat(kWebhookPath, "/bigpanda-eu"), "my-api-key", "", "", "eu", "eu-secret",
       SmallIncident("i-2", 1'790'000'000)},
      {std::string(kApono), "Authorization", "Bearer ", "", "apono", "apono-token",
       R"({"event_type":"integration.status","event_time":"2026-09-22T00:00:00Z",)"
       R"("data":{"id":"i","name":"n","type":"t","status":"Error"}})"},
      {"/data/v2/alerts", "Authorization", "Bearer ", "", "cribl", "cribl-token",
       R"({"app_key":"app-key","status":"critical","host":"h","timestamp":1790000000})"}};
  StartAll();
  for (const Sent& sent : sources) {
    const auto answer_to = [&](const std::string& secret) {
      return PostTo(sent.path, {{sent.header, sent.in_header + secret}}, sent.body).status;
    };
    EXPECT_EQ(PostTo(sent.path, {}, sent.body).status, 401) << sent.path << " without";
    for (const std::string& wrong :
         {std::string("wrong"), sent.secret + "x", sent.secret.substr(0, sent.secret.size() - 1),
          std::string()}) {
      EXPECT_EQ(answer_to(wrong), 401) << sent.path << " with " << wrong;
    }
    // Of another source.
    EXPECT_EQ(answer_to(sent.file == "us" ? "eu-secret" : "us-secret"), 401) << sent.path;
    EXPECT_THAT(answer_to(sent.secret), AnyOf(200, 201)) << sent.path;
    std::ofstream(dir() / sent.file) << sent.in_file << "rotated\n";
    EXPECT_TRUE(WaitUntil([&] { return answer_to(sent.secret) == 401; }, kPatience)) << sent.path;
    EXPECT_THAT(answer_to("rotated"), AnyOf(200, 201, 204)) << sent.path;
  }
  EXPECT_THAT(ListSequences(), SizeIs(sources.size()));
}

}  // namespace
}  // namespace incidenthub::testing
