// Who gets in, with real TLS: every rpc by every kind of credential, and credentials that change
// while the hub and the gateway serve.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/hub_credentials.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"
#include "gtest/gtest.h"
#include "server/access/rpcs.h"
#include "tests/e2e/grpcurl.h"
#include "tests/e2e/steady_poster.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificates.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

using ::testing::HasSubstr;

// An rpc with an empty request, whatever its kind: its first message, or its end.
class EmptyCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  static absl::Status Make(const std::shared_ptr<grpc::Channel>& channel, const RpcRow& row,
                           HubCredentials* credentials) {
    grpc::GenericStub stub(channel);
    EmptyCall call;
    call.context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    call.context_.set_wait_for_ready(false);
    credentials->AddTo(&call.context_);
    stub.PrepareBidiStreamingCall(&call.context_, absl::StrCat("/", row.service, "/", row.method),
                                  grpc::StubOptions(), &call);
    call.StartWriteLast(&call.request_, grpc::WriteOptions());
    call.StartRead(&call.response_);
    call.StartCall();
    call.done_.WaitForNotification();
    return call.answered_ ? absl::OkStatus() : call.status_;
  }

  void OnReadDone(bool ok) override {
    answered_ = ok;
    if (ok) context_.TryCancel();
  }
  void OnDone(const grpc::Status& status) override {
    status_ = FromGrpcStatus(status);
    done_.Notify();
  }

 private:
  grpc::ClientContext context_;
  const grpc::Slice nothing_{""};
  grpc::ByteBuffer request_{&nothing_, 1};
  grpc::ByteBuffer response_;
  bool answered_ = false;
  absl::Status status_;
  absl::Notification done_;
};

class AccessTest : public HubTest {
 protected:
  // A hub with TLS, and the principals ingest, viewer, responder and admin, each with the role that
  // it is called, the token "of-NAME", and the certificate name spiffe://test/NAME.
  void StartSecure() {
    WriteAccess();
    StartHub(SecureFlags());
  }
  std::vector<std::string> SecureFlags() const {
    return {absl::StrCat("--tls_cert_file=", server_.certificate_path),
            absl::StrCat("--tls_key_file=", server_.key_path),
            absl::StrCat("--tls_client_ca_file=", ca_.certificate.certificate_path),
            absl::StrCat("--access_config=", access_file())};
  }
  std::string access_file() const { return dir() / "access.json"; }

  static std::string Token(const std::string& token, const std::string& more = "") {
    const auto digest = Sha256(token);
    return absl::StrCat(R"({"sha256":")",
                        absl::BytesToHexString(std::string(digest.begin(), digest.end())), "\"",
                        more, "}");
  }
  // `more`: tokens of the viewer, beside its own.
  void WriteAccess(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> principals;
    for (const Role role : kRoles) {
      const std::string name(NameOf(role));
      std::vector<std::string> tokens = {
          Token(absl::StrCat("of-", name)),
          Token(absl::StrCat("expired-of-", name), R"(,"expire_time":"2020-01-01T00:00:00Z")")};
      if (role == Role::kViewer) tokens.insert(tokens.end(), more.begin(), more.end());
      principals.push_back(absl::StrCat(R"({"name":")", name, R"(","roles":[")", name,
                                        R"("],"certificate_names":["spiffe://test/)", name,
                                        R"("],"tokens":[)", absl::StrJoin(tokens, ","), "]}"));
    }
    Replace(access_file(),
            absl::StrCat(R"({"principals":[)", absl::StrJoin(principals, ","), "]}"));
  }
  // As a whole, as those who rotate do it.
  static void Replace(const std::string& path, const std::string& text) {
    std::ofstream(path + ".new") << text;
    std::filesystem::rename(path + ".new", path);
  }
  std::string TokenFile(const std::string& token) const {
    const std::string path = dir() / absl::StrCat("token-", token);
    std::ofstream(path) << token << "\n";
    return path;
  }

  std::shared_ptr<HubCredentials> Credentials(HubCredentialFiles files) const {
    files.ca_file = ca_.certificate.certificate_path;
    auto credentials = HubCredentials::Load(std::move(files));
    EXPECT_OK(credentials);
    return credentials.ok() ? *credentials : nullptr;
  }
  std::shared_ptr<HubCredentials> WithToken(const std::string& token) const {
    return Credentials({.token_file = TokenFile(token)});
  }
  std::shared_ptr<HubCredentials> WithCertificate(const TestCa& ca, const std::string& name) {
    const TestCertificate client = MakeClientCertificate(
        ca, absl::StrCat("client-", ++certificates_), {absl::StrCat("URI:spiffe://test/", name)});
    return Credentials({.cert_file = client.certificate_path, .key_file = client.key_path});
  }

  absl::Status Call(const RpcRow& row, HubCredentials* credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel_credentials = credentials->ForChannel(&arguments);
    return EmptyCall::Make(
        grpc::CreateCustomChannel(hub().address(), channel_credentials, arguments), row,
        credentials);
  }

  const TestCa ca_ = MakeCa(dir().path());
  TestCertificate server_ = MakeServerCertificate(ca_);
  // Made so far.
  int certificates_ = 0;
};

