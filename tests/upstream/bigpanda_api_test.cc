#include "server/upstream/bigpanda_api.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/domain/lifecycle.h"

namespace incidenthub {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

UpstreamSource Source() {
  UpstreamSource source;
  source.name = "bigpanda";
  source.base_url = "https://api.example";
  source.api_key = "BPU-secret";
  source.app_key = "app-secret";
  return source;
}

HttpAnswer Answer(int status, std::string body = "") {
  HttpAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  return answer;
}

v1::Incident Incident() {
  v1::Incident incident;
  incident.set_id("6a1f/0c 3%");
  incident.mutable_resolution()->set_actor("eve");
  incident.mutable_resolution()->set_note("said \"done\"\n");
  incident.mutable_acknowledgement()->set_actor("ada");
  return incident;
}

TEST(BigPandaApiTest, AResolveNamesWhoAndWhyAndEscapesIds) {
  const HttpRequest request = ResolveRequest(Source(), "env 1", Incident());
  EXPECT_EQ(request.url,
            "https://api.example/resources/v2.0/environments/env%201/incidents/6a1f%2F0c%203%25/"
            "resolve");
  EXPECT_EQ(request.bearer_token, "BPU-secret");
  EXPECT_EQ(request.body,
            "{\"comments\":\"Resolved by eve through incident-hub: said \\\"done\\\"\\u000a\"}");
}

TEST(BigPandaApiTest, AnAcknowledgementBecomesAComment) {
  const HttpRequest request = CommentRequest(Source(), "e", Incident());
  EXPECT_THAT(request.url, HasSubstr("/comments"));
  EXPECT_EQ(request.body, "{\"comment\":\"Acknowledged by ada through incident-hub.\"}");
}

TEST(BigPandaApiTest, TheCallbackNamesTheAppAndTheIncident) {
  const HttpRequest request = CallbackRequest(Source(), "i-1");
  EXPECT_EQ(request.url, "https://api.example/resources/v2.1/outbound/callback");
  EXPECT_EQ(request.body,
            "{\"event_type\":\"incident#new\",\"incident_id\":\"i-1\",\"app_key\":\"app-secret\"}");
}

TEST(BigPandaApiTest, EachStatusMeansWhatTheContractSays) {
  const auto verdict = [](Endpoint endpoint, int status) {
    return ReadAnswer(Source(), endpoint, Answer(status)).verdict;
  };
  for (const Endpoint endpoint : {Endpoint::kResolve, Endpoint::kComment, Endpoint::kCallback}) {
    for (const int status : {200, 202, 204}) {
      EXPECT_EQ(verdict(endpoint, status), Verdict::kDone) << status;
    }
    for (const int status : {301, 408, 425, 429, 500, 501, 502, 503, 504}) {
      EXPECT_EQ(verdict(endpoint, status), Verdict::kRetry) << status;
    }
    for (const int status : {400, 410, 413, 422}) {
      EXPECT_EQ(verdict(endpoint, status), Verdict::kRefused) << status;
    }
    EXPECT_EQ(verdict(endpoint, 401), Verdict::kBadKey);
    EXPECT_EQ(verdict(endpoint, 403), Verdict::kForbidden);
    EXPECT_EQ(verdict(endpoint, 404), Verdict::kNotFound);
  }
  EXPECT_EQ(verdict(Endpoint::kResolve, 409), Verdict::kAlready);
  EXPECT_EQ(verdict(Endpoint::kCallback, 409), Verdict::kAlready);
  EXPECT_EQ(verdict(Endpoint::kComment, 409), Verdict::kRefused);
}

TEST(BigPandaApiTest, NoAnswerIsTriedAgainAndSaysWhy) {
  HttpAnswer answer;
  answer.error = "Could not resolve host: api.example";
  const Reading reading = ReadAnswer(Source(), Endpoint::kResolve, answer);
  EXPECT_EQ(reading.verdict, Verdict::kRetry);
  EXPECT_EQ(reading.text,
            "https://api.example was not reached: Could not resolve host: api.example");
}

TEST(BigPandaApiTest, AnErrorSaysWhatTheSourceSaid) {
  const auto text = [](std::string body) {
    return ReadAnswer(Source(), Endpoint::kResolve, Answer(400, std::move(body))).text;
  };
  EXPECT_EQ(text("{\"status\":400,\"errors\":[\"comments is missing\",\"and more\"]}"),
            "https://api.example answered 400: comments is missing; and more");
  EXPECT_EQ(text("{\"statusCode\":403,\"error\":\"Forbidden\",\"message\":\"role\"}"),
            "https://api.example answered 400: role");
  EXPECT_EQ(text("<html>proxy</html>\n"), "https://api.example answered 400: <html>proxy</html>");
  EXPECT_EQ(text(""), "https://api.example answered 400");
}

TEST(BigPandaApiTest, AnErrorIsBoundedPresentableAndWithoutKeys) {
  const Reading reading =
      ReadAnswer(Source(), Endpoint::kResolve,
                 Answer(400, "{\"errors\":[\"key BPU-secret, app app-secret \\u0007\\n" +
                                 std::string(5000, 'x') + "\"]}"));
  EXPECT_THAT(reading.text, AllOf(HasSubstr("key [key], app [key]"), Not(HasSubstr("secret")),
                                  Not(HasSubstr("\n")), Not(HasSubstr("\x07"))));
  EXPECT_LE(reading.text.size(), kUpstreamErrorBytesMax);
  EXPECT_THAT(ReadAnswer(Source(), Endpoint::kResolve, Answer(500, "\xff\xfe")).text,
              HasSubstr("answered 500: ??"))
      << "what may not be UTF-8 is replaced";
}

}  // namespace
}  // namespace incidenthub
