#include "gateway/webhook_handler.h"

#include <array>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/sha256.h"

namespace incidenthub::gateway {
namespace {

void SetTime(absl::Time time, google::protobuf::Timestamp* timestamp) {
  const timespec parts = absl::ToTimespec(time);
  timestamp->set_seconds(parts.tv_sec);
  timestamp->set_nanos(static_cast<int32_t>(parts.tv_nsec));
}

}  // namespace

bool IsJsonContentType(absl::string_view content_type) {
  const std::string type = absl::AsciiStrToLower(
      absl::StripAsciiWhitespace(content_type.substr(0, content_type.find(';'))));
  return type.empty() || type == "application/json" || type == "text/json" ||
         (absl::StartsWith(type, "application/") && absl::EndsWith(type, "+json"));
}

WebhookHandler::WebhookHandler(WebhookOptions options, IngestClient* client, Metrics* metrics)
    : options_(std::move(options)), client_(*client), metrics_(*metrics) {}

std::optional<HttpAnswer> WebhookHandler::Refuse(const RequestHead& head) {
  // Two of them are not one credential.
  if (options_.credentials != nullptr &&
      (head.CountOf(options_.auth_header) != 1 ||
       !options_.credentials->Accepts(head.ValueOf(options_.auth_header)))) {
    HttpAnswer answer = ErrorAnswer(
        401, "UNAUTHENTICATED",
        absl::StrCat("the header ", options_.auth_header, " holds no valid credential"));
    if (absl::EqualsIgnoreCase(options_.auth_header, "Authorization")) {
      answer.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"incidenthub\"");
    }
    return answer;
  }
  if (!IsJsonContentType(head.ValueOf("Content-Type"))) {
    return ErrorAnswer(415, "CONTENT_TYPE_UNSUPPORTED",
                       absl::StrCat("the Content-Type must be application/json"));
  }
  return std::nullopt;
}

void WebhookHandler::Handle(std::string body, absl::Time start, Respond respond) {
  const std::array<uint8_t, 32> digest = Sha256(body);
  absl::StatusOr<v1::Delivery> delivery = options_.decode(&body, options_.source);
  if (!delivery.ok()) {
    metrics_.DecodeFailed(ErrorReason(delivery.status()));
    Log(LogLevel::kWarning, "body refused",
        {{"source", options_.source}, {"error", delivery.status()}});
    return respond(AnswerForRequestError(delivery.status()));
  }
  // Its memory is not needed while the hub is waited for.
  std::string().swap(body);
  delivery->set_digest(digest.data(), kDeliveryDigestBytes);
  SetTime(absl::Now(), delivery->mutable_receive_time());
  std::string unmapped_reason;
  if (delivery->has_unmapped()) {
    unmapped_reason = delivery->unmapped().reason();
    metrics_.DecodeFailed("UNMAPPED");
  }
  client_.Deliver(
      *std::move(delivery), start,
      [this, unmapped_reason = std::move(unmapped_reason),
       respond = std::move(respond)](const absl::StatusOr<v1::Receipt>& receipt) mutable {
        respond(AnswerFor(receipt, unmapped_reason));
      });
}

HttpAnswer WebhookHandler::AnswerFor(const absl::StatusOr<v1::Receipt>& receipt,
                                     absl::string_view unmapped_reason) const {
  if (!receipt.ok()) return AnswerForDeliveryError(receipt.status());
  if (receipt->has_quarantined()) {
    Log(LogLevel::kWarning, "body is no incident, kept in quarantine",
        {{"source", options_.source},
         {"quarantine_id", receipt->quarantined().id()},
         {"reason", unmapped_reason}});
  }
  return AnswerForReceipt(*receipt, unmapped_reason);
}

}  // namespace incidenthub::gateway
