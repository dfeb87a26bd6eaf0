#include "tests/e2e/ingress_fixture.h"

#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "tests/support/nginx.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

constexpr char kToken[] = "token-of-the-caller";

}  // namespace

void IngressTest::SetUp() {
  if (FindNginx().empty()) GTEST_SKIP() << "no nginx: .ci/tools.sh nginx puts it into .tools/bin";
  ca_ = MakeCa(dir().path());
  server_ = MakeServerCertificate(ca_);
  const TestCertificate nginx = MakeClientCertificate(ca_, "nginx", {"DNS:nginx"});
  const TestCertificate gateway = MakeClientCertificate(ca_, "gateway", {"DNS:gateway"});
  const std::string& ca_file = ca_.certificate.certificate_path;
  const auto digest = Sha256(kToken);
  std::ofstream(dir() / "token") << kToken << "\n";
  std::ofstream(dir() / "access.json")
      << R"({"principals":[{"name":"gateway","roles":["ingest"],"certificate_names":["gateway"]},)"
      << R"({"name":"caller","roles":["viewer","responder"],"tokens":[{"sha256":")"
      << absl::BytesToHexString(std::string(digest.begin(), digest.end())) << R"("}]}]})";
  StartSecureHub();
  StartGateway({absl::StrCat("--hub_ca_file=", ca_file),
                absl::StrCat("--hub_cert_file=", gateway.certificate_path),
                absl::StrCat("--hub_key_file=", gateway.key_path),
                absl::StrCat("--tls_cert_file=", server_.certificate_path),
                absl::StrCat("--tls_key_file=", server_.key_path),
                absl::StrCat("--tls_client_ca_file=", ca_file)});
  auto started = StartNginx({.directory = nginx_dir_.path(),
                             .ca_file = ca_file,
                             .server = server_,
                             .client = nginx,
                             .hub_port = hub_port(),
                             .gateway_port = gateway_port(),
                             .calls_port = calls_port_,
                             .webhooks_port = webhooks_port_});
  ASSERT_OK(started);
  nginx_ = *std::move(started);
  ASSERT_EQ(PostThroughNginx(SmallIncident("a", 1'790'000'000)), 200);
}

void IngressTest::TearDown() {
  if (IsSkipped() || nginx_ == nullptr) return;
  EXPECT_TRUE(hub().process().running());
  EXPECT_TRUE(gateway().process().running());
  EXPECT_TRUE(nginx_->running());
  EXPECT_TRUE(WaitUntil([this] { return ThroughNginx(CallersToken()).Get("a").ok(); }, kPatience));
  EXPECT_TRUE(WaitUntil(
      [this] { return PostThroughNginx(SmallIncident("z", 1'790'000'000)) == 200; }, kPatience));
  if (HasFailure()) std::cerr << "nginx's log ends:\n" << nginx_->ErrTail() << "\n";
}

void IngressTest::StartSecureHub() {
  StartHub({absl::StrCat("--tls_cert_file=", server_.certificate_path),
            absl::StrCat("--tls_key_file=", server_.key_path),
            absl::StrCat("--tls_client_ca_file=", ca_.certificate.certificate_path),
            "--tls_require_client_cert", absl::StrCat("--access_config=", dir() / "access.json")});
}

std::shared_ptr<HubCredentials> IngressTest::CallersToken() const {
  auto credentials = HubCredentials::Load(
      {.ca_file = ca_.certificate.certificate_path, .token_file = dir() / "token"});
  EXPECT_OK(credentials);
  return credentials.ok() ? *std::move(credentials) : nullptr;
}

std::shared_ptr<HubCredentials> IngressTest::Nobody() const {
  auto credentials = HubCredentials::Load({.ca_file = ca_.certificate.certificate_path});
  EXPECT_OK(credentials);
  return credentials.ok() ? *std::move(credentials) : nullptr;
}

client::IncidentClient IngressTest::ThroughNginx(std::shared_ptr<HubCredentials> credentials,
                                                 absl::Duration timeout) const {
  return client::IncidentClient({.address = absl::StrCat("127.0.0.1:", calls_port_),
                                 .credentials = std::move(credentials),
                                 .timeout = timeout,
                                 .name = "e2e"});
}

absl::StatusOr<std::unique_ptr<TlsClient>> IngressTest::Connect(int port,
                                                                const std::string& protocol,
                                                                const std::string& source) const {
  const absl::StatusOr<int> fd = ConnectTcp(port, kPatience, source);
  if (!fd.ok()) return fd.status();
  return TlsClient::Over(*fd, {.ca_file = ca_.certificate.certificate_path, .protocol = protocol});
}

int IngressTest::PostThroughNginx(const std::string& body) const {
  const auto sender = Connect(webhooks_port_, "", "");
  if (!sender.ok()) return 0;
  const auto response = (*sender)->Exchange(HttpPostBytes(kWebhookPath, WebhookHeaders(), body));
  return response.ok() ? response->status : 0;
}

void IngressTest::MarkMemory() {
  hub_before_ = ResidentBytes(hub().process().pid()).value_or(0);
  gateway_before_ = ResidentBytes(gateway().process().pid()).value_or(0);
  nginx_before_ = ResidentBytes(nginx_->pid()).value_or(0);
}

uint64_t IngressTest::Growth(pid_t pid, uint64_t since) {
  const absl::StatusOr<uint64_t> peak = PeakResidentBytes(pid);
  EXPECT_OK(peak);
  return peak.value_or(0) > since ? *peak - since : 0;
}

}  // namespace incidenthub::testing
