// Errors that say why in a form machines read: a reason, the field at fault, when to come back.
//
// Inside the process an error is an absl::Status; the details travel in its payloads, keyed by type
// URL, and common/grpc_status turns them into google.rpc.Status details at the edge.

#ifndef INCIDENTHUB_COMMON_ERROR_DETAILS_H_
#define INCIDENTHUB_COMMON_ERROR_DETAILS_H_

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/error_reasons.h"

namespace incidenthub {

// Domain of every ErrorInfo of ours.
inline constexpr absl::string_view kErrorDomain = "incidenthub";

using ErrorMetadata = std::initializer_list<std::pair<absl::string_view, absl::string_view>>;

// An error with google.rpc.ErrorInfo{reason, domain: "incidenthub", metadata}, and the code that
// the reason has in its table.
absl::Status ReasonError(HubReason reason, absl::string_view message, ErrorMetadata metadata = {});

// The same with a code of the caller's: for the gateway, where the code only says which HTTP status
// an answer gets.
absl::Status ReasonError(absl::StatusCode code, Reason reason, absl::string_view message,
                         ErrorMetadata metadata = {});

// INVALID_ARGUMENT with `reason`, and a google.rpc.BadRequest naming `field` (its proto path:
// `incident_id`). The message is "<field>: <what>".
absl::Status FieldError(HubReason reason, absl::string_view field, absl::string_view what);

// `status`, with a reason by its code if it has none: what a disk or a library says of itself has
// none. OK stays OK.
absl::Status WithReason(absl::Status status);

// `status` with google.rpc.RetryInfo{delay}.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);

// The reason of an error made by the functions above or received from a server of ours; empty if it
// has none.
std::string ErrorReason(const absl::Status& status);

// The delay of WithRetryDelay, or `otherwise`.
absl::Duration RetryDelay(const absl::Status& status, absl::Duration otherwise);

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_ERROR_DETAILS_H_
