// What a decoder is: a body that arrived, made deliveries. Pure; any thread.
//
// A source of another kind is one more decoder: a file that defines a DecodeFunction, a row in
// source_kinds.cc, and a folder of golden pairs in tests/testdata. What every decoder keeps to:
//   - no value is lost or rounded: what has no field, or does not fit its field, goes to `extra`;
//   - only what makes the identity is required; a body that lacks it is kUnmapped, not an error;
//   - credentials in a body (an app key) go into no delivery, and are blanked out in `raw`.

#ifndef INCIDENTHUB_COMMON_DECODE_DECODER_H_
#define INCIDENTHUB_COMMON_DECODE_DECODER_H_

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::decode {

// An incident's id, in bytes.
inline constexpr size_t kIncidentIdBytesMax = 512;
// A delivery's encoded size, and the size of a body that can be kept in quarantine.
inline constexpr size_t kDeliveryBytesMax = size_t{3} << 20;

// Bytes of an item's SHA-256 that are its digest.
inline constexpr size_t kItemDigestBytes = 16;

// The digest by which the hub knows a repeat of an item: of its `raw`.
std::string ItemDigest(absl::string_view raw);

// One incident, or what should be one, of a body. Most kinds have one item a body.
struct Item {
  enum class Outcome {
    // `delivery` has an incident.
    kIncident,
    // `delivery` has `unmapped`: it parsed, and is no incident.
    kUnmapped,
    // It does not parse, or is too large to be kept; `problem` says why and where. Of kinds with
    // more than one item a body only: elsewhere it is an error.
    kBroken,
    // Sent to try the way, and about no incident.
    kTest,
  };
  Outcome outcome = Outcome::kBroken;
  // Place in the body, from 0.
  size_t index = 0;
  // The item's bytes as they arrived, with credentials blanked out: its digest is of these. Points
  // into the body or the decoder's memory, until the sink returns. Empty for kBroken, where nobody
  // knows which bytes are credentials.
  absl::string_view raw;
  // Has `source`, and what the outcome says; `id`, `digest`, `receive_time` and the incident's
  // fields that the hub sets are left alone.
  v1::Delivery delivery;
  std::string problem;
};

// Takes the items of a body in their order. False: the decoder stops, and returns OK.
using ItemSink = absl::FunctionRef<bool(Item item)>;

// Who sent the body.
struct SourceContext {
  // Name of the source; of a kind that has app keys, of what no app key names a source for.
  absl::string_view source;
  // The name of the source that an app key means; empty: none was in the body. Errors: why the item
  // that had it is kUnmapped, behind a pointer to it; no key is in the text. Called only for kinds
  // that have app keys, and possibly more than once for an item.
  absl::FunctionRef<absl::StatusOr<std::string>(absl::string_view app_key)> source_of_app_key;
};

// Decodes one body. `*body` keeps its content and may grow capacity.
//
// Errors are about the body as a whole, and none of them is to be sent again as it is:
// INVALID_ARGUMENT: BODY_EMPTY, NOT_UTF8, NOT_JSON, TOO_DEEP. RESOURCE_EXHAUSTED: EVENT_TOO_LARGE
// if it cannot be carried and not be kept either. UNAVAILABLE: OUT_OF_MEMORY, the exception.
using DecodeFunction = absl::Status (*)(std::string* body, const SourceContext& context,
                                        ItemSink sink);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_DECODER_H_
