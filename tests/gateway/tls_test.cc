// The gateway's port with TLS: everything that holds without it, what it adds, and who is turned
// away.

#include <sys/socket.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "absl/strings/str_format.h"
#include "absl/synchronization/notification.h"
#include "gateway/http_body.h"
#include "gateway/http_server.h"
#include "gmock/gmock.h"
#include "tests/gateway/support/gateway_fixture.h"
#include "tests/support/tcp.h"
#include "tests/support/test_certificates.h"
#include "tests/support/tls_client.h"

namespace incidenthub::gateway {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::TestCertificate;
using testing::TlsClient;
using testing::TlsClientOptions;

constexpr char kFailures[] = "incidenthub_gateway_tls_handshake_failures_total";
constexpr char kOpen[] = "incidenthub_gateway_connections_open";

class TlsTest : public GatewayTest {
 protected:
  TlsTest() : ca_(testing::MakeCa(dir_.path())) {
    Put(testing::MakeServerCertificate(ca_, "first"));
    options_.tls_cert_file = dir_ / "tls.crt";
    options_.tls_key_file = dir_ / "tls.key";
  }

  // One after the other, each as a rename, as those who renew certificates do.
  void Put(const TestCertificate& certificate) {
    PutFile(certificate.certificate_path, "tls.crt");
    PutFile(certificate.key_path, "tls.key");
  }
  void PutFile(const std::string& from, const std::string& name) {
    const auto replace = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(from, dir_ / "fresh", replace);
    std::filesystem::rename(dir_ / "fresh", dir_ / name);
  }

  TlsClientOptions Trusting() const { return {.ca_file = ca_.certificate.certificate_path}; }
  absl::StatusOr<std::unique_ptr<TlsClient>> TryConnect(const TlsClientOptions& options) {
    return TlsClient::Connect(gateway_->port(), options);
  }
  std::unique_ptr<TlsClient> Connect(TlsClientOptions options) {
    auto client = TryConnect(options);
    EXPECT_OK(client);
    INCIDENTHUB_CHECK(client.ok());
    return *std::move(client);
  }
  std::unique_ptr<TlsClient> Connect() { return Connect(Trusting()); }

