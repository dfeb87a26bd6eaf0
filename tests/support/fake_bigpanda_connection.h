// One connection of a client to a FakeBigPanda, plain or TLS, which can also go wrong on purpose.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_CONNECTION_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_CONNECTION_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// OpenSSL's own names for SSL and SSL_CTX.
struct ssl_st;
struct ssl_ctx_st;

namespace incidenthub::testing {

struct TlsContextDeleter {
  void operator()(ssl_ctx_st* context) const;
};
using TlsContext = std::unique_ptr<ssl_ctx_st, TlsContextDeleter>;

// INVALID_ARGUMENT: the files are no certificate with its key.
absl::StatusOr<TlsContext> MakeTlsContext(const std::string& certificate_file,
                                          const std::string& key_file);

// Threads: one, but for Abort().
class FakeConnection {
 public:
  // Owns `fd`. No `tls`: plain.
  FakeConnection(int fd, ssl_ctx_st* tls);
  ~FakeConnection();
  FakeConnection(const FakeConnection&) = delete;
  FakeConnection& operator=(const FakeConnection&) = delete;

  // Of TLS, begun after `delay`. False: there will be no connection.
  bool Handshake(absl::Duration delay);
  // False: nothing came in that time.
  bool WaitForBytes(absl::Duration timeout);
  // As recv(); 0 or less: no more comes.
  ssize_t Read(char* to, size_t size);
  // False: the peer is gone.
  bool Write(absl::string_view bytes);
  // True: the peer has closed, or the connection was aborted. False: it stayed for that time.
  bool WaitForEnd(absl::Duration timeout);
  // The connection will end with a TCP reset.
  void ResetAtEnd();
  // Any thread: whatever waits on the connection stops to wait.
  void Abort();

 private:
  const int fd_;
  ssl_st* ssl_ = nullptr;
  // TLS may say goodbye.
  bool healthy_ = false;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_CONNECTION_H_
