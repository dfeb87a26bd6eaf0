#include "server/domain/lifecycle.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "common/trace_context.h"
#include "server/domain/merge.h"
#include "server/domain/rank.h"
#include "server/domain/seen_deliveries.h"
#include "server/domain/validate.h"

namespace incidenthub {
namespace {

using internal::v1::Bookkeeping;
using v1::Incident;
using v1::Upstream;

// The sequence that a delivery with this digest became, or 0.
//
// A source without times may send the same bytes for different moments (critical, ok, critical), so
// there only the newest delivery applied is a repeat.
Sequence SequenceOfDigest(const Bookkeeping& bookkeeping, absl::string_view digest,
                          bool has_source_time) {
  if (!has_source_time) return seen::FindLast(bookkeeping.newest(), digest);
  const Sequence newest = seen::Find(bookkeeping.newest(), digest);
  return newest != 0 ? newest : seen::Find(bookkeeping.older(), digest);
}

// Records a delivery that is now the newest, of `rank` at or above the one before.
void AddNewest(absl::string_view digest, Sequence sequence, const Rank& rank,
               Bookkeeping* bookkeeping) {
  auto* newest = bookkeeping->mutable_newest();
  const bool outranks = !bookkeeping->has_rank() || rank > FromProto(bookkeeping->rank());
  seen::MoveOldest(outranks ? 0 : kNewestDigestsMax - 1, newest, bookkeeping->mutable_older());
  seen::Add(digest, sequence, newest);
  seen::DropOldest(kOlderDigestsMax, bookkeeping->mutable_older());
  *bookkeeping->mutable_rank() = ToProto(rank);
}

void AddLate(absl::string_view digest, Sequence sequence, Bookkeeping* bookkeeping) {
  seen::Add(digest, sequence, bookkeeping->mutable_older());
  seen::DropOldest(kOlderDigestsMax, bookkeeping->mutable_older());
}

void SetUpstream(Upstream::State state, absl::Time now, Incident* incident) {
  incident->mutable_upstream()->set_state(state);
  *incident->mutable_upstream()->mutable_update_time() = ToTimestamp(now);
  incident->mutable_upstream()->clear_last_error();
}

// The source is to be told, from the event that is being decided on.
void RequestUpstream(const DecisionContext& context, Incident* incident) {
  incident->clear_upstream();
  SetUpstream(Upstream::STATE_PENDING, context.now, incident);
  incident->mutable_upstream()->set_request_sequence(context.sequence);
}

void ResolveBySource(absl::Time now, Incident* incident) {
  incident->set_state(v1::STATE_RESOLVED);
  incident->mutable_resolution()->set_origin(v1::Resolution::ORIGIN_SOURCE);
  *incident->mutable_resolution()->mutable_time() = ToTimestamp(now);
}

v1::EventType Reopen(absl::Time now, Incident* incident) {
  incident->set_state(v1::STATE_OPEN);
  incident->clear_acknowledgement();
  incident->clear_resolution();
  if (incident->upstream().state() == Upstream::STATE_PENDING) {
    SetUpstream(Upstream::STATE_CANCELLED, now, incident);
  } else {
    incident->clear_upstream();
  }
  return v1::EVENT_TYPE_REOPENED;
}

bool AwaitsUpstream(const Incident& incident) {
  return incident.upstream().state() == Upstream::STATE_PENDING ||
         incident.upstream().state() == Upstream::STATE_ACCEPTED;
}

// What a delivery of at least the newest rank makes of the state; `incident` holds the state
// before.
v1::EventType Transition(v1::Activity activity, bool outranks, bool carries_reopen, absl::Time now,
                         Incident* incident) {
  const bool resolved = incident->state() == v1::STATE_RESOLVED;
  if (activity == v1::ACTIVITY_INACTIVE) {
    if (!resolved) {
      ResolveBySource(now, incident);
      return v1::EVENT_TYPE_RESOLVED;
    }
    if (AwaitsUpstream(*incident) || incident->upstream().state() == Upstream::STATE_UNCONFIRMED) {
      SetUpstream(Upstream::STATE_CONFIRMED, now, incident);
    }
    return v1::EVENT_TYPE_UPDATED;
  }
  if (activity == v1::ACTIVITY_ACTIVE && resolved &&
      (carries_reopen || (outranks && !AwaitsUpstream(*incident)))) {
    return Reopen(now, incident);
  }
  return v1::EVENT_TYPE_UPDATED;
}

// Fills in what every event has.
NewEvent Finish(v1::EventType type, Incident incident, Bookkeeping bookkeeping, Sequence previous,
                const DecisionContext& context) {
  NewEvent result;
  incident.set_sequence(context.sequence);
  incident.set_etag(EtagOf(context.sequence));
  if (bookkeeping.first_sequence() == 0) bookkeeping.set_first_sequence(context.sequence);
  result.event.set_sequence(context.sequence);
  result.event.set_type(type);
  result.event.set_previous_sequence(previous);
  *result.event.mutable_commit_time() = ToTimestamp(context.now);
  *result.event.mutable_incident() = std::move(incident);
  result.bookkeeping = std::move(bookkeeping);
  return result;
}

v1::DeliveryCause TakeCause(v1::Delivery* delivery) {
  v1::DeliveryCause cause;
  cause.set_source(delivery->source());
  cause.mutable_event_types()->Swap(delivery->mutable_event_types());
  if (delivery->has_comment()) *cause.mutable_comment() = delivery->comment();
  if (delivery->has_receive_time()) *cause.mutable_receive_time() = delivery->receive_time();
  return cause;
}

// The error if the caller's etag is not the incident's.
absl::Status CheckEtag(const Incident& incident, const std::string& etag) {
  if (etag.empty() || etag == incident.etag()) return absl::OkStatus();
  return ReasonError(
      "ETAG_MISMATCH",
      absl::StrCat("incident \"", Echo(incident.id()), "\" has changed: its etag is ",
                   incident.etag(), ", not \"", Echo(etag), "\"; read it again"),
      {{"current_etag", incident.etag()}});
}

template <typename Request>
NewEvent FinishAction(v1::EventType type, Incident incident, const IncidentState& current,
                      const Request& request, const DecisionContext& context) {
  NewEvent result =
      Finish(type, std::move(incident), current.bookkeeping, current.incident.sequence(), context);
  result.event.mutable_action()->set_actor(request.actor());
  result.event.mutable_action()->set_note(request.note());
  result.event.mutable_action()->set_request_id(request.request_id());
  result.event.mutable_action()->set_principal(std::string(context.principal));
  result.event.set_traceparent(std::string(context.traceparent));
  return result;
}

// The error if an acknowledgement cannot end at the time that the caller asks for.
absl::Status CheckExpiry(const v1::AckRequest& request, absl::Time now) {
  if (!request.has_expire_time()) return absl::OkStatus();
  const absl::Time expiry = TimeOf(request.expire_time());
  if (expiry <= now) {
    return FieldError(kFieldInvalid, "expire_time",
                      absl::StrCat("is ", absl::FormatTime(expiry, absl::UTCTimeZone()),
                                   "; it must be after now, ",
                                   absl::FormatTime(now, absl::UTCTimeZone()), " at the hub"));
  }
  if (expiry > now + kAckExpiryMax) {
    return FieldError(
        kFieldInvalid, "expire_time",
        absl::StrCat("is ", absl::FormatTime(expiry, absl::UTCTimeZone()), "; it may be at most ",
                     absl::ToInt64Hours(kAckExpiryMax) / 24, " days after now"));
  }
  return absl::OkStatus();
}

absl::Status IncidentResolved(absl::string_view incident_id, absl::string_view rule) {
  return ReasonError("INCIDENT_RESOLVED",
                     absl::StrCat("incident \"", Echo(incident_id), "\" is resolved; ", rule),
                     {{"incident_id", Echo(incident_id)}});
}

// The incident, open again.
Incident WithoutAcknowledgement(Incident incident) {
  incident.set_state(v1::STATE_OPEN);
  incident.clear_acknowledgement();
  return incident;
}

}  // namespace

absl::Time ExpiryOf(const Incident& incident) {
  if (incident.state() != v1::STATE_ACKNOWLEDGED || !incident.acknowledgement().has_expire_time()) {
    return absl::InfiniteFuture();
  }
  return TimeOf(incident.acknowledgement().expire_time());
}

absl::Status IncidentNotFound(absl::string_view incident_id) {
  return ReasonError("INCIDENT_NOT_FOUND",
                     absl::StrCat("no incident has the id \"", Echo(incident_id), "\""),
                     {{"incident_id", Echo(incident_id)}});
}

bool IsLate(const Bookkeeping& bookkeeping, const v1::Delivery& delivery, absl::Time now) {
  return RankOf(delivery, now) < FromProto(bookkeeping.rank());
}

Decision DecideDelivery(const IncidentState* current, v1::Delivery delivery,
                        const DecisionContext& context) {
  INCIDENTHUB_CHECK(delivery.has_incident());
  if (current == nullptr && delivery.ignore_unless_known() &&
      delivery.activity() != v1::ACTIVITY_ACTIVE) {
    return Ignored{};
  }
  const Rank rank = RankOf(delivery, context.now);
  Bookkeeping bookkeeping;
  if (current != nullptr) {
    if (const Sequence seen =
            SequenceOfDigest(current->bookkeeping, delivery.digest(), HasSourceTime(delivery))) {
      return Duplicate{seen};
    }
    bookkeeping = current->bookkeeping;
  }
  const v1::Activity activity = delivery.activity();
  const bool carries_reopen = CarriesReopen(delivery);
  const std::string digest = std::move(*delivery.mutable_digest());

  Incident incident = std::move(*delivery.mutable_incident());
  incident.set_source(delivery.source());
  incident.clear_last_comment();
  if (delivery.has_comment()) {
    *incident.mutable_last_comment() = delivery.comment();
    *incident.mutable_last_comment()->mutable_time() = FromUnixNanos(rank.update_time_nanos);
  }

  v1::EventType type = v1::EVENT_TYPE_UPDATED;
  if (current == nullptr) {
    MergeNewest(nullptr, rank, &incident, &bookkeeping);
    AddNewest(digest, context.sequence, rank, &bookkeeping);
    type = v1::EVENT_TYPE_OPENED;
    incident.set_state(v1::STATE_OPEN);
    if (activity == v1::ACTIVITY_INACTIVE) {
      type = v1::EVENT_TYPE_RESOLVED;
      ResolveBySource(context.now, &incident);
    }
  } else if (rank < FromProto(bookkeeping.rank())) {
    type = v1::EVENT_TYPE_LATE;
    Incident held = current->incident;
    MergeLate(incident, rank, &held, &bookkeeping);
    incident = std::move(held);
    AddLate(digest, context.sequence, &bookkeeping);
  } else {
    const bool outranks = rank > FromProto(bookkeeping.rank());
    MergeNewest(&current->incident, rank, &incident, &bookkeeping);
    AddNewest(digest, context.sequence, rank, &bookkeeping);
    type = Transition(activity, outranks, carries_reopen, context.now, &incident);
  }
  NewEvent result =
      Finish(type, std::move(incident), std::move(bookkeeping),
             current == nullptr ? context.tombstone : current->incident.sequence(), context);
  *result.event.mutable_delivery() = TakeCause(&delivery);
  if (IsTraceparent(delivery.traceparent())) {
    result.event.set_traceparent(delivery.traceparent());
  }
  result.callback_due = current == nullptr && context.upstream.callback;
  return result;
}

absl::StatusOr<Decision> DecideAck(const IncidentState* current, const v1::AckRequest& request,
                                   const DecisionContext& context) {
  RETURN_IF_ERROR(CheckExpiry(request, context.now));
  if (current == nullptr) return IncidentNotFound(request.incident_id());
  RETURN_IF_ERROR(CheckEtag(current->incident, request.etag()));
  if (current->incident.state() == v1::STATE_RESOLVED) {
    return IncidentResolved(request.incident_id(), "only an open incident can be acknowledged");
  }
  Incident incident = current->incident;
  if (incident.state() == v1::STATE_ACKNOWLEDGED) {
    if (!request.has_expire_time() || TimeOf(request.expire_time()) <= ExpiryOf(incident)) {
      return Unchanged{};
    }
    *incident.mutable_acknowledgement()->mutable_expire_time() = request.expire_time();
    return FinishAction(v1::EVENT_TYPE_UPDATED, std::move(incident), *current, request, context);
  }
  incident.set_state(v1::STATE_ACKNOWLEDGED);
  auto* acknowledgement = incident.mutable_acknowledgement();
  acknowledgement->set_actor(request.actor());
  acknowledgement->set_note(request.note());
  *acknowledgement->mutable_time() = ToTimestamp(context.now);
  if (request.has_expire_time()) {
    *acknowledgement->mutable_expire_time() = request.expire_time();
  }
  NewEvent result =
      FinishAction(v1::EVENT_TYPE_ACKNOWLEDGED, std::move(incident), *current, request, context);
  result.comment_due = context.upstream.ack_comment;
  return result;
}

absl::StatusOr<Decision> DecideUnack(const IncidentState* current, const v1::UnackRequest& request,
                                     const DecisionContext& context) {
  if (current == nullptr) return IncidentNotFound(request.incident_id());
  RETURN_IF_ERROR(CheckEtag(current->incident, request.etag()));
  if (current->incident.state() == v1::STATE_RESOLVED) {
    return IncidentResolved(request.incident_id(),
                            "its acknowledgement cannot be taken back any more");
  }
  if (current->incident.state() != v1::STATE_ACKNOWLEDGED) return Unchanged{};
  return FinishAction(v1::EVENT_TYPE_UNACKNOWLEDGED, WithoutAcknowledgement(current->incident),
                      *current, request, context);
}

Decision DecideExpiry(const IncidentState* current, absl::Time expiry,
                      const DecisionContext& context) {
  if (current == nullptr || expiry > context.now || ExpiryOf(current->incident) != expiry) {
    return Unchanged{};
  }
  NewEvent result = Finish(v1::EVENT_TYPE_UNACKNOWLEDGED, WithoutAcknowledgement(current->incident),
                           current->bookkeeping, current->incident.sequence(), context);
  result.event.mutable_system()->set_reason(v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED);
  return result;
}

Decision DecideUpstream(const IncidentState* current, const UpstreamOutcome& outcome,
                        const DecisionContext& context) {
  if (current == nullptr ||
      current->incident.upstream().request_sequence() != outcome.request_sequence) {
    return Unchanged{};
  }
  const Upstream::State held = current->incident.upstream().state();
  const bool confirms = outcome.state == Upstream::STATE_CONFIRMED;
  const bool follows =
      (held == Upstream::STATE_PENDING && (confirms || outcome.state == Upstream::STATE_ACCEPTED ||
                                           outcome.state == Upstream::STATE_FAILED)) ||
      (held == Upstream::STATE_ACCEPTED &&
       (confirms || outcome.state == Upstream::STATE_UNCONFIRMED));
  if (!follows) return Unchanged{};
  Incident incident = current->incident;
  SetUpstream(outcome.state, context.now, &incident);
  if (outcome.attempts != 0) incident.mutable_upstream()->set_attempts(outcome.attempts);
  incident.mutable_upstream()->set_last_error(outcome.error);
  NewEvent result = Finish(v1::EVENT_TYPE_UPSTREAM_UPDATED, std::move(incident),
                           current->bookkeeping, current->incident.sequence(), context);
  auto* cause = result.event.mutable_upstream_result();
  cause->set_request_sequence(outcome.request_sequence);
  cause->set_http_status(outcome.http_status);
  return result;
}

Decision DecidePurge(const IncidentState* current, Sequence sequence,
                     const DecisionContext& context) {
  if (current == nullptr || current->incident.sequence() != sequence ||
      current->incident.state() != v1::STATE_RESOLVED || AwaitsUpstream(current->incident)) {
    return Unchanged{};
  }
  // What is dropped is dropped: no more than what tells those who hold it which one it was.
  Incident remains;
  remains.set_id(current->incident.id());
  remains.set_source(current->incident.source());
  remains.set_state(current->incident.state());
  NewEvent result = Finish(v1::EVENT_TYPE_PURGED, std::move(remains), {}, sequence, context);
  result.event.mutable_system()->set_reason(v1::SystemCause::REASON_RETENTION);
  return result;
}

absl::StatusOr<Decision> DecideResolve(const IncidentState* current,
                                       const v1::ResolveRequest& request,
                                       const DecisionContext& context) {
  if (current == nullptr) return IncidentNotFound(request.incident_id());
  RETURN_IF_ERROR(CheckEtag(current->incident, request.etag()));
  Incident incident = current->incident;
  if (incident.state() == v1::STATE_RESOLVED) {
    if (incident.upstream().state() != Upstream::STATE_FAILED &&
        incident.upstream().state() != Upstream::STATE_UNCONFIRMED) {
      return Unchanged{};
    }
    RequestUpstream(context, &incident);
    return FinishAction(v1::EVENT_TYPE_UPSTREAM_UPDATED, std::move(incident), *current, request,
                        context);
  }
  incident.set_state(v1::STATE_RESOLVED);
  auto* resolution = incident.mutable_resolution();
  resolution->set_origin(v1::Resolution::ORIGIN_RESPONDER);
  resolution->set_actor(request.actor());
  resolution->set_note(request.note());
  *resolution->mutable_time() = ToTimestamp(context.now);
  incident.clear_upstream();
  if (context.upstream.resolve) RequestUpstream(context, &incident);
  return FinishAction(v1::EVENT_TYPE_RESOLVED, std::move(incident), *current, request, context);
}

}  // namespace incidenthub
