#include "gateway/gateway.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/host_port.h"
#include "common/hub_credentials.h"
#include "common/logging.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

// For answers to leave, after the senders' waits have been ended.
constexpr absl::Duration kLastAnswersTime = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const Options& options) {
  std::unique_ptr<Gateway> gateway(new Gateway());
  gateway->drain_timeout_ = options.drain_timeout;
  gateway->metrics_ = std::make_unique<Metrics>();
  if (!options.tls_cert_file.empty()) {
    ASSIGN_OR_RETURN(gateway->tls_, TlsAcceptor::Load({options.tls_cert_file, options.tls_key_file,
                                                       options.tls_client_ca_file}));
  }
  ASSIGN_OR_RETURN(gateway->sources_, LoadSources(options));
  for (const Source& source : gateway->sources_) {
    if (!source.authenticators.empty()) continue;
    Log(LogLevel::kWarning, "every sender is accepted: the source has no credentials",
        {{"source", source.name}, {"path", source.path}, {"listen", options.listen}});
  }
  absl::StatusOr<std::shared_ptr<HubCredentials>> credentials =
      HubCredentials::Load(options.hub_files);
  if (!credentials.ok()) {
    return absl::Status(credentials.status().code(),
                        absl::StrCat("--hub_ca_file, --hub_token_file, --hub_cert_file, "
                                     "--hub_key_file: ",
                                     credentials.status().message()));
  }
  gateway->client_ = IngestClient::Start(
      {options.hub,
       *std::move(credentials),
       {static_cast<size_t>(options.window_deliveries), static_cast<size_t>(options.window_bytes)},
       options.hold,
       options.answer_timeout},
      gateway->metrics_.get());
  gateway->MakeHandlers();
  absl::flat_hash_map<std::string, HttpHandler*> handlers;
  for (const auto& [path, handler] : gateway->handlers_) handlers[path] = handler.get();

  ASSIGN_OR_RETURN(HostPort address, ParseHostPort(options.listen));
  ASSIGN_OR_RETURN(gateway->http_,
                   HttpServer::Start(
                       {address, static_cast<size_t>(options.max_connections), options.body_timeout,
                        options.idle_timeout, std::move(handlers), gateway->tls_.get()},
                       gateway->metrics_.get()));
  ASSIGN_OR_RETURN(
      gateway->admin_,
      AdminServer::Start({options.admin_listen,
                          [client = gateway->client_.get()] { return client->Ready(); },
                          [gateway = gateway.get()] { return gateway->MetricsText(); }}));
  ASSIGN_OR_RETURN(HostPort admin_address, ParseHostPort(options.admin_listen));
  admin_address.port = static_cast<uint16_t>(gateway->admin_port());
  Log(LogLevel::kInfo, "admin listening",
      {{"address", admin_address.ToString()}, {"port", gateway->admin_port()}});
  address.port = static_cast<uint16_t>(gateway->port());
  Log(LogLevel::kInfo, "listening",
      {{"address", address.ToString()},
       {"port", gateway->port()},
       {"hub", options.hub},
       {"tls", gateway->tls_ != nullptr}});
  return gateway;
}

std::string Gateway::MetricsText() {
  Metrics::Gauges gauges = client_->gauges();
  if (tls_ != nullptr) gauges.certificate_expire_time = tls_->expire_time();
  return metrics_->Text(gauges);
}

void Gateway::MakeHandlers() {
  absl::flat_hash_map<std::string, std::vector<const Source*>> by_path;
  for (const Source& source : sources_) by_path[source.path].push_back(&source);
  for (auto& [path, sources] : by_path) {
    handlers_[path] =
        std::make_unique<WebhookHandler>(std::move(sources), client_.get(), metrics_.get());
  }
}

void Gateway::Drain() {
  const absl::Time deadline = absl::Now() + drain_timeout_;
  http_->StartDraining();
  const bool answered = http_->AwaitIdle(deadline);
  const bool delivered = client_->Drain(deadline);
  client_->Stop();
  http_->AwaitIdle(absl::Now() + kLastAnswersTime);
  Log(LogLevel::kInfo, "drained", {{"requests_answered", answered}, {"window_sent", delivered}});
}

Gateway::~Gateway() {
  if (http_ != nullptr) http_->StartDraining();
  // Ends the waits of handlers, for which the HTTP server's end would wait.
  if (client_ != nullptr) client_->Stop();
}

}  // namespace incidenthub::gateway
