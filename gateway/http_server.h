// The HTTP side of the gateway: connections, requests, their limits and the errors of the protocol.
// What a request means is up to a handler a path.
//
// A connection without a request waits in a poller. A request that is there as a whole with its
// first bytes, as most are, is served on the poller's thread; any other, a handshake, and what a
// handler may wait for have a thread of their own for that long. There it is read and decoded; the
// answer is sent by whoever has it, and is not waited for. Of connections there may be
// `connections_max`; one more is
// answered 503 at once, or with TLS closed. It reads and decodes; the answer is sent by whoever has
// it, and is not waited for. A request is refused in this order: head 400/431, draining 503, path
// 404, method 405, the handler (credentials), Content-Encoding 415, size 413, then while the body
// is read 400/408/413. An answer that leaves a part of its request unread closes the connection.
//
// Threads: any. Handlers are called on pollers' and connections' threads, and answer on any.

#ifndef INCIDENTHUB_GATEWAY_HTTP_SERVER_H_
#define INCIDENTHUB_GATEWAY_HTTP_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/host_port.h"
#include "gateway/http_head.h"
#include "gateway/http_status.h"
#include "gateway/metrics.h"
#include "gateway/request_ids.h"
#include "gateway/tls_acceptor.h"

namespace incidenthub::gateway {

inline constexpr int kListenBacklog = 511;
// From a connection's first moment to the end of TLS's handshake; less if the idle timeout is.
inline constexpr absl::Duration kHandshakeTimeout = absl::Seconds(10);

// What a handler has found out from a request's head and wants to know again with its body.
using Admission = uint64_t;

// What is behind one path. Only POST gets here.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Before the body is read: the answer to a request that is refused for its head.
  virtual std::optional<HttpAnswer> Refuse(const RequestHead& head, const RequestIds& ids,
                                           Admission* admission) = 0;

  // Whether Handle() may hold its thread up for longer than it takes to decode the body.
  virtual bool MayWait() const = 0;

  // Must be called once, on any thread, which it does not hold up.
  using Respond = absl::AnyInvocable<void(HttpAnswer)>;

  // `body`: whole and decompressed. `start`: when the request's first byte came. `ids`: there until
  // it is responded.
  virtual void Handle(std::string body, absl::Time start, Admission admission,
                      const RequestIds& ids, Respond respond) = 0;
};

struct HttpServerOptions {
  HostPort address;
  size_t connections_max;
  // From a request's first byte to its last: 408 after that.
  absl::Duration body_timeout;
  // Between two requests.
  absl::Duration idle_timeout;
  // By path; must outlive the server.
  absl::flat_hash_map<std::string, HttpHandler*> handlers;
  // Must outlive the server. Null: no TLS.
  TlsAcceptor* tls = nullptr;
};

class HttpServer {
 public:
  // UNAVAILABLE: the address cannot be listened on, with the cause. `metrics` must outlive it.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(HttpServerOptions options,
                                                           Metrics* metrics);

  // Closes every connection, whatever is going on there; waits for handlers to respond.
  virtual ~HttpServer() = default;

  virtual int port() const = 0;

  // Accepts no more connections and closes those without a request. A request that has begun goes
  // on, and closes its connection; one that begins after this is answered 503.
  virtual void StartDraining() = 0;

  // Waits until no request is open. False: `deadline` passed first.
  virtual bool AwaitIdle(absl::Time deadline) = 0;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_HTTP_SERVER_H_
