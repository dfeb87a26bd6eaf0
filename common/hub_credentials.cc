#include "common/hub_credentials.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "grpcpp/client_context.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "grpcpp/support/channel_arguments.h"

namespace incidenthub {
namespace {

// How often gRPC looks at the files of certificates.
constexpr unsigned kCertificateCheckSeconds = 1;

absl::Status CheckTogether(const HubCredentialFiles& files) {
  if (files.cert_file.empty() != files.key_file.empty()) {
    return absl::InvalidArgumentError("give the certificate's file and its key's file, or neither");
  }
  if (!files.ca_file.empty()) return absl::OkStatus();
  if (!files.cert_file.empty() || !files.server_name.empty()) {
    return absl::InvalidArgumentError(
        "certificates and a server name are for TLS; give the file of the hub's authorities too");
  }
  return absl::OkStatus();
}

// That there is something like it; what exactly is for gRPC, which reads the file by itself.
absl::Status CheckPem(const std::string& path, absl::string_view what, absl::string_view mark,
                      const Clock& clock) {
  if (path.empty()) return absl::OkStatus();
  WatchedFile file(path, std::string(what), kPemFileBytesMax, clock);
  return file.Load([what, mark](absl::string_view text) {
    return absl::StrContains(text, mark)
               ? absl::OkStatus()
               : absl::InvalidArgumentError(absl::StrCat("holds no ", what, " as PEM"));
  });
}

}  // namespace

HubCredentials::HubCredentials(HubCredentialFiles files, const Clock& clock)
    : files_(std::move(files)),
      token_file_(files_.token_file, "hub token", kTokenFileBytesMax, clock) {}

absl::StatusOr<std::shared_ptr<HubCredentials>> HubCredentials::Load(HubCredentialFiles files,
                                                                     const Clock& clock) {
  RETURN_IF_ERROR(CheckTogether(files));
  RETURN_IF_ERROR(CheckPem(files.ca_file, "certificate", "BEGIN CERTIFICATE", clock));
  RETURN_IF_ERROR(CheckPem(files.cert_file, "certificate", "BEGIN CERTIFICATE", clock));
  RETURN_IF_ERROR(CheckPem(files.key_file, "private key", "PRIVATE KEY", clock));
  std::shared_ptr<HubCredentials> credentials(new HubCredentials(std::move(files), clock));
  if (!credentials->files_.token_file.empty()) {
    RETURN_IF_ERROR(credentials->token_file_.Load(
        [&credentials](absl::string_view text) { return credentials->UseToken(text); }));
  }
  return credentials;
}

absl::Status HubCredentials::UseToken(absl::string_view text) {
  const absl::string_view token = absl::StripAsciiWhitespace(text);
  const bool is_token = !token.empty() && absl::c_all_of(token, [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (!is_token) {
    return absl::InvalidArgumentError(
        "must hold one token, without blanks in it, and nothing else");
  }
  absl::MutexLock lock(&mu_);
  authorization_ = absl::StrCat("Bearer ", token);
  return absl::OkStatus();
}

std::shared_ptr<grpc::ChannelCredentials> HubCredentials::ForChannel(
    grpc::ChannelArguments* arguments) const {
  namespace tls = grpc::experimental;
  if (files_.ca_file.empty()) return grpc::InsecureChannelCredentials();
  std::shared_ptr<tls::CertificateProviderInterface> files;
  if (files_.cert_file.empty()) {
    files = std::make_shared<tls::FileWatcherCertificateProvider>(files_.ca_file,
                                                                  kCertificateCheckSeconds);
  } else {
    files = std::make_shared<tls::FileWatcherCertificateProvider>(
        files_.key_file, files_.cert_file, files_.ca_file, kCertificateCheckSeconds);
  }
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::move(files));
  options.watch_root_certs();
  if (!files_.cert_file.empty()) options.watch_identity_key_cert_pairs();
  if (!files_.server_name.empty()) {
    arguments->SetSslTargetNameOverride(files_.server_name);
  }
  return tls::TlsCredentials(options);
}

void HubCredentials::AddTo(grpc::ClientContext* context) {
  if (files_.token_file.empty()) return;
  token_file_.ReloadIfChanged([this](absl::string_view text) { return UseToken(text); });
  absl::MutexLock lock(&mu_);
  context->AddMetadata("authorization", authorization_);
}

}  // namespace incidenthub