// Written out here once more, by what the roles are for.
const std::map<std::string, std::string>& RolesByMethod() {
  static const auto* const kTable = new std::map<std::string, std::string>{
      {"Subscribe", "viewer"},
      {"GetIncident", "viewer"},
      {"ListIncidents", "viewer"},
      {"ListEvents", "viewer"},
      {"Ack", "responder"},
      {"Unack", "responder"},
      {"Resolve", "responder"},
      {"Ingest", "ingest"},
      {"Commit", "viewer"},
      {"ListConsumers", "viewer"},
      {"DeleteConsumer", "viewer admin"},
      {"ListUpstream", "viewer"},
      {"ListQuarantined", "admin"},
      {"GetQuarantined", "admin"},
      {"ReplayQuarantined", "admin"},
      {"CreateBackup", "admin"},
      {"SetLogLevel", "admin"},
      {"ServerReflectionInfo", "ingest viewer responder admin"}};
  return *kTable;
}

TEST_F(AccessTest, EveryRpcByEveryCredential) {
  StartSecure();
  const TestCa other_ca = MakeCa(dir().path(), "other-ca");
  struct Sender {
    std::string what;
    std::shared_ptr<HubCredentials> credentials;
    // Empty: refused, with this reason.
    std::string role;
    std::string reason = {};
  };
  std::vector<Sender> senders = {
      {"nothing", Credentials({}), "", "CREDENTIAL_MISSING"},
      {"a wrong token", WithToken("of-nobody"), "", "CREDENTIAL_INVALID"},
      {"a certificate that nobody has", WithCertificate(ca_, "nobody"), "", "CREDENTIAL_INVALID"},
      // The connection is refused, so that no reason gets through.
      {"another authority's certificate", WithCertificate(other_ca, "admin"), "", ""}};
  for (const Role role : kRoles) {
    const std::string name(NameOf(role));
    senders.push_back(
        {absl::StrCat("token of ", name), WithToken(absl::StrCat("of-", name)), name});
    senders.push_back({absl::StrCat("certificate of ", name), WithCertificate(ca_, name), name});
    senders.push_back({absl::StrCat("expired token of ", name),
                       WithToken(absl::StrCat("expired-of-", name)), "", "CREDENTIAL_EXPIRED"});
  }
  ASSERT_EQ(RolesByMethod().size(), std::size(kRpcs));
  for (const RpcRow& row : kRpcs) {
    const std::string& roles = RolesByMethod().at(std::string(row.method));
    for (const Sender& sender : senders) {
      const absl::Status status = Call(row, sender.credentials.get());
      const std::string what =
          absl::StrCat(row.method, " with ", sender.what, ": ", status.ToString());
      if (sender.role.empty()) {
        EXPECT_EQ(status.code(), sender.reason.empty() ? absl::StatusCode::kUnavailable
                                                       : absl::StatusCode::kUnauthenticated)
            << what;
        EXPECT_EQ(ErrorReason(status), sender.reason) << what;
      } else if (absl::StrContains(roles, sender.role)) {
        EXPECT_NE(status.code(), absl::StatusCode::kPermissionDenied) << what;
        EXPECT_NE(status.code(), absl::StatusCode::kUnauthenticated) << what;
        EXPECT_NE(status.code(), absl::StatusCode::kUnavailable) << what;
        EXPECT_NE(status.code(), absl::StatusCode::kDeadlineExceeded) << what;
      } else {
        EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << what;
        EXPECT_EQ(ErrorReason(status), "ROLE_MISSING") << what;
      }
    }
  }
  EXPECT_EQ(hub().process().err().find("of-viewer"), std::string::npos) << "no token is logged";
}

// TLS and tokens, as overlays/prod has it.
TEST_F(AccessTest, WithoutAuthoritiesOfClientsTokensCountAndCertificatesAreNotAskedFor) {
  WriteAccess();
  StartHub({absl::StrCat("--tls_cert_file=", server_.certificate_path),
            absl::StrCat("--tls_key_file=", server_.key_path),
            absl::StrCat("--access_config=", access_file())});
  const RpcRow& ack = RowOf(Rpc::kAck);
  EXPECT_THAT(Call(ack, WithToken("of-responder").get()), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Call(ack, WithCertificate(ca_, "responder").get()), HasReason("CREDENTIAL_MISSING"));
}

