// The FakeBigPanda's API answers as BigPanda's does, and every request is recorded.

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_bigpanda_fixture.h"
#include "tests/support/fake_bigpanda_json.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Api = FakeBigPandaTest;

TEST_F(Api, AnswersAResolveAtOnceAndClosesLater) {
  StartWithIncident();
  const HttpResponse response = Resolve();
  EXPECT_EQ(response.status, 202) << response.body;
  EXPECT_EQ(response.body, R"({"status":202,"data":{}})");
  ASSERT_TRUE(fake_->WaitForResolved("i-1"));
  const auto incident = fake_->Find("i-1");
  EXPECT_EQ(incident->status, "Ok");
  EXPECT_EQ(incident->severity, "Critical");
  EXPECT_EQ(incident->ended_on, incident->updated_on);
  EXPECT_THAT(incident->comments, ElementsAre("rolled back"));
}

TEST_F(Api, TakesAnotherResolveOnlyUntilItIsClosed) {
  FakeBigPandaOptions options;
  options.echo_delay = absl::Hours(1);
  StartWithIncident(options);
  EXPECT_EQ(Resolve().status, 202);
  EXPECT_EQ(Resolve().status, 202);
  ASSERT_OK(fake_->Close("i-1"));
  const HttpResponse response = Resolve();
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(response.body, R"({"status":409,"errors":["incident i-1 is already resolved"]})");
}

TEST_F(Api, KnowsAnIncidentInItsOwnEnvironmentOnly) {
  FakeBigPandaOptions options;
  options.environments.push_back({"env-2", "Staging"});
  StartWithIncident(options);
  for (const auto& path :
       {ActionPath("i-2", "resolve"), ActionPath("i-1", "resolve", "env-2"),
        ActionPath("i-1", "resolve", "env-3"), std::string("/resources/v2.0/nothing")}) {
    const HttpResponse response = Post(path, R"({"comments":""})");
    EXPECT_EQ(response.status, 404) << path;
    const auto error = ParseJsonObject(response.body);
    ASSERT_TRUE(error.has_value()) << response.body;
    EXPECT_EQ(NumberMember(*error, "status"), 404);
    EXPECT_THAT(error->fields().at("errors").list_value().values(), SizeIs(1));
  }
}

class UnlimitedApi : public FakeBigPandaTest {
 protected:
  static FakeBigPandaOptions Unlimited() {
    FakeBigPandaOptions options;
    options.rate_limit = 0;
    return options;
  }
};

TEST_F(UnlimitedApi, RefusesABodyThatSaysNothing) {
  StartWithIncident(Unlimited());
  for (const std::string body : {"", "{}", "[]", "{\"comments\":1}", "{\"comments\":null}", "{"}) {
    EXPECT_EQ(Post(ActionPath("i-1", "resolve"), body).status, 400) << body;
  }
  EXPECT_FALSE(fake_->Find("i-1")->resolved);
}

TEST_F(UnlimitedApi, KeepsACommentOncePerRequest) {
  StartWithIncident(Unlimited());
  for (int i = 0; i < 2; ++i) {
    const HttpResponse response = Comment("looking");
    EXPECT_EQ(response.status, 204);
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(response.Header("Content-Length"), "");
  }
  EXPECT_EQ(Post(ActionPath("i-1", "comments"), R"({"comments":"plural"})").status, 400);
  EXPECT_THAT(fake_->Find("i-1")->comments, ElementsAre("looking", "looking"));
}

