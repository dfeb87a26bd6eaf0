// A TLS client for tests, with what each wants to do right or wrong.
//
// Threads: one at a time. Every wait is bounded by kTlsPatience.

#ifndef INCIDENTHUB_TESTS_SUPPORT_TLS_CLIENT_H_
#define INCIDENTHUB_TESTS_SUPPORT_TLS_CLIENT_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/http_client.h"
#include "tests/support/tcp.h"
#include "tests/support/test_certificates.h"

namespace incidenthub::testing {

// Only a test that fails waits for it.
inline constexpr absl::Duration kTlsPatience = absl::Seconds(30);

struct TlsClientOptions {
  // The server's certificate has to be of this authority, for "localhost".
  std::string ca_file;
  // Shown to the server. Null: none.
  const TestCertificate* certificate = nullptr;
  // TLS1_2_VERSION and so on; 0: any.
  int max_version = 0;
  // The one protocol that ALPN offers; empty: no ALPN.
  std::string protocol = {};
  // Of the socket; 0: as the system has it.
  int receive_buffer_bytes = 0;
};

class TlsClient {
 public:
  // To 127.0.0.1, with the handshake done; in TLS 1.3 the server may still refuse the client's
  // certificate afterwards. UNAVAILABLE: no connection, or no handshake, with OpenSSL's words.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Connect(int port,
                                                            const TlsClientOptions& options);
  // As Connect(), over a connected socket, which it takes over.
  static absl::StatusOr<std::unique_ptr<TlsClient>> Over(int fd, const TlsClientOptions& options);
  // Closes the socket as it is.
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  absl::Status Send(absl::string_view bytes);
  // Exactly so many bytes.
  absl::StatusOr<std::string> Receive(size_t size);
  // Reads what has come, and throws it away. False: the connection has ended.
  bool Discard();
  // The next response. UNAVAILABLE: the connection ended before it.
  absl::StatusOr<HttpResponse> Receive();
  absl::StatusOr<HttpResponse> Exchange(absl::string_view bytes);
  // Whether the next thing is the server's end, said in TLS's own way.
  bool EndsInOrder();
  // Has the keys changed, the server's too, with the next thing that is sent.
  void UpdateKeys();

  // The common name in the server's certificate.
  std::string server_name() const;
  // As in "TLSv1.3".
  std::string version() const { return SSL_get_version(ssl_); }
  // What ALPN has chosen.
  std::string protocol() const;
  int fd() const { return fd_.get(); }

 private:
  TlsClient() = default;
  absl::Status Start(const TlsClientOptions& options);

  OwnedFd fd_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  // Received, and not taken.
  std::string in_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_TLS_CLIENT_H_