TEST_F(AccessTest, TheAuditLogHasWhatWasDoneAndRefusedAndByWhom) {
  StartSecure();
  const RpcRow& ack = RowOf(Rpc::kAck);
  EXPECT_THAT(Call(ack, WithToken("of-responder").get()), HasReason("FIELD_INVALID"));
  EXPECT_THAT(Call(ack, WithToken("of-viewer").get()), HasReason("ROLE_MISSING"));
  for (const auto& [principal, reason] :
       {std::pair{"responder", "FIELD_INVALID"}, std::pair{"viewer", "ROLE_MISSING"}}) {
    EXPECT_OK(hub().process().WaitForLine(
        [&, p = std::string(principal), r = std::string(reason)](absl::string_view line) {
          return absl::StrContains(line, R"("message":"audit","method":"Ack")") &&
                 absl::StrContains(line, absl::StrCat(R"("principal":")", p, "\"")) &&
                 absl::StrContains(line, r);
        },
        kPatience))
        << principal;
  }
}

TEST_F(AccessTest, HealthIsForEverybodyAndPlainTextForNobody) {
  const std::string grpcurl = FindGrpcurl();
  if (grpcurl.empty()) GTEST_SKIP() << "no grpcurl: .ci/tools.sh grpcurl puts it into .tools/bin";
  StartSecure();
  const std::string ca = ca_.certificate.certificate_path;
  const auto run = [&](std::vector<std::string> flags, const std::string& method) {
    flags.insert(flags.begin(), grpcurl);
    flags.insert(flags.end(), {"-max-time", "10", hub().address(), method});
    const auto finished = RunProcess(std::move(flags), kPatience);
    EXPECT_OK(finished);
    return finished.ok() ? absl::StrCat(finished->out, finished->err) : "";
  };
  const std::string proto = absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/proto");
  EXPECT_THAT(run({"-cacert", ca, "-import-path", proto, "-proto", "grpc/health/v1/health.proto"},
                  "grpc.health.v1.Health/Check"),
              HasSubstr("SERVING"));
  EXPECT_THAT(run({"-cacert", ca}, "incidenthub.v1.IncidentService/ListIncidents"),
              HasSubstr("the call has no credential"));
  EXPECT_THAT(run({"-cacert", ca, "-H", "authorization: Bearer of-viewer"},
                  "incidenthub.v1.IncidentService/ListIncidents"),
              HasSubstr("{"));
  EXPECT_THAT(run({"-plaintext"}, "grpc.health.v1.Health/Check"), HasSubstr("ailed to dial"));
}

TEST_F(AccessTest, CredentialsReplacedUnderLoadFailNoRequestAndEndNoStream) {
  StartSecure();
  const std::string token_file = TokenFile("of-ingest");
  StartGateway({absl::StrCat("--hub_ca_file=", ca_.certificate.certificate_path),
                absl::StrCat("--hub_token_file=", token_file)});
  client::IncidentClient viewer(
      {.address = hub().address(), .credentials = WithToken("of-viewer"), .timeout = kPatience});
  const auto subscriber = Subscribe({.credentials = WithToken("of-viewer")});
  ASSERT_TRUE(subscriber->WaitForSnapshot(kPatience));
  SteadyPoster poster(gateway_port(), 4);
  ASSERT_GT(poster.RateOf(50, kPatience), 0);
  for (int i = 0; i < 5; ++i) {
    // A new certificate, in the files' own places: the key a moment after the certificate.
    const TestCertificate next = MakeServerCertificate(ca_, absl::StrCat("next-", i));
    std::filesystem::rename(next.certificate_path, server_.certificate_path);
    std::filesystem::rename(next.key_path, server_.key_path);
    // One token more, and the gateway's own comes to be that of another file state.
    WriteAccess({Token(absl::StrCat("more-", i))});
    Replace(token_file, "of-ingest");
    // A new connection and a new token count soon after; nothing else is needed.
    auto fresh = WithToken(absl::StrCat("more-", i));
    ASSERT_TRUE(
        WaitUntil([&] { return Call(RowOf(Rpc::kListIncidents), fresh.get()).ok(); }, kPatience));
    ASSERT_GT(poster.RateOf(50, kPatience), 0);
  }
  EXPECT_EQ(poster.failed(), 0U);
  EXPECT_EQ(subscriber->history().streams.size(), 1U) << "it was never cut";
  EXPECT_OK(viewer.List([](const v1::Incident&) { return true; }));
}

}  // namespace
}  // namespace incidenthub::testing
