// The lifecycle: what a command does to an incident. Pure and total: no clock, no I/O, an answer
// for every input.
//
//   command            on                    becomes
//   INACTIVE or        unknown               nothing, if the delivery has ignore_unless_known: it
//   UNCHANGED                                is ignored
//   ACTIVE, UNCHANGED  unknown               OPENED
//   INACTIVE           unknown               RESOLVED (origin SOURCE)
//   duplicate          any                   nothing; the sequence it became the first time
//   of lower rank      any                   LATE: state and own fields stay, missing kept fields
//                                            are filled
//   ACTIVE, UNCHANGED  OPEN, ACKNOWLEDGED    UPDATED
//   INACTIVE           OPEN, ACKNOWLEDGED    RESOLVED (origin SOURCE)
//   INACTIVE           RESOLVED              UPDATED; upstream PENDING, ACCEPTED, UNCONFIRMED
//                                            become CONFIRMED
//   UNCHANGED          RESOLVED              UPDATED
//   ACTIVE             RESOLVED              REOPENED if it carries incident#reopen, or is of
//                                            higher rank and no resolve is PENDING or ACCEPTED
//                                            upstream; else UPDATED
//   Ack                OPEN                  ACKNOWLEDGED
//   Ack                ACKNOWLEDGED          nothing, the first acknowledgement stays; with a later
//                                            expire_time than it has: UPDATED, that one
//   Ack                RESOLVED              FAILED_PRECONDITION / INCIDENT_RESOLVED
//   Unack              OPEN                  nothing
//   Unack              ACKNOWLEDGED          UNACKNOWLEDGED: OPEN, without acknowledgement
//   Unack              RESOLVED              FAILED_PRECONDITION / INCIDENT_RESOLVED: what was
//                                            acknowledged then is history
//   expire_time passed ACKNOWLEDGED          UNACKNOWLEDGED, if that is still its expire_time
//   expire_time passed other                 nothing
//   Resolve            OPEN, ACKNOWLEDGED    RESOLVED (origin RESPONDER)
//   Resolve            RESOLVED              nothing; with upstream FAILED or UNCONFIRMED:
//                                            UPSTREAM_UPDATED, PENDING again
//   upstream's answer  of the resolve that   UPSTREAM_UPDATED: PENDING becomes ACCEPTED, CONFIRMED
//                      waits                 or FAILED; ACCEPTED becomes CONFIRMED or UNCONFIRMED
//   upstream's answer  otherwise             nothing
//
// Own fields (status, times, alerts, ...) are those of the newest delivery. Kept fields
// (environment, links, tags, related changes, sender, assignee, assigner, comment) outlive a
// delivery that lacks them, and each remembers the rank it came with, so that deliveries of
// distinct rank end in the same incident in whatever order they arrive.

#ifndef INCIDENTHUB_SERVER_DOMAIN_LIFECYCLE_H_
#define INCIDENTHUB_SERVER_DOMAIN_LIFECYCLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/event.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "server/domain/ids.h"

