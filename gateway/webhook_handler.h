// One source's webhook: who may send, what is taken, and the way of one delivery to the hub and
// back.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_WEBHOOK_HANDLER_H_
#define INCIDENTHUB_GATEWAY_WEBHOOK_HANDLER_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "gateway/credentials.h"
#include "gateway/http_head.h"
#include "gateway/http_server.h"
#include "gateway/http_status.h"
#include "gateway/ingest_client.h"
#include "gateway/metrics.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::gateway {

// Bytes of a raw body's SHA-256 that are its digest.
inline constexpr size_t kDeliveryDigestBytes = 16;

// A source's decoder: what a body says, or why it says nothing. `*body` may be grown and is
// otherwise unchanged. INVALID_ARGUMENT: it is no JSON. RESOURCE_EXHAUSTED: too large once encoded.
// JSON that is no incident is a delivery with `unmapped`.
using Decoder = absl::StatusOr<v1::Delivery> (*)(std::string* body, absl::string_view source);

struct WebhookOptions {
  // Name of the source.
  std::string source;
  // Header that carries the credential.
  std::string auth_header;
  // Null: every sender is accepted.
  Credentials* credentials;
  Decoder decode;
};

class WebhookHandler final : public HttpHandler {
 public:
  // The client, the metrics and what the options point to must outlive it.
  WebhookHandler(WebhookOptions options, IngestClient* client, Metrics* metrics);

  // 401 without a valid credential, 415 if the content type is not JSON.
  std::optional<HttpAnswer> Refuse(const RequestHead& head) override;

  // Answers once the hub's receipt is there.
  void Handle(std::string body, absl::Time start, Respond respond) override;

 private:
  HttpAnswer AnswerFor(const absl::StatusOr<v1::Receipt>& receipt,
                       absl::string_view unmapped_reason) const;

  const WebhookOptions options_;
  IngestClient& client_;
  Metrics& metrics_;
};

// Whether a Content-Type says JSON: application/json, text/json or application/*+json, with any
// parameters; or nothing, since senders leave it out.
bool IsJsonContentType(absl::string_view content_type);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_WEBHOOK_HANDLER_H_
