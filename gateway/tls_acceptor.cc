#include "gateway/tls_acceptor.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/logging.h"
#include "common/pem.h"
#include "common/status_macros.h"
#include "gateway/tls_transport.h"

namespace incidenthub::gateway {
namespace {

// Of TLS 1.2; those of 1.3 are all good. Fresh keys for each connection, and authenticated.
constexpr char kCiphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// Called for clients that offer protocols.
int ChooseProtocol(SSL* /*ssl*/, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned int offered_size, void* /*context*/) {
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, kHttp11, sizeof kHttp11, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

absl::Status Refused(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, " cannot be used: ", TakeOpenSslError("OpenSSL does not say why")));
}

void SetPolicy(SSL_CTX* context) {
  INCIDENTHUB_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  INCIDENTHUB_CHECK(SSL_CTX_set_cipher_list(context, kCiphers) == 1);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  INCIDENTHUB_CHECK(SSL_CTX_set_num_tickets(context, 0) == 1);
  // The chain is what the file says, not what could be made of the clients' authorities. Idle
  // connections give their buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
  // One system call for a record's head and the rest.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_alpn_select_cb(context, ChooseProtocol, nullptr);
}

absl::Status SetIdentity(const TlsMaterial& material, SSL_CTX* context) {
  ASSIGN_OR_RETURN(std::vector<Certificate> chain, ParseCertificates(material.certificate_pem));
  ASSIGN_OR_RETURN(const PrivateKey key, ParsePrivateKey(material.key_pem));
  if (SSL_CTX_use_certificate(context, chain.front().get()) != 1) return Refused("the certificate");
  for (size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].get()) != 1) {
      return Refused(absl::StrCat("certificate number ", i + 1, " of the chain"));
    }
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) return Refused("the key");
  return absl::OkStatus();
}

absl::Status RequireClientCertificates(const TlsMaterial& material, SSL_CTX* context) {
  ASSIGN_OR_RETURN(const std::vector<Certificate> authorities,
                   ParseCertificates(material.client_ca_pem));
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const Certificate& authority : authorities) {
    if (X509_STORE_add_cert(store, authority.get()) != 1 ||
        SSL_CTX_add_client_CA(context, authority.get()) != 1) {
      return Refused("an authority of clients");
    }
  }
  // An authority need not be a root: who is named is trusted.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeContext(const TlsMaterial& material) {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return Refused("TLS");
  SetPolicy(context.get());
  RETURN_IF_ERROR(SetIdentity(material, context.get()));
  if (!material.client_ca_pem.empty()) {
    RETURN_IF_ERROR(RequireClientCertificates(material, context.get()));
  }
  return context;
}

}  // namespace

TlsAcceptor::TlsAcceptor(std::unique_ptr<TlsIdentity> identity) : identity_(std::move(identity)) {}

absl::StatusOr<std::unique_ptr<TlsAcceptor>> TlsAcceptor::Load(TlsFiles files, const Clock& clock) {
  const std::string certificate_file = files.certificate_file;
  ASSIGN_OR_RETURN(std::unique_ptr<TlsIdentity> identity,
                   TlsIdentity::Load(std::move(files), clock));
  std::unique_ptr<TlsAcceptor> acceptor(new TlsAcceptor(std::move(identity)));
  const absl::Status started = acceptor->Start();
  if (started.ok()) return acceptor;
  return absl::Status(started.code(), absl::StrCat(certificate_file, ": ", started.message()));
}

absl::Status TlsAcceptor::Start() {
  std::shared_ptr<const TlsMaterial> material = identity_->Current();
  absl::MutexLock lock(&mu_);
  return Use(std::move(material));
}

absl::Status TlsAcceptor::Use(std::shared_ptr<const TlsMaterial> material) {
  tried_ = std::move(material);
  ASSIGN_OR_RETURN(context_, MakeContext(*tried_));
  expire_time_ = tried_->expire_time;
  return absl::OkStatus();
}

TlsAcceptor::Context TlsAcceptor::Current() {
  std::shared_ptr<const TlsMaterial> material = identity_->Current();
  absl::MutexLock lock(&mu_);
  // Another thread may have seen a newer one meanwhile.
  if (material != tried_) material = identity_->Current();
  if (material != tried_) {
    const absl::Status used = Use(std::move(material));
    if (!used.ok()) {
      Log(LogLevel::kError, "TLS certificate not used, the old one stays in effect",
          {{"error", used}});
    }
  }
  return context_;
}

std::unique_ptr<Transport> TlsAcceptor::Accept(int fd) {
  return NewTlsTransport(Current().get(), fd);
}

absl::Time TlsAcceptor::expire_time() {
  Current();
  absl::MutexLock lock(&mu_);
  return expire_time_;
}

}  // namespace incidenthub::gateway
