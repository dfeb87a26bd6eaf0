// What goes wrong with a FakeBigPanda's answers, as told; and TLS.

#include <thread>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_bigpanda_fixture.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Faults = FakeBigPandaTest;

constexpr BigPandaEndpoint kComments = BigPandaEndpoint::kComments;

std::string CommentBytes() {
  return HttpPostBytes(ActionPath("i-1", "comments"), KeyHeaders(), R"({"comment":"looking"})");
}

TEST_F(Faults, AnswerWithAStatusAndDoNothing) {
  StartWithIncident();
  fake_->AddFault(kComments, StatusFault(503, "7"));
  fake_->AddFault(kComments, StatusFault(502, "", "<html>"));
  const HttpResponse first = Comment();
  EXPECT_EQ(first.status, 503);
  EXPECT_EQ(first.Header("Retry-After"), "7");
  EXPECT_EQ(first.body, R"({"status":503,"errors":["scripted fault"]})");
  const HttpResponse second = Comment();
  EXPECT_EQ(second.status, 502);
  EXPECT_EQ(second.body, "<html>");
  EXPECT_THAT(fake_->Find("i-1")->comments, IsEmpty());
  // Of one endpoint, and no more than planned.
  EXPECT_EQ(Comment().status, 204);
  EXPECT_TRUE(fake_->requests()[0].faulty);
  EXPECT_FALSE(fake_->requests()[2].faulty);
}

TEST_F(Faults, AnswerLateWhatIsDoneAtOnce) {
  StartWithIncident();
  fake_->AddFault(kComments, DelayFault(absl::Milliseconds(100)));
  const absl::Time start = absl::Now();
  EXPECT_EQ(Comment().status, 204);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(100));

  fake_->AddFault(kComments, DelayFault(absl::Hours(1)));
  HttpClient impatient(fake_->port(), absl::Milliseconds(50));
  EXPECT_THAT(impatient.Exchange(CommentBytes()), HasCode(absl::StatusCode::kDeadlineExceeded));
  ASSERT_TRUE(fake_->WaitForRequests(kComments, 2));
  EXPECT_THAT(fake_->Find("i-1")->comments, ElementsAre("looking", "looking"));
}

TEST_F(Faults, HangUntilTheFakeStops) {
  StartWithIncident();
  fake_->AddFault(kComments, HangFault());
  HttpResponse response;
  std::thread client([&] { response = Comment(); });
  ASSERT_TRUE(fake_->WaitForRequests(kComments, 1));
  EXPECT_THAT(fake_->Find("i-1")->comments, ElementsAre("looking"));
  // The client's own patience is longer than what a stop may take.
  const absl::Time start = absl::Now();
  const int port = fake_->port();
  fake_.reset();
  client.join();
  EXPECT_LT(absl::Now() - start, kBigPandaWaitMax / 2);
  EXPECT_EQ(response.status, 0);
  EXPECT_THAT(response.body, HasSubstr("ended before a response"));
  EXPECT_THAT(ConnectTcp(port, absl::Seconds(1)).status(), HasCode(absl::StatusCode::kUnavailable));
}

TEST_F(Faults, BreakTheConnectionWithinTheAnswer) {
  StartWithIncident();
  fake_->AddFault(kComments, ResetFault());
  const HttpResponse broken = Comment();
  EXPECT_EQ(broken.status, 0);
  EXPECT_THAT(broken.body, HasSubstr("Connection reset by peer"));
  EXPECT_THAT(fake_->Find("i-1")->comments, ElementsAre("looking"));

  BigPandaFault fault = ResetFault(20);
  fault.reset = false;
  fault.takes_effect = false;
  fake_->AddFault(kComments, fault);
  EXPECT_EQ(SendAndReadAll(CommentBytes()), "HTTP/1.1 500 Other\r\n");
  EXPECT_THAT(fake_->Find("i-1")->comments, ElementsAre("looking"));
}

TEST_F(Faults, SpeakNoHttp) {
  StartWithIncident();
  fake_->AddFault(kComments, GarbageFault());
  EXPECT_THAT(SendAndReadAll(CommentBytes()), StartsWith("\x16\x03\x01"));
  EXPECT_THAT(fake_->Find("i-1")->comments, ElementsAre("looking"));
}

TEST_F(Faults, SendABodyThatDoesNotEnd) {
  StartWithIncident();
  fake_->AddFault(kComments, HugeBodyFault());
  constexpr size_t kEnough = size_t{4} << 20;
  const std::string begin = SendAndReadAll(CommentBytes(), kEnough);
  EXPECT_GE(begin.size(), kEnough);
  EXPECT_THAT(begin, StartsWith("HTTP/1.1 200 OK\r\n"));
  // A client that has left does not keep the fake busy.
  EXPECT_EQ(Comment().status, 204);
}

