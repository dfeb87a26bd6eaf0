// One path's webhook: who may send, what is taken, and the way of what is in a body to the hub and
// back.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_WEBHOOK_HANDLER_H_
#define INCIDENTHUB_GATEWAY_WEBHOOK_HANDLER_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/decode/source_kinds.h"
#include "common/repeated_line.h"
#include "gateway/http_head.h"
#include "gateway/http_server.h"
#include "gateway/http_status.h"
#include "gateway/ingest_client.h"
#include "gateway/metrics.h"
#include "gateway/request_ids.h"
#include "gateway/sources.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::gateway {

class WebhookHandler final : public HttpHandler {
 public:
  // `sources`: those that post to the path, all of one kind; at least one, more than one only of
  // kinds with app keys; at most kSourcesMax. They, the client and the metrics must outlive it.
  WebhookHandler(std::vector<const Source*> sources, IngestClient* client, Metrics* metrics);

  // 401 without a valid credential, 415 if the content type is not JSON. `*admission` has a bit for
  // each source whose credential it is.
  std::optional<HttpAnswer> Refuse(const RequestHead& head, const RequestIds& ids,
                                   Admission* admission) override;

  // A batch is handed over at the pace of its receipts.
  bool MayWait() const override { return kind_.is_batch; }

  // Answers once the hub's receipts are there.
  void Handle(std::string body, absl::Time start, Admission admission, const RequestIds& ids,
              Respond respond) override;

 private:
  void HandleOne(std::string body, absl::Time start, const decode::SourceContext& context,
                 const RequestIds& ids, Respond respond);
  void HandleBatch(std::string body, absl::Time start, const decode::SourceContext& context,
                   const RequestIds& ids, Respond respond);
  HttpAnswer Unauthenticated() const;
  void NoteRefused(const absl::Status& error, absl::string_view source, const RequestIds& ids);
  HttpAnswer AnswerFor(const absl::StatusOr<v1::Receipt>& receipt, absl::string_view source,
                       const RequestIds& ids, absl::string_view unmapped_reason);

  const std::vector<const Source*> sources_;
  const decode::SourceKind& kind_;
  IngestClient& client_;
  Metrics& metrics_;
  // Of each kind of line that a sender can cause at will.
  RepeatedLine refused_lines_{kOfCallers};
  RepeatedLine test_lines_{kOfCallers};
  RepeatedLine quarantined_lines_{kOfCallers};
};

// Whether a Content-Type says JSON: application/json, text/json or application/*+json, with any
// parameters; or nothing, since senders leave it out.
bool IsJsonContentType(absl::string_view content_type);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_WEBHOOK_HANDLER_H_
