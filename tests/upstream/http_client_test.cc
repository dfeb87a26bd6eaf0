#include "server/upstream/http_client.h"

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_bigpanda.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace incidenthub {
namespace {

using ::testing::AllOf;
using testing::BigPandaEndpoint;
using testing::FakeBigPanda;
using testing::FakeBigPandaOptions;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kWaitMax = absl::Seconds(30);

class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() { options_.timeout = absl::Seconds(10); }

  void StartFake(FakeBigPandaOptions options = {}) {
    options.rate_limit = 0;
    auto fake = FakeBigPanda::Start(options);
    ASSERT_OK(fake);
    fake_ = *std::move(fake);
  }
  HttpAnswer Ask(const std::string& base_url, const std::string& body = "",
                 const std::string& path = "/resources/v2.0/environments") {
    auto client = HttpClient::Create(options_);
    EXPECT_OK(client);
    std::optional<HttpAnswer> answer;
    (*client)->Start({absl::StrCat(base_url, path), testing::kBigPandaApiKey, body},
                     [&answer](const HttpAnswer& given) { answer = given; });
    const absl::Time deadline = absl::Now() + kWaitMax;
    while (!answer.has_value() && absl::Now() < deadline) (*client)->Poll(absl::Seconds(1));
    EXPECT_TRUE(answer.has_value()) << "never answered";
    return answer.value_or(HttpAnswer());
  }
  // A server that speaks TLS.
  void StartSecureFake(const std::string& name = "IP:127.0.0.1",
                       absl::Duration valid_for = absl::Hours(1)) {
    ca_ = testing::MakeCa(folder_.path());
    const auto certificate = testing::MakeServerCertificate(ca_, "server", {name}, valid_for);
    FakeBigPandaOptions options;
    options.tls_certificate_file = certificate.certificate_path;
    options.tls_key_file = certificate.key_path;
    StartFake(options);
  }

  testing::TempDir folder_;
  testing::TestCa ca_;
  HttpClient::Options options_;
  std::unique_ptr<FakeBigPanda> fake_;
};

TEST_F(HttpClientTest, StatusAndBodyAreHandedOver) {
  StartFake();
  const HttpAnswer answer = Ask(fake_->base_url());
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, HasSubstr(testing::kBigPandaEnvironmentId));
  EXPECT_EQ(answer.error, "");
}

TEST_F(HttpClientTest, ABodyIsPostedAndTheTokenIsTheBearers) {
  StartFake();
  ASSERT_OK(fake_->OpenIncident("i-1"));
  const HttpAnswer answer =
      Ask(fake_->base_url(), R"({"comments":"x"})",
          absl::StrCat("/resources/v2.0/environments/", testing::kBigPandaEnvironmentId,
                       "/incidents/i-1/resolve"));
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(fake_->requests()[0].comment, "x");
}

TEST_F(HttpClientTest, RetryAfterIsHandedOver) {
  StartFake();
  fake_->AddFault(BigPandaEndpoint::kEnvironments, testing::StatusFault(429, "7"));
  const HttpAnswer answer = Ask(fake_->base_url());
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.retry_after, absl::Seconds(7));
}

TEST_F(HttpClientTest, WhateverBreaksAnAnswerIsAnError) {
  StartFake();
  options_.timeout = absl::Seconds(1);
  for (const auto& fault : {testing::ResetFault(), testing::ResetFault(0), testing::GarbageFault(),
                            testing::HangFault(), testing::DripFault(absl::Milliseconds(400))}) {
    fake_->AddFault(BigPandaEndpoint::kEnvironments, fault);
    const absl::Time begin = absl::Now();
    const HttpAnswer answer = Ask(fake_->base_url());
    EXPECT_EQ(answer.status, 0);
    EXPECT_NE(answer.error, "");
    EXPECT_LT(absl::Now() - begin, absl::Seconds(5)) << "the deadline is of the whole request";
  }
}

