// The binary fake-bigpanda: its flags, its control over HTTP, and its end.

#include <signal.h>

#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_bigpanda_fixture.h"
#include "tests/support/fake_bigpanda_json.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kBinary[] = INCIDENTHUB_BIN_DIR "/fake-bigpanda";

class Binary : public ::testing::Test {
 protected:
  void Start(const std::vector<std::string>& flags = {}) {
    std::vector<std::string> argv = {kBinary, "--port=0", "--echo_delay=10ms"};
    argv.insert(argv.end(), flags.begin(), flags.end());
    auto process = Process::Start(std::move(argv));
    ASSERT_OK(process);
    process_ = *std::move(process);
    const auto line = process_->WaitForLine(
        [](absl::string_view text) { return absl::StrContains(text, "base_url"); },
        kBigPandaWaitMax);
    ASSERT_OK(line);
    const auto object = ParseJsonObject(*line);
    ASSERT_TRUE(object.has_value()) << *line;
    const std::string url = StringMember(*object, "base_url").value_or("");
    int port = 0;
    ASSERT_TRUE(absl::SimpleAtoi(url.substr(url.rfind(':') + 1), &port)) << url;
    client_ = std::make_unique<HttpClient>(port, kBigPandaWaitMax);
  }
  HttpResponse Post(const std::string& path, const std::string& body,
                    const HttpHeaders& headers = {}) {
    const auto response = client_->Post(path, headers, body);
    EXPECT_OK(response);
    return response.ok() ? *response : HttpResponse();
  }
  std::string Get(const std::string& path) {
    const auto response = client_->Get(path);
    EXPECT_OK(response);
    return response.ok() ? response->body : "";
  }

  std::unique_ptr<Process> process_;
  std::unique_ptr<HttpClient> client_;
};

TEST_F(Binary, IsOperatedOverHttp) {
  WebhookReceiver gateway;
  Start({"--webhook_url=" + gateway.url(), "--webhook_header=my-api-key: secret", "--nolock"});
  const HttpResponse opened = Post("/fake/incidents", R"({"id":"i/1"})");
  EXPECT_EQ(opened.status, 201);
  EXPECT_THAT(opened.body, HasSubstr(R"("id":"i/1")"));
  EXPECT_EQ(Post("/fake/incidents", R"({"id":"i/1"})").status, 409);
  EXPECT_EQ(Post("/fake/incidents", "{}").status, 400);
  EXPECT_EQ(Post("/fake/incidents/i%2F1/update", R"({"status":"Warning"})").status, 200);
  EXPECT_THAT(Get("/fake/incidents/i%2F1"), HasSubstr(R"("status":"Warning")"));
  EXPECT_EQ(Post("/fake/incidents/i%2F1/comment", R"({"comment":"looking"})").status, 200);
  EXPECT_EQ(Post("/fake/incidents/i%2F1/close", "").status, 200);
  EXPECT_EQ(Post("/fake/incidents/i%2F1/close", "").status, 409);
  EXPECT_EQ(Post("/fake/incidents/i%2F1/reopen", "{}").status, 200);
  EXPECT_EQ(Post("/fake/incidents/i%2F1/explode", "{}").status, 404);
  EXPECT_EQ(Post("/fake/incidents/i-2/close", "{}").status, 404);

  EXPECT_EQ(Post("/fake/faults", R"({"endpoint":"resolve","kind":"status","status":503})").status,
            200);
  EXPECT_EQ(Post("/fake/faults", R"({"endpoint":"resolve","kind":"magic"})").status, 400);
  EXPECT_EQ(Post("/fake/api-key", R"({"api_key":"new"})").status, 200);
  const std::string path = ActionPath("i%2F1", "resolve");
  EXPECT_EQ(Post(path, R"({"comments":"done"})", KeyHeaders("new")).status, 503);
  EXPECT_EQ(Post(path, R"({"comments":"done"})", KeyHeaders("new")).status, 202);
  const std::string requests = Get("/fake/requests");
  EXPECT_THAT(requests, HasSubstr(R"("endpoint":"resolve")"));
  EXPECT_THAT(requests, HasSubstr(R"("status":202)"));
  EXPECT_THAT(Get("/fake/webhooks"), HasSubstr(R"("given_up":0)"));
}