namespace incidenthub {

// Digests remembered an incident: of the newest rank, and of what is older. Past these a repeat
// counts as news.
inline constexpr int kNewestDigestsMax = 64;
inline constexpr int kOlderDigestsMax = 16;

// An incident as it is, with what deciding about it needs.
struct IncidentState {
  v1::Incident incident;
  internal::v1::Bookkeeping bookkeeping;
};

// What the incident's source is to be told; which sources can be is configuration.
struct UpstreamTargets {
  // That a responder resolved it.
  bool resolve = false;
  // That it arrived here.
  bool callback = false;
  // That a responder acknowledged it.
  bool ack_comment = false;
};

// What came of telling an incident's source about a resolve.
struct UpstreamOutcome {
  // Of the event with which the resolve was asked for.
  Sequence request_sequence = 0;
  // ACCEPTED, CONFIRMED, UNCONFIRMED or FAILED.
  v1::Upstream::State state = v1::Upstream::STATE_UNSPECIFIED;
  uint32_t attempts = 0;
  // 0: none.
  uint32_t http_status = 0;
  // At most kUpstreamErrorBytesMax.
  std::string error;
};
inline constexpr size_t kUpstreamErrorBytesMax = 1024;

// What the decision may know about the world.
struct DecisionContext {
  absl::Time now;
  // The sequence that an event would get.
  Sequence sequence = 0;
  // Of an unknown incident: the sequence of the PURGED that it left behind; 0: none.
  Sequence tombstone = 0;
  UpstreamTargets upstream;
  // Who asks, by its credential; empty: nobody had to show one.
  absl::string_view principal{};
  // Event.traceparent, of its form or empty; a delivery brings its own. Outlives the decision.
  absl::string_view traceparent{};
};

// It happened: to be logged. Complete, with its sequences.
struct NewEvent {
  v1::Event event;
  internal::v1::Bookkeeping bookkeeping;
  // What the source is to be told because of it, beside a resolve.
  bool callback_due = false;
  bool comment_due = false;
};
// It happened before, as this event.
struct Duplicate {
  Sequence sequence = 0;
};
// Nothing needs to happen.
struct Unchanged {};
// It is about an incident that the hub does not hold, and does not begin one.
struct Ignored {};

using Decision = std::variant<NewEvent, Duplicate, Unchanged, Ignored>;

// The furthest that an acknowledgement's expire_time may be away.
inline constexpr absl::Duration kAckExpiryMax = absl::Hours(24 * 31);

// When the hub takes the incident's acknowledgement back by itself; absl::InfiniteFuture(): it has
// none, or one that stays.
absl::Time ExpiryOf(const v1::Incident& incident);

// Whether `delivery` is of lower rank than the incident.
bool IsLate(const internal::v1::Bookkeeping& bookkeeping, const v1::Delivery& delivery,
            absl::Time now);

// In all of these, `current` is null for an unknown incident, and what the caller sent has passed
// its Validate().

// REQUIRES: `delivery` has an incident. Unless it is late, no more of the current one is looked at
// than FieldsToMerge(): the rest may be missing.
Decision DecideDelivery(const IncidentState* current, v1::Delivery delivery,
                        const DecisionContext& context);

// INVALID_ARGUMENT / FIELD_INVALID for an expire_time that is past or too far away now; NOT_FOUND /
// INCIDENT_NOT_FOUND, ABORTED / ETAG_MISMATCH, FAILED_PRECONDITION / INCIDENT_RESOLVED.
absl::StatusOr<Decision> DecideAck(const IncidentState* current, const v1::AckRequest& request,
                                   const DecisionContext& context);

// NOT_FOUND / INCIDENT_NOT_FOUND, ABORTED / ETAG_MISMATCH, FAILED_PRECONDITION / INCIDENT_RESOLVED.
absl::StatusOr<Decision> DecideUnack(const IncidentState* current, const v1::UnackRequest& request,
                                     const DecisionContext& context);

// NOT_FOUND / INCIDENT_NOT_FOUND, ABORTED / ETAG_MISMATCH.
absl::StatusOr<Decision> DecideResolve(const IncidentState* current,
                                       const v1::ResolveRequest& request,
                                       const DecisionContext& context);

// What the source answered, of the resolve that the incident waits with. PENDING becomes ACCEPTED,
// CONFIRMED or FAILED, ACCEPTED becomes CONFIRMED or UNCONFIRMED; all else is Unchanged, since
// meanwhile it was told otherwise, or another resolve was asked for.
Decision DecideUpstream(const IncidentState* current, const UpstreamOutcome& outcome,
                        const DecisionContext& context);

// Takes back the acknowledgement that was to end at `expiry`; an incident whose own ends at another
// time, or not yet, is Unchanged.
Decision DecideExpiry(const IncidentState* current, absl::Time expiry,
                      const DecisionContext& context);

// Drops a resolved incident whose newest event is still the one at `sequence`, and leaves a PURGED
// behind; one that changed, or whose resolve is on its way to its source, is Unchanged.
Decision DecidePurge(const IncidentState* current, Sequence sequence,
                     const DecisionContext& context);

// The error for an id that the hub does not know.
absl::Status IncidentNotFound(absl::string_view incident_id);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_LIFECYCLE_H_