TEST_F(HttpClientTest, AnAnswerThatIsTooLargeIsAnError) {
  StartFake();
  fake_->AddFault(BigPandaEndpoint::kEnvironments, testing::HugeBodyFault());
  const HttpAnswer answer = Ask(fake_->base_url());
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.error, HasSubstr("more than 262144 bytes"));
  EXPECT_EQ(answer.body, "");
}

TEST_F(HttpClientTest, NamesThatDoNotResolveAndClosedPortsAreSaidSo) {
  EXPECT_THAT(Ask("https://nowhere.invalid").error,
              HasSubstr("Could not resolve host: nowhere.invalid"));
  EXPECT_THAT(Ask("http://127.0.0.1:1").error, HasSubstr("connect to 127.0.0.1 port 1"));
}

TEST_F(HttpClientTest, OnlyAServerThatAnAuthorityVouchesForIsAsked) {
  StartSecureFake();
  EXPECT_THAT(Ask(fake_->base_url()).error, HasSubstr("certificate"));
  EXPECT_TRUE(fake_->requests().empty());
  options_.ca_file = ca_.certificate.certificate_path;
  EXPECT_EQ(Ask(fake_->base_url()).status, 200);
}

TEST_F(HttpClientTest, ACertificateOfAnotherHostOrOfThePastIsRefused) {
  StartSecureFake("DNS:other.example");
  options_.ca_file = ca_.certificate.certificate_path;
  EXPECT_THAT(Ask(fake_->base_url()).error, HasSubstr("127.0.0.1"));
  StartSecureFake("IP:127.0.0.1", -absl::Hours(1));
  options_.ca_file = ca_.certificate.certificate_path;
  EXPECT_THAT(Ask(fake_->base_url()).error, HasSubstr("expired"));
  EXPECT_TRUE(fake_->requests().empty());
}

TEST_F(HttpClientTest, AFileOfAuthoritiesThatIsNotThereIsSaidAtTheStart) {
  options_.ca_file = folder_.path() + "/nowhere.pem";
  const auto client = HttpClient::Create(options_);
  EXPECT_THAT(std::string(client.status().message()), HasSubstr("nowhere.pem"));
}

TEST_F(HttpClientTest, AProxyOfTheEnvironmentIsUsedButNotForWhatIsExcepted) {
  // The fake stands in for a proxy: it is asked to connect, and has no such method.
  StartFake();
  setenv("HTTPS_PROXY", fake_->base_url().c_str(), 1);
  const HttpAnswer answer = Ask("https://api.example");
  EXPECT_EQ(answer.status, 0);
  EXPECT_THAT(answer.error, AllOf(HasSubstr("CONNECT"), Not(HasSubstr("resolve host"))));
  setenv("NO_PROXY", "nowhere.invalid", 1);
  EXPECT_THAT(Ask("https://nowhere.invalid").error, HasSubstr("Could not resolve host"));
  unsetenv("HTTPS_PROXY");
  unsetenv("NO_PROXY");
}

TEST_F(HttpClientTest, AWakeEndsAPoll) {
  auto client = HttpClient::Create(options_);
  ASSERT_OK(client);
  std::thread waker([&] { (*client)->Wake(); });
  const absl::Time begin = absl::Now();
  (*client)->Poll(kWaitMax);
  waker.join();
  EXPECT_LT(absl::Now() - begin, kWaitMax);
}

TEST_F(HttpClientTest, WhatRunsWhenItGoesIsGivenUp) {
  StartFake();
  fake_->AddFault(BigPandaEndpoint::kEnvironments, testing::HangFault());
  auto client = HttpClient::Create(options_);
  ASSERT_OK(client);
  bool called = false;
  (*client)->Start({absl::StrCat(fake_->base_url(), "/resources/v2.0/environments"),
                    testing::kBigPandaApiKey, ""},
                   [&called](const HttpAnswer&) { called = true; });
  (*client)->Poll(absl::ZeroDuration());
  client->reset();
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace incidenthub
