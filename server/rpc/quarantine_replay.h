// A quarantined body, read again: what it says now. Pure; any thread.

#ifndef INCIDENTHUB_SERVER_RPC_QUARANTINE_REPLAY_H_
#define INCIDENTHUB_SERVER_RPC_QUARANTINE_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/decode/source_kinds.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub {

// What one replay hands to the sequencer at most: as much as an Ingest request.
inline constexpr size_t kReplayDeliveriesMax = 1024;
inline constexpr size_t kReplayBytesMax = size_t{4} << 20U;

struct Replay {
  // Of the items that map to an incident, in their order; `id` is the item's number in the body.
  std::vector<v1::Delivery> deliveries;
  // Their bytes, encoded.
  size_t bytes = 0;
  // What maps to none, or does not parse, joined by newlines: to be kept under a new number. Empty:
  // there is none.
  std::optional<v1::Delivery> rest;
  // Items of the body. Those that were only sent to try the way are in none of the above.
  size_t items = 0;
};

// Kind of the source that the body came from; older gateways did not say it.
absl::string_view KindOf(const internal::v1::QuarantinedBody& body);

// Reads `body` with the decoder of `kind`; null: this hub has none. Deliveries have the body's
// source and receive time, and the digest that a gateway would give them, so that what came in some
// other way is recognised.
//
// Errors: FAILED_PRECONDITION / STILL_UNMAPPED, with the decoder's reason; INVALID_ARGUMENT /
// BATCH_TOO_LARGE; RESOURCE_EXHAUSTED / QUEUE_FULL if there is no memory for it now.
absl::StatusOr<Replay> ReadAgain(internal::v1::QuarantinedBody body,
                                 const decode::SourceKind* kind);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_QUARANTINE_REPLAY_H_