TEST_F(Binary, KnowsImportedIncidentsWithoutTellingOfThem) {
  WebhookReceiver gateway;
  Start({"--webhook_url=" + gateway.url()});
  const HttpResponse imported = Post("/fake/import", DocumentedSample());
  EXPECT_EQ(imported.status, 201);
  EXPECT_THAT(imported.body, HasSubstr(R"("updated_on":1795298964)"));
  EXPECT_THAT(imported.body, HasSubstr(R"("locked":true)"));
  EXPECT_EQ(Post("/fake/import", DocumentedSample()).status, 409);
  EXPECT_EQ(Post("/fake/import", R"({"incident":{"id":"i-1"}})").status, 404);
  EXPECT_EQ(Post("/fake/import", R"({"id":"i-1"})").status, 400);

  const std::string id = "6a1f0c3e9b2d47g58e6071ac";
  EXPECT_EQ(Post(ActionPath(id, "resolve"), R"({"comments":"done"})", KeyHeaders()).status, 202);
  EXPECT_EQ(Post(kCallbackPath, CallbackBody(id), KeyHeaders()).status, 200);
  // The echo is the first thing that is told, and newer than what was imported.
  const auto received = gateway.WaitFor(1);
  ASSERT_FALSE(received.empty());
  const std::string echo = received[0].body;
  const auto object = ParseJsonObject(echo);
  ASSERT_TRUE(object.has_value()) << echo;
  const auto& incident = object->fields().at("incident").struct_value();
  EXPECT_EQ(StringMember(incident, "id"), id);
  EXPECT_TRUE(incident.fields().at("resolved").bool_value());
  EXPECT_GT(NumberMember(incident, "updatedOn"), 1795298964);
}

TEST_F(Binary, ReadsItsKeysFromFiles) {
  const TempDir directory;
  std::ofstream(directory / "api") << "key-of-file\n";
  std::ofstream(directory / "app") << "app-of-file\n";
  Start({"--api_key_file=" + (directory / "api"), "--app_key_file=" + (directory / "app"),
         "--environments=env-1=One,env-2=Two"});
  EXPECT_EQ(Post("/fake/incidents", R"({"id":"i-1","environment_id":"env-2"})").status, 201);
  EXPECT_EQ(
      Post(kCallbackPath, CallbackBody("i-1", "app-of-file"), KeyHeaders("key-of-file")).status,
      200);
  EXPECT_EQ(Post(kCallbackPath, CallbackBody("i-1"), KeyHeaders()).status, 401);
}

TEST_F(Binary, EndsWell) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Start();
    EXPECT_EQ(Post("/fake/incidents", R"({"id":"i-1"})").status, 201);
    process_->Signal(signal);
    const auto code = process_->WaitForExit(kBigPandaWaitMax);
    ASSERT_OK(code);
    EXPECT_EQ(*code, 0);
  }
}

TEST_F(Binary, RefusesWhatItCannotUse) {
  const std::vector<std::vector<std::string>> wrong = {
      {"positional"}, {"--api_key_file=/nowhere"}, {"--tls_cert=/nowhere", "--tls_key=/nowhere"}};
  for (std::vector<std::string> flags : wrong) {
    flags.insert(flags.begin(), {kBinary, "--port=0"});
    const auto finished = RunProcess(flags, kBigPandaWaitMax);
    ASSERT_OK(finished);
    EXPECT_EQ(finished->exit_code, 1) << flags.back();
  }
}

}  // namespace
}  // namespace incidenthub::testing
