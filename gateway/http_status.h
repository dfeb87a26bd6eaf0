// What senders are told: the only place where a Status or a receipt becomes an HTTP answer. Pure.
//
// Senders drop a payload on 4xx and send it again on 5xx. So 4xx is for what would fail the same
// way next time, and 429 is never used.

#ifndef INCIDENTHUB_GATEWAY_HTTP_STATUS_H_
#define INCIDENTHUB_GATEWAY_HTTP_STATUS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/error_reasons.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::gateway {

// What Retry-After says where the hub names no delay.
inline constexpr absl::Duration kRetryAfterDefault = absl::Seconds(2);
// A hub's longer delay is cut to this: senders give up on long ones.
inline constexpr absl::Duration kRetryAfterMax = absl::Seconds(60);

struct HttpAnswer {
  int status = 0;
  // JSON.
  std::string body;
  // Besides Content-Type, Content-Length and Connection.
  std::vector<std::pair<std::string, std::string>> headers;
};

// {"status":"error","error":{"code":<status>,"reason":"<reason>","message":"<message>"}}
HttpAnswer ErrorAnswer(int status, Reason reason, absl::string_view message);

// 503 with Retry-After, in whole seconds, at least 1.
HttpAnswer RetryAnswer(Reason reason, absl::string_view message,
                       absl::Duration retry_after = kRetryAfterDefault);

// A request whose head could not be read: RESOURCE_EXHAUSTED 431, otherwise as the next one.
HttpAnswer AnswerForHeadError(const absl::Status& error);

// A request that could not be read or decoded: INVALID_ARGUMENT 400, RESOURCE_EXHAUSTED 413,
// DEADLINE_EXCEEDED 408, anything else 503. The reason is the status's own.
HttpAnswer AnswerForRequestError(const absl::Status& error);

// A delivery that got no receipt, or was rejected in it: INVALID_ARGUMENT 422, DEADLINE_EXCEEDED
// 504, anything else 503 (with the RetryInfo's delay).
HttpAnswer AnswerForDeliveryError(const absl::Status& error);

// 200 with the incident, its sequence and whether it was a duplicate; 422 for a quarantined one,
// naming `unmapped_reason`. REQUIRES: `receipt` is accepted or quarantined.
HttpAnswer AnswerForReceipt(const v1::Receipt& receipt, absl::string_view unmapped_reason);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_HTTP_STATUS_H_
