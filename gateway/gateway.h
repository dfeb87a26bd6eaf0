// The gateway as a whole: what main runs and tests run in their own process.

#ifndef INCIDENTHUB_GATEWAY_GATEWAY_H_
#define INCIDENTHUB_GATEWAY_GATEWAY_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/admin_http.h"
#include "gateway/http_server.h"
#include "gateway/ingest_client.h"
#include "gateway/metrics.h"
#include "gateway/options.h"
#include "gateway/sources.h"
#include "gateway/tls_acceptor.h"
#include "gateway/webhook_handler.h"

namespace incidenthub::gateway {

// Threads: one, apart from its own.
class Gateway {
 public:
  // Returns when both ports are open; the hub need not be there. Errors name the address or the
  // file. REQUIRES: options.Validate() is OK.
  static absl::StatusOr<std::unique_ptr<Gateway>> Start(const Options& options);

  // Stops at once: as Drain() without the time.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  int port() const { return http_->port(); }
  int admin_port() const { return admin_->port(); }

  // Stops in this order, within `drain_timeout`: new requests are refused; open ones are answered;
  // what is in the window is handed to the hub. What is left then is logged.
  void Drain();

 private:
  Gateway() = default;

  // One for each path that a source posts to.
  void MakeHandlers();
  // What a scrape gets.
  std::string MetricsText();

  absl::Duration drain_timeout_;
  // Each uses only what stands above it.
  std::unique_ptr<Metrics> metrics_;
  std::vector<Source> sources_;
  std::unique_ptr<IngestClient> client_;
  // By path.
  absl::flat_hash_map<std::string, std::unique_ptr<WebhookHandler>> handlers_;
  // Null: no TLS.
  std::unique_ptr<TlsAcceptor> tls_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_GATEWAY_H_
