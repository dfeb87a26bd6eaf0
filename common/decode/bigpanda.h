// BigPanda's webhook body, made a delivery. Pure; any thread.
//
// What comes in: POSTs of BigPanda's "Notifications Webhook", each one incident with all its
// alerts. Every known place and form of every part is read; nothing but the incident's id is
// required. No value is lost or rounded: what has no field, is of an unexpected type or does not
// fit its field exactly is kept in `extra`.

#ifndef INCIDENTHUB_COMMON_DECODE_BIGPANDA_H_
#define INCIDENTHUB_COMMON_DECODE_BIGPANDA_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/decode/decoder.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::decode {

// Decodes one body from the source named `source`. `*body` keeps its content and may grow capacity.
//
// The delivery has `source`, and either `unmapped`, for valid JSON that is no incident (`reason`
// names the pointer and what stands there), or `incident`, `activity`, and what came of
// `event_types` and `comment`. `id`, `digest` and `receive_time` are the caller's to set, and the
// incident's fields that the hub sets are left alone.
//
// `activity` is what the first of these says that says anything: `active`; not `resolved`; a known
// status (ok is inactive); an end time (inactive); the newest of `incident#new`, `incident#reopen`,
// `incident#closed`; else unchanged.
//
// Errors, none of them to be retried as it is:
// - INVALID_ARGUMENT, as JsonDocument::Parse: BODY_EMPTY, NOT_UTF8, NOT_JSON, TOO_DEEP.
// - RESOURCE_EXHAUSTED: EVENT_TOO_LARGE, if it cannot be carried and, above kDeliveryBytesMax
// itself, not be kept either.
absl::StatusOr<v1::Delivery> DecodeBigPanda(std::string* body, absl::string_view source);

// The same as a DecodeFunction: one item.
absl::Status DecodeBigPandaBody(std::string* body, const SourceContext& context, ItemSink sink);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_BIGPANDA_H_
