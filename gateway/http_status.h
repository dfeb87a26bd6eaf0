// What senders are told: the only place where a Status or a receipt becomes an HTTP answer. Pure.
//
// Senders drop a payload on 4xx and send it again on 5xx. So 4xx is for what would fail the same
// way next time, and 429 is never used.

#ifndef INCIDENTHUB_GATEWAY_HTTP_STATUS_H_
#define INCIDENTHUB_GATEWAY_HTTP_STATUS_H_

#include <cstddef>
#include <cstdint>
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

// 200 with the incident, its sequence and whether it was a duplicate, or saying that it is ignored;
// 422 for a quarantined one, naming `unmapped_reason`. REQUIRES: `receipt` is no rejection.
HttpAnswer AnswerForReceipt(const v1::Receipt& receipt, absl::string_view unmapped_reason);

// 200 for what was only sent to try the way.
HttpAnswer AnswerForTest();

// Named in an answer; of what is bad beyond, only the number is said.
inline constexpr size_t kNamedItemsMax = 100;

// What became of the items of a body that may hold many.
struct BatchOutcome {
  // Committed now; recognised as committed before; about nothing that the hub holds; sent to try
  // the way.
  size_t accepted = 0;
  size_t duplicates = 0;
  size_t ignored = 0;
  size_t tests = 0;
  // Those that are no incident, or that the hub refuses.
  size_t bad = 0;
  struct BadItem {
    size_t index;
    std::string problem;
  };
  // The first kNamedItemsMax of the bad ones, by index.
  std::vector<BadItem> named = {};
  // Numbers under which the quarantine has bad ones.
  std::vector<uint64_t> quarantined = {};
};

// As BigPanda's Alerts API answers: 201 if any item was of use, with how many became what and which
// were bad; 204 if all of them were duplicates, or there were none; 422 if all were bad.
HttpAnswer AnswerForBatch(const BatchOutcome& outcome);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_HTTP_STATUS_H_
