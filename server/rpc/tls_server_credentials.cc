#include "server/rpc/tls_server_credentials.h"

#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/check.h"
#include "grpc/grpc.h"
#include "grpc/grpc_security.h"

namespace incidenthub {
namespace {

grpc_ssl_client_certificate_request_type RequestOf(ClientCertificates clients) {
  switch (clients) {
    case ClientCertificates::kNone:
      return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    case ClientCertificates::kOptional:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientCertificates::kRequired:
      break;
  }
  return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

class ReloadingCredentials final : public grpc::ServerCredentials {
 public:
  ReloadingCredentials(TlsIdentity* identity, ClientCertificates clients) : identity_(*identity) {
    grpc_ssl_server_credentials_options* const options =
        grpc_ssl_server_credentials_create_options_using_config_fetcher(RequestOf(clients), Fetch,
                                                                        this);
    // Takes the options.
    credentials_ = grpc_ssl_server_credentials_create_with_options(options);
    INCIDENTHUB_CHECK(credentials_ != nullptr);
  }
  ~ReloadingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& /*processor*/) override {
    // Calls are admitted by server/rpc/gate.
    INCIDENTHUB_CHECK(false);
  }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    return static_cast<ReloadingCredentials*>(self)->FetchConfig(config);
  }

  // On gRPC's threads, at the start and at each handshake.
  grpc_ssl_certificate_config_reload_status FetchConfig(grpc_ssl_server_certificate_config** config)
      ABSL_LOCKS_EXCLUDED(mu_) {
    std::shared_ptr<const TlsMaterial> newest = identity_.Current();
    absl::MutexLock lock(&mu_);
    if (newest == in_effect_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {newest->key_pem.c_str(),
                                             newest->certificate_pem.c_str()};
    // gRPC's fetcher aborts the process without authorities, also where clients are not asked; they
    // are then looked at by nobody.
    const std::string& authorities =
        newest->client_ca_pem.empty() ? newest->certificate_pem : newest->client_ca_pem;
    *config = grpc_ssl_server_certificate_config_create(authorities.c_str(), &pair, 1);
    in_effect_ = std::move(newest);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  TlsIdentity& identity_;
  grpc_server_credentials* credentials_ = nullptr;
  absl::Mutex mu_;
  std::shared_ptr<const TlsMaterial> in_effect_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(TlsIdentity* identity,
                                                              ClientCertificates clients) {
  return std::make_shared<ReloadingCredentials>(identity, clients);
}

}  // namespace incidenthub