TEST_F(Faults, SendAnAnswerByteByByte) {
  StartWithIncident();
  fake_->AddFault(kComments, DripFault(absl::Milliseconds(2)));
  const absl::Time start = absl::Now();
  EXPECT_EQ(SendAndReadAll(CommentBytes()), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(50));
}

TEST_F(Faults, EndWhenCleared) {
  StartWithIncident();
  fake_->AddFault(kComments, StatusFault(500), 10);
  fake_->SetRandomFault(kComments, StatusFault(502), 1, 0);
  EXPECT_EQ(Comment().status, 500);
  fake_->ClearFaults();
  EXPECT_EQ(Comment().status, 204);
}

TEST(FaultPlan, ChoosesTheSameWithTheSameSeed) {
  const auto choices = [](uint64_t seed) {
    FaultPlan plan;
    plan.SetRandom(HangFault(), 0.5, seed);
    std::string text;
    for (int i = 0; i < 64; ++i) text += plan.Next().has_value() ? 'x' : '.';
    return text;
  };
  EXPECT_EQ(choices(1), choices(1));
  EXPECT_NE(choices(1), choices(2));
  EXPECT_THAT(choices(1), HasSubstr("x"));
  EXPECT_THAT(choices(1), HasSubstr("."));
}

class Tls : public FakeBigPandaTest {
 protected:
  void StartTls(const TestCertificate& certificate) {
    FakeBigPandaOptions options;
    options.tls_certificate_file = certificate.certificate_path;
    options.tls_key_file = certificate.key_path;
    StartWithIncident(options);
  }
  // The status of listing environments; 0: none.
  int List(const std::string& ca_path, absl::Duration patience = kBigPandaWaitMax) {
    httplib::SSLClient client("127.0.0.1", fake_->port());
    client.set_ca_cert_path(ca_path);
    client.enable_server_certificate_verification(true);
    client.set_connection_timeout(absl::ToChronoMilliseconds(kBigPandaWaitMax));
    client.set_read_timeout(absl::ToChronoMilliseconds(patience));
    const auto result =
        client.Get(kEnvironmentsPath,
                   httplib::Headers{{"Authorization", std::string("Bearer ") + kBigPandaApiKey}});
    return result ? result->status : 0;
  }

  const TempDir directory_;
  const TestCa ca_ = MakeCa(directory_.path());
};

TEST_F(Tls, IsTrustedByThoseWhoKnowTheCa) {
  StartTls(MakeServerCertificate(ca_));
  EXPECT_THAT(fake_->base_url(), StartsWith("https://127.0.0.1:"));
  EXPECT_EQ(List(ca_.certificate.certificate_path), 200);
  EXPECT_EQ(List(MakeCa(directory_.path(), "another").certificate.certificate_path), 0);
}

TEST_F(Tls, IsRefusedForAnotherNameOrAnOldCertificate) {
  StartTls(MakeServerCertificate(ca_, "elsewhere", {"DNS:elsewhere.example.com"}));
  EXPECT_EQ(List(ca_.certificate.certificate_path), 0);
  StartTls(MakeServerCertificate(ca_, "old", {"IP:127.0.0.1"}, -absl::Hours(1)));
  EXPECT_EQ(List(ca_.certificate.certificate_path), 0);
}

TEST_F(Tls, BeginsLateIfTold) {
  StartTls(MakeServerCertificate(ca_));
  fake_->SetHandshakeDelay(absl::Milliseconds(100));
  const absl::Time start = absl::Now();
  EXPECT_EQ(List(ca_.certificate.certificate_path), 200);
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(100));
}

TEST_F(Tls, BreaksAndHangsAsPlainHttpDoes) {
  StartTls(MakeServerCertificate(ca_));
  fake_->AddFault(BigPandaEndpoint::kEnvironments, ResetFault());
  fake_->AddFault(BigPandaEndpoint::kEnvironments, HangFault());
  EXPECT_EQ(List(ca_.certificate.certificate_path), 0);
  EXPECT_EQ(List(ca_.certificate.certificate_path, absl::Milliseconds(50)), 0);
  EXPECT_TRUE(fake_->WaitForRequests(BigPandaEndpoint::kEnvironments, 2));
  EXPECT_EQ(List(ca_.certificate.certificate_path), 200);
}

TEST_F(Tls, RefusesAKeyOfAnotherCertificate) {
  FakeBigPandaOptions options;
  options.tls_certificate_file = ca_.certificate.certificate_path;
  options.tls_key_file = MakeServerCertificate(ca_).key_path;
  EXPECT_THAT(FakeBigPanda::Start(options), HasCode(absl::StatusCode::kInvalidArgument));
  options.tls_key_file.clear();
  EXPECT_THAT(FakeBigPanda::Start(options), HasCode(absl::StatusCode::kInvalidArgument));
}

TEST_F(Faults, LeaveAPortThatIsTaken) {
  Start();
  FakeBigPandaOptions options;
  options.port = fake_->port();
  EXPECT_THAT(FakeBigPanda::Start(options), HasCode(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace incidenthub::testing