TEST_F(UnlimitedApi, TakesACallback) {
  StartWithIncident(Unlimited());
  // Again does no harm.
  for (int i = 0; i < 2; ++i) {
    const HttpResponse response = Post(kCallbackPath, CallbackBody("i-1"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, R"({"status":200,"data":{}})");
  }
  EXPECT_EQ(Post(kCallbackPath, CallbackBody("i-2")).status, 404);
  EXPECT_EQ(Post(kCallbackPath, CallbackBody("i-1", "another")).status, 403);
  EXPECT_EQ(Post(kCallbackPath, R"({"incident_id":"i-1"})").status, 400);
  EXPECT_EQ(
      Post(kCallbackPath, R"({"event_type":"incident#closed","incident_id":"i-1","app_key":"x"})")
          .status,
      400);
}

TEST_F(Api, AnswersAWrongAppKeyAsTold) {
  FakeBigPandaOptions options;
  options.wrong_app_key_status = 404;
  StartWithIncident(options);
  EXPECT_EQ(Post(kCallbackPath, CallbackBody("i-1", "another")).status, 404);
}

TEST_F(Api, ListsTheEnvironmentsOfTheKey) {
  FakeBigPandaOptions options;
  options.environments.push_back({"env-2", "Staging"});
  Start(options);
  fake_->SetPermitted("env-2", false);
  EXPECT_EQ(Get(kEnvironmentsPath).body,
            R"([{"id":"6a0b1c2d3e4f5061728394a5","name":"Production EU"}])");
  fake_->SetPermitted("env-2", true);
  EXPECT_EQ(Get(kEnvironmentsPath).body,
            R"([{"id":"6a0b1c2d3e4f5061728394a5","name":"Production EU"},)"
            R"({"id":"env-2","name":"Staging"}])");
}

TEST_F(Api, AsksForTheKeyEverywhere) {
  StartWithIncident();
  EXPECT_EQ(Get(kEnvironmentsPath, "another").status, 401);
  for (const auto& path :
       {ActionPath("i-1", "resolve"), ActionPath("i-1", "comments"), std::string(kCallbackPath)}) {
    EXPECT_EQ(Post(path, "{}", KeyHeaders("another")).status, 401) << path;
    EXPECT_EQ(Post(path, "{}", {}).status, 401) << path;
  }
}

TEST_F(Api, TakesTheNewKeyOnlyOnceItIsReplaced) {
  Start();
  fake_->SetApiKey("new");
  EXPECT_EQ(Get(kEnvironmentsPath, "new").status, 200);
  EXPECT_EQ(Get(kEnvironmentsPath).status, 401);
}

TEST_F(Api, RefusesAnEnvironmentThatTheKeyHasNoRightsIn) {
  StartWithIncident();
  fake_->SetPermitted(kBigPandaEnvironmentId, false);
  EXPECT_EQ(Resolve().status, 403);
  EXPECT_EQ(Comment().status, 403);
  fake_->SetPermitted(kBigPandaEnvironmentId, true);
  EXPECT_EQ(Resolve().status, 202);
}

TEST_F(Api, DecodesPathsAfterTakingThemApart) {
  Start();
  ASSERT_OK(fake_->OpenIncident("a/b ü%"));
  EXPECT_EQ(Post(ActionPath("a%2Fb%20%c3%BC%25", "resolve"), R"({"comments":""})").status, 202);
  EXPECT_EQ(fake_->requests().at(0).incident_id, "a/b ü%");
}

TEST_F(Api, RecordsWhatWasAskedAndAnswered) {
  StartWithIncident();
  Resolve("done");
  Comment("why");
  Post(kCallbackPath, CallbackBody("i-1"));
  Get(kEnvironmentsPath, "another");
  ASSERT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kEnvironments, 1));
  const std::vector<BigPandaRequest> requests = fake_->requests();
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(requests[0].endpoint, BigPandaEndpoint::kResolve);
  EXPECT_EQ(requests[0].environment_id, kBigPandaEnvironmentId);
  EXPECT_EQ(requests[0].incident_id, "i-1");
  EXPECT_EQ(requests[0].comment, "done");
  EXPECT_EQ(requests[0].body, R"({"comments":"done"})");
  EXPECT_EQ(requests[0].status, 202);
  EXPECT_EQ(requests[1].comment, "why");
  EXPECT_EQ(requests[1].status, 204);
  EXPECT_EQ(requests[2].incident_id, "i-1");
  EXPECT_EQ(requests[2].event_type, "incident#new");
  EXPECT_EQ(requests[2].app_key, kBigPandaAppKey);
  EXPECT_EQ(requests[3].status, 401);
  EXPECT_LE(requests[0].time, requests[3].time);
  EXPECT_THAT(fake_->requests(BigPandaEndpoint::kComments), SizeIs(1));

  fake_->ClearRequests();
  EXPECT_THAT(fake_->requests(), IsEmpty());
  EXPECT_FALSE(fake_->WaitForRequests(BigPandaEndpoint::kEnvironments, 1, absl::Milliseconds(1)));
}

TEST_F(Api, LimitsEachEndpointByItself) {
  FakeBigPandaOptions options;
  options.rate_limit = 1;
  options.rate_limit_retry_after = "2";
  StartWithIncident(options);
  // Both at once, so that they come in the same second.
  const std::string path = ActionPath("i-1", "comments");
  HttpHeaders last = KeyHeaders();
  last.emplace_back("Connection", "close");
  const std::string bytes = SendAndReadAll(HttpPostBytes(path, KeyHeaders(), R"({"comment":"x"})") +
                                           HttpPostBytes(path, last, R"({"comment":"y"})"));
  HttpResponse first;
  const auto first_size = ParseHttpResponse(bytes, true, &first);
  ASSERT_OK(first_size);
  EXPECT_EQ(first.status, 204);
  HttpResponse second;
  ASSERT_OK(ParseHttpResponse(absl::string_view(bytes).substr(*first_size), true, &second));
  EXPECT_EQ(second.status, 429);
  EXPECT_EQ(second.Header("Retry-After"), "2");
  EXPECT_EQ(second.body, R"({"status":429,"errors":["too many requests"]})");
  EXPECT_EQ(Resolve().status, 202);
  EXPECT_EQ(fake_->MostInASecond(BigPandaEndpoint::kComments), 2);
  EXPECT_THAT(fake_->Find("i-1")->comments, ElementsAre("x", "rolled back"));
}

TEST(RateMeter, LooksAtTheLastSecondOnly) {
  RateMeter meter;
  const absl::Time start = absl::UnixEpoch();
  const auto arrive = [&](int milliseconds) {
    return meter.Arrive(start + absl::Milliseconds(milliseconds), 2);
  };
  EXPECT_TRUE(arrive(0));
  EXPECT_TRUE(arrive(900));
  EXPECT_FALSE(arrive(950));
  EXPECT_TRUE(arrive(1000));
  EXPECT_FALSE(arrive(1899));
  EXPECT_TRUE(arrive(1900));
  EXPECT_EQ(meter.most(), 4);
}

TEST(PercentDecode, LeavesWhatIsNoEscape) {
  EXPECT_EQ(PercentDecode("%41%zz%4"), "A%zz%4");
  EXPECT_EQ(PercentDecode("a+b"), "a+b");
}

}  // namespace
}  // namespace incidenthub::testing
