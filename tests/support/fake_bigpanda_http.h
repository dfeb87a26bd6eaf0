// The HTTP server of a FakeBigPanda: a handler says what is answered, and what goes wrong with it.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_HTTP_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_HTTP_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tests/support/fake_bigpanda_types.h"

namespace incidenthub::testing {

struct FakeHttpRequest {
  std::string method;
  // As sent, without the query.
  std::string path;
  std::string authorization;
  std::string body;
};

struct FakeHttpAnswer {
  int status = 200;
  // Empty: no such field.
  std::string retry_after;
  // JSON; empty: none.
  std::string body;
  std::optional<BigPandaFault> fault;
};

// Connections beyond these wait until another one ends.
inline constexpr size_t kFakeHttpConnectionsMax = 64;

class FakeHttpServer {
 public:
  // Called on a connection's thread, several at once.
  using Handler = std::function<FakeHttpAnswer(const FakeHttpRequest&)>;

  // `options`: port and TLS. UNAVAILABLE: the port is taken. INVALID_ARGUMENT: of the TLS files.
  static absl::StatusOr<std::unique_ptr<FakeHttpServer>> Start(const FakeBigPandaOptions& options,
                                                               Handler handler);
  // Cuts every connection, whatever it is at.
  virtual ~FakeHttpServer() = default;

  virtual int port() const = 0;
  // From now on TLS handshakes begin so much later.
  virtual void SetHandshakeDelay(absl::Duration delay) = 0;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_HTTP_H_
