// The read-only HTTP port for probes and metrics that every server binary has.
//
//   GET /livez    200 while the process serves at all; never depends on anybody else.
//   GET /readyz   200 "ok", with a line more if something needs a look; or 503 with the reason.
//   GET /metrics  Prometheus text.

#ifndef INCIDENTHUB_COMMON_ADMIN_HTTP_H_
#define INCIDENTHUB_COMMON_ADMIN_HTTP_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace incidenthub {

struct AdminOptions {
  // HOST:PORT; port 0 takes any free one.
  std::string address;
  // These are called on the server's threads, several at a time, until the server is destroyed.
  // They must not block.
  std::function<absl::Status()> ready;
  std::function<std::string()> metrics;
  // As the two above; may be null. What people should know although traffic is fine: a line, or
  // empty.
  std::function<std::string()> notice = nullptr;
};

// Meant for a trusted network: a few threads, no credentials, one request a connection. A client
// that connects and says nothing holds a thread, and the destructor, for a second at most.
//
// Threads: construct and destroy on one; port() on any.
class AdminServer {
 public:
  // INVALID_ARGUMENT: the address does not parse. UNAVAILABLE: it cannot be listened on, with the
  // cause.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(AdminOptions options);

  // Stops accepting, answers what is open, joins the threads.
  virtual ~AdminServer() = default;

  virtual int port() const = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_ADMIN_HTTP_H_
