#include "gateway/gateway.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/decode/bigpanda.h"
#include "common/host_port.h"
#include "common/logging.h"
#include "common/status_macros.h"

namespace incidenthub::gateway {
namespace {

constexpr char kBigPandaPath[] = "/v1/webhooks/bigpanda";
constexpr char kBigPandaSource[] = "bigpanda";
// For answers to leave, after the senders' waits have been ended.
constexpr absl::Duration kLastAnswersTime = absl::Seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Start(const Options& options) {
  std::unique_ptr<Gateway> gateway(new Gateway());
  gateway->drain_timeout_ = options.drain_timeout;
  gateway->metrics_ = std::make_unique<Metrics>();
  if (options.bigpanda_secret_file.empty()) {
    Log(LogLevel::kWarning, "every sender is accepted: no --bigpanda_secret_file",
        {{"source", kBigPandaSource}, {"listen", options.listen}});
  } else {
    ASSIGN_OR_RETURN(gateway->bigpanda_credentials_,
                     Credentials::Load(options.bigpanda_secret_file));
  }
  gateway->client_ = IngestClient::Start(
      {options.hub,
       {static_cast<size_t>(options.window_deliveries), static_cast<size_t>(options.window_bytes)},
       options.hold,
       options.answer_timeout},
      gateway->metrics_.get());
  gateway->bigpanda_ = std::make_unique<WebhookHandler>(
      WebhookOptions{kBigPandaSource, options.bigpanda_auth_header,
                     gateway->bigpanda_credentials_.get(), decode::DecodeBigPanda},
      gateway->client_.get(), gateway->metrics_.get());

  ASSIGN_OR_RETURN(HostPort address, ParseHostPort(options.listen));
  ASSIGN_OR_RETURN(gateway->http_, HttpServer::Start({address,
                                                      static_cast<size_t>(options.max_connections),
                                                      options.body_timeout,
                                                      options.idle_timeout,
                                                      {{kBigPandaPath, gateway->bigpanda_.get()}}},
                                                     gateway->metrics_.get()));
  ASSIGN_OR_RETURN(
      gateway->admin_,
      AdminServer::Start({options.admin_listen,
                          [client = gateway->client_.get()] { return client->Ready(); },
                          [client = gateway->client_.get(), metrics = gateway->metrics_.get()] {
                            return metrics->Text(client->gauges());
                          }}));
  ASSIGN_OR_RETURN(HostPort admin_address, ParseHostPort(options.admin_listen));
  admin_address.port = static_cast<uint16_t>(gateway->admin_port());
  Log(LogLevel::kInfo, "admin listening",
      {{"address", admin_address.ToString()}, {"port", gateway->admin_port()}});
  address.port = static_cast<uint16_t>(gateway->port());
  Log(LogLevel::kInfo, "listening",
      {{"address", address.ToString()}, {"port", gateway->port()}, {"hub", options.hub}});
  return gateway;
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
