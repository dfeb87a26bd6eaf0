// The hub, whole: owns every part, in the order in which they depend on each other.
//
// Start:    database, log, store, replay, ring, broadcaster, sequencer, services, port. What is
//           lacking ends it with an error.
// Stop:     health NOT_SERVING; Ingest streams end with their receipts sent; the sequencer answers
//           what it took; subscribers get `draining`; the port closes; the database closes.
// Threads:  Start and Shutdown by one; the rest by any.

#ifndef INCIDENTHUB_SERVER_SERVER_H_
#define INCIDENTHUB_SERVER_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/options.h"

namespace incidenthub {

class Server {
 public:
  // `on_failed` is called, once and from any thread, when the hub cannot write any more and has to
  // be started anew.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const HubOptions& options, std::function<void(const absl::Status&)> on_failed);
  // REQUIRES: Shutdown returned true.
  ~Server();

  // Stops everything. False if streams of peers that hang are still open at the end of `timeout`:
  // all that was promised is synced then too, but the process must end without destroying the
  // server.
  [[nodiscard]] bool Shutdown(absl::Duration timeout);

  // The gRPC port.
  int port() const;
  // OK, or why no traffic should be sent here.
  absl::Status Ready() const;
  // What is not as it should be although traffic may come; empty: nothing.
  std::string Notice() const;
  // In Prometheus' text format.
  std::string Metrics() const;

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_SERVER_H_
