#include "tests/support/tls_client.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <csignal>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/status_macros.h"

namespace incidenthub::testing {
namespace {

constexpr size_t kReadBytes = 65536;

absl::Status Broken(absl::string_view what) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return absl::UnavailableError(
      absl::StrCat(what, ": ", reason == nullptr ? "the connection ended" : reason));
}

void SetUp(const TlsClientOptions& options, SSL_CTX* context) {
  // Versions that are refused have to be offered first, against the system's own policy.
  INCIDENTHUB_CHECK(SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0") == 1);
  INCIDENTHUB_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1);
  INCIDENTHUB_CHECK(SSL_CTX_set_max_proto_version(context, options.max_version) == 1);
  INCIDENTHUB_CHECK(SSL_CTX_load_verify_file(context, options.ca_file.c_str()) == 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (options.certificate == nullptr) return;
  INCIDENTHUB_CHECK(SSL_CTX_use_certificate_chain_file(
                        context, options.certificate->certificate_path.c_str()) == 1);
  INCIDENTHUB_CHECK(SSL_CTX_use_PrivateKey_file(context, options.certificate->key_path.c_str(),
                                                SSL_FILETYPE_PEM) == 1);
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Connect(int port,
                                                              const TlsClientOptions& options) {
  ASSIGN_OR_RETURN(const int fd, ConnectTcp(port, kTlsPatience));
  return Over(fd, options);
}

absl::StatusOr<std::unique_ptr<TlsClient>> TlsClient::Over(int fd,
                                                           const TlsClientOptions& options) {
  std::unique_ptr<TlsClient> client(new TlsClient());
  client->fd_ = OwnedFd(fd);
  RETURN_IF_ERROR(client->Start(options));
  return client;
}

TlsClient::~TlsClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
}

absl::Status TlsClient::Start(const TlsClientOptions& options) {
  // OpenSSL writes to the socket without a way to say that no signal is wanted.
  std::signal(SIGPIPE, SIG_IGN);
  const int fd = fd_.get();
  const timeval timeout = absl::ToTimeval(kTlsPatience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (options.receive_buffer_bytes > 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes,
               sizeof options.receive_buffer_bytes);
  }
  context_ = SSL_CTX_new(TLS_client_method());
  INCIDENTHUB_CHECK(context_ != nullptr);
  SetUp(options, context_);
  ssl_ = SSL_new(context_);
  INCIDENTHUB_CHECK(ssl_ != nullptr && SSL_set_fd(ssl_, fd) == 1);
  INCIDENTHUB_CHECK(SSL_set1_host(ssl_, "localhost") == 1);
  if (!options.protocol.empty()) {
    const std::string wire =
        absl::StrCat(std::string(1, static_cast<char>(options.protocol.size())), options.protocol);
    const void* const bytes = wire.data();
    INCIDENTHUB_CHECK(SSL_set_alpn_protos(ssl_, static_cast<const unsigned char*>(bytes),
                                          static_cast<unsigned>(wire.size())) == 0);
  }
  ERR_clear_error();
  return SSL_connect(ssl_) == 1 ? absl::OkStatus() : Broken("handshake");
}

absl::Status TlsClient::Send(absl::string_view bytes) {
  ERR_clear_error();
  size_t sent = 0;
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &sent) != 1) return Broken("sending");
  return absl::OkStatus();
}

absl::StatusOr<std::string> TlsClient::Receive(size_t size) {
  std::string bytes(size, '\0');
  ERR_clear_error();
  for (size_t at = 0, got = 0; at < size; at += got) {
    if (SSL_read_ex(ssl_, &bytes[at], size - at, &got) != 1) return Broken("receiving");
  }
  return bytes;
}

bool TlsClient::Discard() {
  // What is there may be TLS's own, with nothing to read after it.
  const int flags = fcntl(fd_.get(), F_GETFL);
  fcntl(fd_.get(), F_SETFL, flags | O_NONBLOCK);
  std::array<char, kReadBytes> buffer;
  size_t got = 0;
  ERR_clear_error();
  while (SSL_read_ex(ssl_, buffer.data(), buffer.size(), &got) == 1) {
  }
  const bool open = SSL_get_error(ssl_, 0) == SSL_ERROR_WANT_READ;
  ERR_clear_error();
  fcntl(fd_.get(), F_SETFL, flags);
  return open;
}

absl::StatusOr<HttpResponse> TlsClient::Receive() {
  std::array<char, kReadBytes> buffer;
  HttpResponse response;
  while (true) {
    ASSIGN_OR_RETURN(const size_t size, ParseHttpResponse(in_, false, &response));
    if (size > 0) {
      in_.erase(0, size);
      return response;
    }
    ERR_clear_error();
    size_t got = 0;
    if (SSL_read_ex(ssl_, buffer.data(), buffer.size(), &got) != 1) return Broken("receiving");
    in_.append(buffer.data(), got);
  }
}

absl::StatusOr<HttpResponse> TlsClient::Exchange(absl::string_view bytes) {
  // A server that refuses early may close before it has read everything: its answer counts.
  const absl::Status sent = Send(bytes);
  absl::StatusOr<HttpResponse> response = Receive();
  if (!response.ok() && !sent.ok()) return sent;
  return response;
}

bool TlsClient::EndsInOrder() {
  ERR_clear_error();
  char byte = 0;
  const int result = SSL_read(ssl_, &byte, 1);
  const bool in_order = SSL_get_error(ssl_, result) == SSL_ERROR_ZERO_RETURN;
  ERR_clear_error();
  return in_.empty() && in_order;
}

void TlsClient::UpdateKeys() {
  INCIDENTHUB_CHECK(SSL_key_update(ssl_, SSL_KEY_UPDATE_REQUESTED) == 1);
}

std::string TlsClient::server_name() const {
  const X509* const certificate = SSL_get0_peer_certificate(ssl_);
  INCIDENTHUB_CHECK(certificate != nullptr);
  std::array<char, 256> name;
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
}

std::string TlsClient::protocol() const {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &chosen, &size);
  return std::string(chosen, chosen + size);
}

}  // namespace incidenthub::testing