  static std::string Request(absl::string_view body, const testing::HttpHeaders& more = {}) {
    testing::HttpHeaders headers = testing::WebhookHeaders();
    headers.insert(headers.end(), more.begin(), more.end());
    return testing::HttpPostBytes(testing::kWebhookPath, headers, body);
  }
  static std::string Incident(absl::string_view id) {
    return testing::SmallIncident(id, 1'800'000'000);
  }
  // Posts over a connection of its own.
  void ExpectServed(absl::string_view id) {
    EXPECT_EQ(ToAnswer(Connect()->Exchange(Request(Incident(id)))).status, 200);
  }

  const testing::TempDir dir_;
  const testing::TestCa ca_;
};

TEST_F(TlsTest, AWebhookIsAnsweredInEachVersionThatIsSpoken) {
  StartBoth();
  for (const auto& [version, name] :
       {std::pair{TLS1_2_VERSION, "TLSv1.2"}, std::pair{TLS1_3_VERSION, "TLSv1.3"}}) {
    TlsClientOptions options = Trusting();
    options.max_version = version;
    const auto client = Connect(options);
    EXPECT_EQ(client->version(), name);
    EXPECT_EQ(ToAnswer(client->Exchange(Request(Incident(name)))).status, 200);
  }
  EXPECT_EQ(hub_->received().size(), 2U);
  EXPECT_EQ(Metric(kFailures), 0);
}

TEST_F(TlsTest, OlderVersionsAreRefused) {
  StartBoth();
  TlsClientOptions options = Trusting();
  options.max_version = TLS1_1_VERSION;
  EXPECT_THAT(TryConnect(options), testing::HasCode(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(WaitForMetric(kFailures, 1));
  ExpectServed("afterwards");
}

TEST_F(TlsTest, TheProtocolIsHttp11AndNoOther) {
  StartBoth();
  TlsClientOptions options = Trusting();
  options.protocol = "http/1.1";
  EXPECT_EQ(Connect(options)->protocol(), "http/1.1");
  options.protocol = "h2";
  EXPECT_THAT(std::string(TryConnect(options).status().message()),
              HasSubstr("no application protocol"));
}

TEST_F(TlsTest, ConnectionIsKeptAndPipelinedRequestsAreAnsweredInOrder) {
  StartBoth();
  const auto client = Connect();
  EXPECT_EQ(ToAnswer(client->Exchange(Request(Incident("a")))).status, 200);
  ASSERT_OK(client->Send(Request(Incident("b")) + Request("{}x") + Request(Incident("c"))));
  EXPECT_EQ(ToAnswer(client->Receive()).status, 200);
  EXPECT_EQ(ToAnswer(client->Receive()).reason, "NOT_JSON");
  EXPECT_EQ(ToAnswer(client->Receive()).status, 200);
  EXPECT_EQ(Metric(kOpen), 1);
  EXPECT_EQ(hub_->received().size(), 3U);
}

TEST_F(TlsTest, TheEndOfAConnectionIsSaid) {
  StartBoth();
  const auto client = Connect();
  const Answer answer =
      ToAnswer(client->Exchange(Request(Incident("a"), {{"Connection", "close"}})));
  EXPECT_EQ(answer.response.Header("Connection"), "close");
  EXPECT_TRUE(client->EndsInOrder());
}

TEST_F(TlsTest, ALargeBodyArrivesWhole) {
  StartBoth();
  std::string body = Incident("large");
  // Blanks after it, up to the bound.
  body.append(kBodyBytesMax - body.size(), ' ');
  const auto client = Connect();
  EXPECT_EQ(ToAnswer(client->Exchange(Request(body))).status, 200);
  body += ' ';
  const Answer answer = ToAnswer(client->Exchange(Request(body)));
  EXPECT_EQ(answer.reason, "BODY_TOO_LARGE") << "and the answer gets through";
}

TEST_F(TlsTest, ManyAnswersToASenderThatReadsLateArriveInOrder) {
  constexpr int kRequests = 2'000;
  StartBoth();
  TlsClientOptions options = Trusting();
  options.receive_buffer_bytes = 32 << 10;
  const auto client = Connect(options);
  std::string requests;
  for (int i = 0; i < kRequests; ++i) {
    requests +=
        i % 2 == 0 ? "GET /a HTTP/1.1\r\n\r\n" : "GET /v1/webhooks/bigpanda HTTP/1.1\r\n\r\n";
  }
  ASSERT_OK(client->Send(requests));
  for (int i = 0; i < kRequests; ++i) {
    const auto response = client->Receive();
    ASSERT_OK(response);
    ASSERT_EQ(response->status, i % 2 == 0 ? 404 : 405) << i;
  }
}

TEST_F(TlsTest, ASenderMayChangeItsKeysWhileItWaits) {
  StartBoth();
  const auto client = Connect();
  for (int i = 0; i < 20; ++i) {
    client->UpdateKeys();
    ASSERT_EQ(ToAnswer(client->Exchange(Request(Incident(absl::StrCat("i-", i))))).status, 200);
  }
}

TEST_F(TlsTest, ASenderThatHangsUpInItsBodyIsCounted) {
  StartBoth();
  {
    const auto client = Connect();
    ASSERT_OK(client->Send("POST /v1/webhooks/bigpanda HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"));
  }
  EXPECT_TRUE(WaitForMetric("incidenthub_gateway_requests_total{code=\"aborted\"}", 1));
  EXPECT_TRUE(hub_->received().empty());
  ExpectServed("afterwards");
}

TEST_F(TlsTest, ASenderThatNeedsACertificateIsOnlyServedWithOneOfItsAuthority) {
  const testing::TestCa clients = testing::MakeCa(dir_.path(), "clients");
  const testing::TestCa others = testing::MakeCa(dir_.path(), "others");
  const TestCertificate right = testing::MakeClientCertificate(clients, "right");
  const TestCertificate wrong = testing::MakeClientCertificate(others, "wrong");
  const TestCertificate server = testing::MakeServerCertificate(clients, "server");
  options_.tls_client_ca_file = clients.certificate.certificate_path;
  StartBoth();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClientOptions options = Trusting();
    options.max_version = version;
    options.certificate = &right;
    EXPECT_EQ(ToAnswer(Connect(options)->Exchange(Request(Incident("a")))).status, 200);
    for (const TestCertificate* refused :
         {static_cast<const TestCertificate*>(nullptr), &wrong, &server}) {
      options.certificate = refused;
      const auto client = TryConnect(options);
      // In TLS 1.3 the client is done before its certificate is looked at.
      const absl::Status end =
          client.ok() ? (*client)->Exchange(Request(Incident("b"))).status() : client.status();
      EXPECT_THAT(end, testing::HasCode(absl::StatusCode::kUnavailable));
    }
  }
  EXPECT_TRUE(WaitForMetric(kFailures, 6));
  for (const auto& received : hub_->received()) {
    EXPECT_EQ(received.delivery.incident().id(), "a");
  }
}

// A sender that posts over and over on one connection, until it is told to stop.
class SteadySender {
 public:
  SteadySender(std::unique_ptr<TlsClient> client, int number)
      : client_(std::move(client)), thread_([this, number] {
          for (int i = 0; !stop_.HasBeenNotified(); ++i) {
            const std::string body =
                testing::SmallIncident(absl::StrCat("s-", number, "-", i), 1'800'000'000);
            const auto response = client_->Exchange(
                testing::HttpPostBytes(testing::kWebhookPath, testing::WebhookHeaders(), body));
            if (!response.ok() || response->status != 200) {
              ADD_FAILURE() << "request " << i << ": " << response.status();
              return;
            }
            ++done_;
          }
        }) {}
  ~SteadySender() {
    stop_.Notify();
    thread_.join();
  }
  SteadySender(const SteadySender&) = delete;
  SteadySender& operator=(const SteadySender&) = delete;
  int done() const { return done_; }

 private:
  const std::unique_ptr<TlsClient> client_;
  absl::Notification stop_;
  std::atomic<int> done_{0};
  std::thread thread_;
};

TEST_F(TlsTest, ACertificateReplacedUnderLoadBreaksNoRequestAndCountsForNewConnections) {
  StartBoth();
  std::vector<std::unique_ptr<SteadySender>> senders;
  for (int i = 0; i < 4; ++i) senders.push_back(std::make_unique<SteadySender>(Connect(), i));
  for (int swap = 0; swap < 3; ++swap) {
    const std::string name = absl::StrCat("swap-", swap);
    Put(testing::MakeServerCertificate(ca_, name));
    // New connections all get one of the two, and soon the new one.
    EXPECT_TRUE(
        testing::WaitUntil([&] { return Connect()->server_name() == "incident-hub test " + name; },
                           absl::Seconds(30)));
    std::vector<int> before;
    for (const auto& sender : senders) before.push_back(sender->done());
    for (size_t i = 0; i < senders.size(); ++i) {
      EXPECT_TRUE(testing::WaitUntil([&] { return senders[i]->done() > before[i] + 10; },
                                     absl::Seconds(30)));
    }
  }
  senders.clear();
  EXPECT_EQ(Metric(kFailures), 0);
}

TEST_F(TlsTest, APairThatDoesNotFitKeepsTheOldOneInEffect) {
  StartBoth();
  const double expires = Metric("incidenthub_gateway_tls_certificate_expire_timestamp_seconds");
  EXPECT_GT(expires, absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()));
  const TestCertificate renewed =
      testing::MakeServerCertificate(ca_, "renewed", {"DNS:localhost"}, absl::Hours(48));
  PutFile(renewed.certificate_path, "tls.crt");
  // Time for it to be seen.
  const absl::Time seen = absl::Now() + 2 * kFileCheckInterval;
  EXPECT_FALSE(testing::WaitUntil(
      [&] { return Connect()->server_name() != "incident-hub test first"; }, seen - absl::Now()));
  PutFile(renewed.key_path, "tls.key");
  EXPECT_TRUE(testing::WaitUntil(
      [&] { return Connect()->server_name() == "incident-hub test renewed"; }, absl::Seconds(30)));
  EXPECT_GT(Metric("incidenthub_gateway_tls_certificate_expire_timestamp_seconds"),
            expires + 80'000);
}

TEST_F(TlsTest, FilesThatCannotServeRefuseTheStartByName) {
  PutFile(testing::MakeServerCertificate(ca_, "other").key_path, "tls.key");
  const auto gateway = Gateway::Start(options_);
  EXPECT_THAT(gateway, testing::HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(gateway.status().message()),
              AllOf(HasSubstr(options_.tls_cert_file), HasSubstr(options_.tls_key_file)));
}

TEST_F(TlsTest, HttpWithoutTlsIsToldSo) {
  StartBoth();
  const Answer answer = PostIncident("a");
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.reason, "TLS_REQUIRED");
  EXPECT_EQ(answer.response.Header("Connection"), "close");
  EXPECT_TRUE(WaitForMetric(kFailures, 1));
  EXPECT_TRUE(hub_->received().empty());
}

TEST_F(TlsTest, WhateverIsNoTlsEndsItsConnectionOnly) {
  StartBoth();
  const auto beside = Connect();
  for (const std::string& bytes :
       {std::string("BREW / HTTP/1.1\r\n\r\n"), std::string(100, '\0'), std::string(20'000, 'x'),
        std::string("\x16\x03\x01\xff\xff\x01", 6) + std::string(20'000, '\x01')}) {
    absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
    ASSERT_OK(fd);
    const testing::OwnedFd owned(*fd);
    // It may be closed before it has taken all.
    testing::SendAll(*fd, bytes).IgnoreError();
    char byte = 0;
    while (recv(*fd, &byte, 1, 0) > 0) {
    }
  }
  EXPECT_TRUE(WaitForMetric(kFailures, 4));
  EXPECT_EQ(ToAnswer(beside->Exchange(Request(Incident("a")))).status, 200);
}

TEST_F(TlsTest, AConnectionThatIsClosedWithoutAByteIsNoFailure) {
  StartBoth();
  { const testing::OwnedFd probe(*testing::ConnectTcp(gateway_->port(), absl::Seconds(30))); }
  ExpectServed("afterwards");
  EXPECT_TRUE(WaitForMetric(kOpen, 0));
  EXPECT_EQ(Metric(kFailures), 0);
}

TEST_F(TlsTest, WhoNeverShakesHandsIsClosedAndHoldsUpNobody) {
  // The lower of this and kHandshakeTimeout counts.
  options_.idle_timeout = absl::Seconds(3);
  StartBoth();
  std::vector<testing::OwnedFd> silent;
  for (int i = 0; i < 50; ++i) {
    absl::StatusOr<int> fd = testing::ConnectTcp(gateway_->port(), absl::Seconds(30));
    ASSERT_OK(fd);
    silent.emplace_back(*fd);
    // Some have begun to.
    if (i % 2 == 0) {
      ASSERT_OK(testing::SendAll(*fd, absl::string_view("\x16\x03\x01", 3)));
    }
  }
  const absl::Time start = absl::Now();
  ExpectServed("beside");
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  for (const testing::OwnedFd& fd : silent) {
    char byte = 0;
    EXPECT_LE(recv(fd.get(), &byte, 1, 0), 0);
  }
  EXPECT_TRUE(WaitForMetric(kFailures, 50));
  EXPECT_TRUE(WaitForMetric(kOpen, 0));
}

TEST_F(TlsTest, OneConnectionTooManyIsClosedAtOnce) {
  options_.max_connections = 1;
  StartBoth();
  auto first = Connect();
  EXPECT_EQ(ToAnswer(first->Exchange(Request(Incident("a")))).status, 200);
  EXPECT_THAT(TryConnect(Trusting()), testing::HasCode(absl::StatusCode::kUnavailable));
  EXPECT_EQ(Metric("incidenthub_gateway_connections_refused_total"), 1);
  first.reset();
  EXPECT_TRUE(
      testing::WaitUntil([this] { return TryConnect(Trusting()).ok(); }, absl::Seconds(30)));
}

TEST_F(TlsTest, DrainingAnswersWhatIsOpenAndEndsTheRestInOrder) {
  StartBoth();
  hub_->SetScript([](const v1::Delivery&) { return std::nullopt; });
  const auto busy = Connect();
  const auto idle = Connect();
  EXPECT_EQ(ToAnswer(idle->Exchange("GET /a HTTP/1.1\r\n\r\n")).status, 404);
  const testing::OwnedFd silent(*testing::ConnectTcp(gateway_->port(), absl::Seconds(30)));
  ASSERT_OK(busy->Send(Request(Incident("a"))));
  ASSERT_TRUE(hub_->WaitForDeliveries(1));
  ASSERT_TRUE(WaitForMetric(kOpen, 3));
  std::thread draining([this] { gateway_->Drain(); });
  EXPECT_TRUE(idle->EndsInOrder());
  char byte = 0;
  EXPECT_LE(recv(silent.get(), &byte, 1, 0), 0);
  hub_->Send(testing::AcceptedReceipt(hub_->received().front().delivery, 7));
  const Answer answer = ToAnswer(busy->Receive());
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.response.Header("Connection"), "close");
  EXPECT_TRUE(busy->EndsInOrder());
  draining.join();
}

TEST_F(TlsTest, EndingTheGatewayEndsConnectionsInEveryState) {
  StartBoth();
  const auto idle = Connect();
  const auto reading = Connect();
  ASSERT_OK(reading->Send("POST /v1/webhooks/bigpanda HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"));
  const testing::OwnedFd silent(*testing::ConnectTcp(gateway_->port(), absl::Seconds(30)));
  ASSERT_TRUE(WaitForMetric(kOpen, 3));
  gateway_.reset();
  EXPECT_THAT(idle->Receive(), testing::HasCode(absl::StatusCode::kUnavailable));
  EXPECT_THAT(reading->Receive(), testing::HasCode(absl::StatusCode::kUnavailable));
}

}  // namespace
}  // namespace incidenthub::gateway
