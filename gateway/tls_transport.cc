#include "gateway/tls_transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/pem.h"

namespace incidenthub::gateway {
namespace {

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class TlsTransport final : public Transport {
 public:
  explicit TlsTransport(int fd) : Transport(fd) {}
  ~TlsTransport() override {
    if (fd() >= 0) End();
  }

  // False: there is no memory.
  bool Start(SSL_CTX* context);

  absl::Status Handshake(absl::Time deadline) override;
  Transfer Receive(char* to, size_t size) override;
  bool HoldsInput() const override;
  Transfer Send(absl::string_view bytes) override;
  void SendEnd() override { End(); }

 private:
  // OpenSSL's door to the socket: its own would send without MSG_NOSIGNAL, and wait.
  static const BIO_METHOD* SocketMethod();
  static TlsTransport& Of(BIO* bio) { return *static_cast<TlsTransport*>(BIO_get_data(bio)); }
  static int ReadSocket(BIO* bio, char* to, int size);
  static int WriteSocket(BIO* bio, const char* from, int size);
  // NOLINTNEXTLINE(google-runtime-int): as OpenSSL has it
  static long Control(BIO* bio, int command, long number, void* pointer);

  // What to poll for after a call that has come to nothing.
  short WaitFor(int result);
  // Why the handshake has come to nothing.
  absl::Status HandshakeError();
  void End();

  std::unique_ptr<SSL, SslFree> ssl_;
  // The socket has no more to read.
  bool at_end_ = false;
  // Nothing may be asked of OpenSSL any more.
  bool is_broken_ = false;
};

int TlsTransport::ReadSocket(BIO* bio, char* to, int size) {
  TlsTransport& transport = Of(bio);
  BIO_clear_retry_flags(bio);
  ssize_t got = 0;
  do {
    got = recv(transport.fd(), to, static_cast<size_t>(size), MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
  transport.at_end_ = got == 0;
  return static_cast<int>(got);
}

int TlsTransport::WriteSocket(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  ssize_t sent = 0;
  do {
    sent = send(Of(bio).fd(), from, static_cast<size_t>(size), MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

// NOLINTNEXTLINE(google-runtime-int): as OpenSSL has it
long TlsTransport::Control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command != BIO_CTRL_EOF) return 0;
  TlsTransport& transport = Of(bio);
  return transport.at_end_ ? 1 : 0;
}

const BIO_METHOD* TlsTransport::SocketMethod() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    INCIDENTHUB_CHECK(made != nullptr);
    BIO_meth_set_read(made, ReadSocket);
    BIO_meth_set_write(made, WriteSocket);
    BIO_meth_set_ctrl(made, Control);
    return made;
  }();
  return kMethod;
}

bool TlsTransport::Start(SSL_CTX* context) {
  ERR_clear_error();
  ssl_.reset(SSL_new(context));
  BIO* const bio = BIO_new(SocketMethod());
  if (ssl_ == nullptr || bio == nullptr) {
    BIO_free(bio);
    is_broken_ = true;
    ERR_clear_error();
    return false;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
  return true;
}

short TlsTransport::WaitFor(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return POLLIN;
    case SSL_ERROR_WANT_WRITE:
      return POLLOUT;
    case SSL_ERROR_ZERO_RETURN:
      // Its end, which leaves the other direction open.
      return 0;
    default:
      is_broken_ = true;
      return 0;
  }
}

absl::Status TlsTransport::HandshakeError() {
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (ERR_peek_last_error() != 0 && reason == SSL_R_HTTP_REQUEST) {
    ERR_clear_error();
    return ReasonError(absl::StatusCode::kInvalidArgument, "TLS_REQUIRED",
                       "this port speaks TLS: use https://");
  }
  if (at_end_ && BIO_number_read(SSL_get_rbio(ssl_.get())) == 0) {
    return absl::CancelledError("the peer has closed the connection");
  }
  const auto verified = SSL_get_verify_result(ssl_.get());
  return absl::InvalidArgumentError(
      absl::StrCat(TakeOpenSslError("the peer has closed the connection in the middle of it"),
                   verified == X509_V_OK ? "" : ": ",
                   verified == X509_V_OK ? "" : X509_verify_cert_error_string(verified)));
}

absl::Status TlsTransport::Handshake(absl::Time deadline) {
  while (true) {
    short wait_for = 0;
    {
      ERR_clear_error();
      const int result = SSL_do_handshake(ssl_.get());
      if (result == 1) return absl::OkStatus();
      wait_for = WaitFor(result);
      if (wait_for == 0) {
        is_broken_ = true;
        return HandshakeError();
      }
    }
    if (!PollUntil(fd(), wait_for, deadline)) {
      is_broken_ = true;
      return absl::DeadlineExceededError("the peer did not finish the handshake in time");
    }
  }
}

Transfer TlsTransport::Receive(char* to, size_t size) {
  if (is_broken_) return {};
  ERR_clear_error();
  Transfer got;
  const int result = SSL_read_ex(ssl_.get(), to, size, &got.size);
  if (result == 1) return got;
  return {.wait_for = WaitFor(result)};
}

bool TlsTransport::HoldsInput() const { return !is_broken_ && SSL_has_pending(ssl_.get()) == 1; }

Transfer TlsTransport::Send(absl::string_view bytes) {
  if (is_broken_) return {};
  ERR_clear_error();
  Transfer sent;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent.size);
  if (result == 1) return sent;
  return {.wait_for = WaitFor(result)};
}

void TlsTransport::End() {
  if (is_broken_) return;
  // Once, and without waiting for the peer's: it has its answers.
  is_broken_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace

std::unique_ptr<Transport> NewTlsTransport(SSL_CTX* context, int fd) {
  auto transport = std::make_unique<TlsTransport>(fd);
  if (!transport->Start(context)) return nullptr;
  return transport;
}

}  // namespace incidenthub::gateway
