#include "gateway/http_status.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/logging.h"

namespace incidenthub::gateway {
namespace {

// The reason of errors that carry none: the hub's internal ones, or of a hub older than we know.
std::string ReasonOr(const absl::Status& error, Reason otherwise) {
  std::string reason = ErrorReason(error);
  return reason.empty() ? std::string(otherwise.name()) : reason;
}

// `more`: members that follow the message, each after a comma.
HttpAnswer Answer(int status, absl::string_view reason, absl::string_view message,
                  absl::string_view more = "") {
  return {status,
          absl::StrCat("{\"status\":\"error\",\"error\":{\"code\":", status, ",\"reason\":",
                       JsonQuote(reason), ",\"message\":", JsonQuote(message), more, "}}"),
          {}};
}

// What answers that no receipt with an incident is behind say of the delivery.
HttpAnswer AcceptedAs(absl::string_view word) {
  return {200,
          absl::StrCat("{\"status\":\"accepted\",\"data\":{\"status\":\"accepted\",\"", word,
                       "\":true}}"),
          {}};
}

// Of a batch: ,"items":...,"bad":...
std::string ItemMembers(const BatchOutcome& outcome) {
  std::string members = absl::StrCat(
      ",\"accepted\":", outcome.accepted, ",\"duplicates\":", outcome.duplicates,
      ",\"ignored\":", outcome.ignored, ",\"tests\":", outcome.tests, ",\"bad\":", outcome.bad);
  if (outcome.bad == 0) return members;
  absl::StrAppend(&members, ",\"bad_items\":[",
                  absl::StrJoin(outcome.named, ",",
                                [](std::string* out, const BatchOutcome::BadItem& item) {
                                  absl::StrAppend(out, "{\"index\":", item.index,
                                                  ",\"message\":", JsonQuote(item.problem), "}");
                                }),
                  "],\"quarantined\":[", absl::StrJoin(outcome.quarantined, ","), "]");
  return members;
}

HttpAnswer RetryLater(absl::string_view reason, absl::string_view message,
                      absl::Duration retry_after = kRetryAfterDefault) {
  HttpAnswer answer = Answer(503, reason, message);
  const int64_t seconds =
      absl::ToInt64Seconds(absl::Ceil(std::min(retry_after, kRetryAfterMax), absl::Seconds(1)));
  answer.headers.emplace_back("Retry-After", absl::StrCat(std::max<int64_t>(seconds, 1)));
  return answer;
}

}  // namespace

HttpAnswer ErrorAnswer(int status, Reason reason, absl::string_view message) {
  return Answer(status, reason.name(), message);
}

HttpAnswer RetryAnswer(Reason reason, absl::string_view message, absl::Duration retry_after) {
  return RetryLater(reason.name(), message, retry_after);
}

HttpAnswer AnswerForHeadError(const absl::Status& error) {
  if (error.code() == absl::StatusCode::kResourceExhausted) {
    return Answer(431, ReasonOr(error, "HEADERS_TOO_LARGE"), error.message());
  }
  return AnswerForRequestError(error);
}

HttpAnswer AnswerForRequestError(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Answer(400, ReasonOr(error, "BAD_REQUEST"), error.message());
    case absl::StatusCode::kResourceExhausted:
      return Answer(413, ReasonOr(error, "BODY_TOO_LARGE"), error.message());
    case absl::StatusCode::kDeadlineExceeded:
      return Answer(408, ReasonOr(error, "REQUEST_TIMEOUT"), error.message());
    default:
      return RetryLater(ReasonOr(error, "INTERNAL"), error.message());
  }
}

HttpAnswer AnswerForDeliveryError(const absl::Status& error) {
  switch (error.code()) {
    case absl::StatusCode::kInvalidArgument:
      return Answer(422, ReasonOr(error, "DELIVERY_INVALID"), error.message());
    case absl::StatusCode::kDeadlineExceeded:
      return Answer(504, ReasonOr(error, "OUTCOME_UNKNOWN"), error.message());
    default:
      return RetryLater(ReasonOr(error, "HUB_ERROR"), error.message(),
                        RetryDelay(error, kRetryAfterDefault));
  }
}

HttpAnswer AnswerForReceipt(const v1::Receipt& receipt, absl::string_view unmapped_reason) {
  if (receipt.has_quarantined()) {
    return Answer(
        422, "UNMAPPED",
        absl::StrCat(unmapped_reason, " (kept in quarantine as ", receipt.quarantined().id(), ")"));
  }
  if (receipt.has_ignored()) return AcceptedAs("ignored");
  INCIDENTHUB_CHECK(receipt.has_accepted());
  const v1::Accepted& accepted = receipt.accepted();
  return {
      200,
      absl::StrCat("{\"status\":\"accepted\",\"data\":{\"status\":\"accepted\",\"incident_id\":",
                   JsonQuote(accepted.incident_id()), ",\"sequence\":", accepted.sequence(),
                   ",\"duplicate\":", accepted.duplicate() ? "true" : "false", "}}"),
      {}};
}

HttpAnswer AnswerForTest() { return AcceptedAs("test"); }

HttpAnswer AnswerForBatch(const BatchOutcome& outcome) {
  const size_t of_use = outcome.accepted + outcome.duplicates + outcome.ignored + outcome.tests;
  if (outcome.bad == 0 && of_use == outcome.duplicates) return {204, "", {}};
  if (of_use == 0) {
    return Answer(422, "UNMAPPED",
                  absl::StrCat("none of ", outcome.bad, " items is an incident; item ",
                               outcome.named.front().index, ": ", outcome.named.front().problem),
                  ItemMembers(outcome));
  }
  return {201,
          absl::StrCat("{\"status\":\"accepted\",\"data\":{\"status\":\"accepted\"",
                       ItemMembers(outcome), "}}"),
          {}};
}

}  // namespace incidenthub::gateway
