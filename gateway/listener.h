// A listening TCP socket and the thread that accepts from it.
//
// Why not the library's: an accept() that fails with anything but EMFILE, EINTR or EAGAIN (no
// memory, no descriptor in the whole system, a network error of the new connection) ends
// cpp-httplib's loop and closes its socket for good, in silence; its backlog is 5, and why it
// cannot listen it does not say.

#ifndef INCIDENTHUB_GATEWAY_LISTENER_H_
#define INCIDENTHUB_GATEWAY_LISTENER_H_

#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "common/host_port.h"

namespace incidenthub::gateway {

class Listener {
 public:
  // Hands each accepted socket to `on_accept`, on the listener's thread; it owns the socket then.
  // UNAVAILABLE: the address cannot be listened on, with the cause.
  static absl::StatusOr<std::unique_ptr<Listener>> Start(const HostPort& address, int backlog,
                                                         std::function<void(int fd)> on_accept);

  // As Stop().
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // The port in fact, if port 0 was asked for.
  int port() const { return port_; }

  // Closes the socket; what has not been accepted is refused. `on_accept` is not called any more.
  // Idempotent, on one thread.
  void Stop();

 private:
  Listener(int listen_fd, int port, std::function<void(int fd)> on_accept);
  void Loop();

  const int listen_fd_;
  const int stop_fd_;
  const int port_;
  const std::function<void(int fd)> on_accept_;
  std::thread thread_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_LISTENER_H_
