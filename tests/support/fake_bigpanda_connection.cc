#include "tests/support/fake_bigpanda_connection.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"

namespace incidenthub::testing {
namespace {

// The bytes of one TLS record.
constexpr size_t kWriteBytesMax = 16384;

// False: nothing of `events` in that time.
bool Poll(int fd, int16_t events, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    const absl::Duration left = std::max(deadline - absl::Now(), absl::ZeroDuration());
    const int64_t milliseconds = absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1)));
    pollfd poll_fd{fd, events, 0};
    const int count = poll(&poll_fd, 1, static_cast<int>(std::min<int64_t>(milliseconds, INT_MAX)));
    if (count > 0) return true;
    if (count == 0 && left == absl::ZeroDuration()) return false;
    if (count < 0 && errno != EINTR) return true;
  }
}

}  // namespace

void TlsContextDeleter::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

absl::StatusOr<TlsContext> MakeTlsContext(const std::string& certificate_file,
                                          const std::string& key_file) {
  TlsContext context(SSL_CTX_new(TLS_server_method()));
  INCIDENTHUB_CHECK(context != nullptr);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat(certificate_file, " and ", key_file,
                                                   " are no certificate with its key; give two "
                                                   "PEM files"));
  }
  return context;
}

FakeConnection::FakeConnection(int fd, ssl_ctx_st* tls) : fd_(fd) {
  if (tls == nullptr) return;
  ssl_ = SSL_new(tls);
  INCIDENTHUB_CHECK(ssl_ != nullptr && SSL_set_fd(ssl_, fd_) == 1);
}

FakeConnection::~FakeConnection() {
  if (ssl_ != nullptr) {
    if (healthy_) SSL_shutdown(ssl_);
    SSL_free(ssl_);
    // What went wrong here is of no interest to the thread's next connection.
    ERR_clear_error();
  }
  close(fd_);
}

bool FakeConnection::Handshake(absl::Duration delay) {
  if (delay > absl::ZeroDuration() && WaitForEnd(delay)) return false;
  healthy_ = ssl_ == nullptr || SSL_accept(ssl_) == 1;
  return healthy_;
}

bool FakeConnection::WaitForBytes(absl::Duration timeout) {
  if (ssl_ != nullptr && SSL_pending(ssl_) > 0) return true;
  return Poll(fd_, POLLIN, timeout);
}

ssize_t FakeConnection::Read(char* to, size_t size) {
  if (ssl_ == nullptr) return recv(fd_, to, size, 0);
  const int count = SSL_read(ssl_, to, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  healthy_ = count > 0;
  return count;
}

bool FakeConnection::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    const absl::string_view part = bytes.substr(0, kWriteBytesMax);
    const ssize_t count = ssl_ == nullptr
                              ? send(fd_, part.data(), part.size(), MSG_NOSIGNAL)
                              : SSL_write(ssl_, part.data(), static_cast<int>(part.size()));
    if (count <= 0) {
      healthy_ = false;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

bool FakeConnection::WaitForEnd(absl::Duration timeout) { return Poll(fd_, POLLRDHUP, timeout); }

void FakeConnection::ResetAtEnd() {
  healthy_ = false;
  const linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void FakeConnection::Abort() { shutdown(fd_, SHUT_RDWR); }

}  // namespace incidenthub::testing
