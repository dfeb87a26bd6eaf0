#include "server/core/batch.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "server/domain/rank.h"
#include "server/domain/request_id.h"
#include "server/domain/validate.h"

namespace incidenthub {

DecisionContext Sequencer::Batch::Context() const {
  DecisionContext context;
  context.now = now_;
  context.sequence = head_ + 1;
  return context;
}

absl::StatusOr<IncidentState*> Sequencer::Batch::Find(const std::string& id) {
  const auto known = incidents_.find(id);
  if (known != incidents_.end()) return known->second.get();
  ASSIGN_OR_RETURN(std::optional<IncidentState> stored, store_->FindIncident(id));
  auto& slot = incidents_[id];
  if (stored.has_value()) slot = std::make_unique<IncidentState>(*std::move(stored));
  return slot.get();
}

void Sequencer::Batch::Decide(Command command) {
  outcomes_.push_back(std::visit(
      [this](auto&& request) { return DecideOne(std::forward<decltype(request)>(request)); },
      std::move(command)));
}

Outcome Sequencer::Batch::TakeOutcome(size_t index) {
  Outcome outcome = std::move(outcomes_[index]);
  if (outcome.ok() && std::holds_alternative<InQuarantine>(*outcome)) {
    std::get<InQuarantine>(*outcome).id += first_quarantine_id_;
  }
  return outcome;
}

absl::StatusOr<Committed> Sequencer::Batch::Add(NewEvent decided,
                                                internal::v1::RememberedRequest request) {
  v1::Event& event = decided.event;
  internal::v1::LogRecord record;
  std::string bytes = event.SerializeAsString();
  if (bytes.size() > kEventBytesMax) {
    return ReasonError("EVENT_TOO_LARGE",
                       absl::StrCat("the incident would have ", bytes.size(),
                                    " bytes encoded; allowed are ", kEventBytesMax));
  }
  head_ = event.sequence();
  Committed committed;
  committed.incident_id = event.incident().id();
  committed.sequence = head_;
  committed.changed = true;

  auto& slot = incidents_[committed.incident_id];
  record.set_event(bytes);
  record.set_previous_sequence(event.previous_sequence());
  record.set_bookkeeping(decided.bookkeeping.SerializeAsString());
  if (slot != nullptr && ExpiryOf(slot->incident) != absl::InfiniteFuture()) {
    *record.mutable_previous_expire_time() = slot->incident.acknowledgement().expire_time();
  }
  if (!request.request_id().empty()) {
    *record.mutable_request() = request;
    *request.mutable_commit_time() = event.commit_time();
    requests_[request.request_id()] = std::move(request);
  }
  entries_.push_back({head_, record.SerializeAsString()});
  applied_.push_back(ToAppliedEvent(event, std::move(record)));
  events_.push_back(
      {head_, event.previous_sequence(), std::make_shared<const std::string>(std::move(bytes))});

  if (slot == nullptr) slot = std::make_unique<IncidentState>();
  slot->incident = std::move(*event.mutable_incident());
  slot->bookkeeping = std::move(decided.bookkeeping);
  return committed;
}

size_t Sequencer::Batch::Expire(size_t count_max, size_t bytes_max) {
  const auto due = store_->ack_expiries().Due(now_, count_max);
  if (!due.ok()) {
    Log(LogLevel::kError, "cannot read what has expired", {{"error", due.status()}});
    return 0;
  }
  size_t count = 0;
  size_t bytes = 0;
  for (const AckExpiry& expiry : *due) {
    if (bytes >= bytes_max) break;
    const auto current = Find(expiry.incident_id);
    absl::Status status = current.status();
    if (status.ok()) {
      Decision decision = DecideExpiry(*current, expiry.time, Context());
      auto* event = std::get_if<NewEvent>(&decision);
      if (event == nullptr) continue;
      status = Add(std::move(*event)).status();
    }
    if (!status.ok()) {
      Log(LogLevel::kError, "cannot take an expired acknowledgement back",
          {{"incident_id", expiry.incident_id}, {"error", status}});
      continue;
    }
    bytes += entries_.back().record.size();
    ++count;
  }
  return count;
}

Outcome Sequencer::Batch::AddToQuarantine(v1::Delivery delivery) {
  internal::v1::QuarantinedBody body;
  body.set_source(delivery.source());
  body.set_reason(std::move(*delivery.mutable_unmapped()->mutable_reason()));
  body.set_raw(std::move(*delivery.mutable_unmapped()->mutable_raw()));
  *body.mutable_receive_time() =
      delivery.has_receive_time() ? delivery.receive_time() : ToTimestamp(now_);
  quarantined_.push_back(std::move(body));
  return InQuarantine{quarantined_.size() - 1};
}

Outcome Sequencer::Batch::DecideOne(v1::Delivery delivery) {
  RETURN_IF_ERROR(Validate(delivery));
  if (delivery.has_unmapped()) return AddToQuarantine(std::move(delivery));
  const std::string id = delivery.incident().id();
  ASSIGN_OR_RETURN(const IncidentState* current, Find(id));
  Decision decision = DecideDelivery(current, std::move(delivery), Context());
  if (auto* event = std::get_if<NewEvent>(&decision)) {
    ASSIGN_OR_RETURN(Committed committed, Add(std::move(*event)));
    return committed;
  }
  // Deliveries are never Unchanged: they become an event or were one before.
  ++duplicates_;
  Committed committed;
  committed.incident_id = id;
  committed.sequence = std::get<Duplicate>(decision).sequence;
  return committed;
}

template <typename Request, typename DecideFunction>
Outcome Sequencer::Batch::DecideAction(const Request& request, DecideFunction decide) {
  RETURN_IF_ERROR(Validate(request));
  internal::v1::RememberedRequest asked;
  bool is_repeat = false;
  if (!request.request_id().empty()) {
    asked.set_request_id(request.request_id());
    asked.set_fingerprint(FingerprintOf(request));
    ASSIGN_OR_RETURN(const auto known, FindRequest(request.request_id()));
    if (known.has_value()) RETURN_IF_ERROR(CheckRepeat(*known, asked.fingerprint()));
    is_repeat = known.has_value();
  }
  ASSIGN_OR_RETURN(const IncidentState* current, Find(request.incident_id()));
  if (is_repeat && current != nullptr) return Now(request.incident_id(), true);
  ASSIGN_OR_RETURN(Decision decision, decide(current, request, Context()));
  auto* event = std::get_if<NewEvent>(&decision);
  if (event == nullptr) return Now(request.incident_id(), false);
  RETURN_IF_ERROR(Add(std::move(*event), std::move(asked)).status());
  return Now(request.incident_id(), true);
}

absl::StatusOr<std::optional<internal::v1::RememberedRequest>> Sequencer::Batch::FindRequest(
    const std::string& request_id) const {
  const auto known = requests_.find(request_id);
  if (known != requests_.end()) return std::make_optional(known->second);
  return store_->request_ids().Find(request_id, now_);
}

Committed Sequencer::Batch::Now(const std::string& incident_id, bool changed) const {
  Committed committed;
  committed.incident_id = incident_id;
  committed.changed = changed;
  committed.incident = incidents_.at(incident_id)->incident;
  committed.sequence = committed.incident.sequence();
  return committed;
}

Outcome Sequencer::Batch::DecideOne(const v1::AckRequest& request) {
  return DecideAction(request, DecideAck);
}

Outcome Sequencer::Batch::DecideOne(const v1::UnackRequest& request) {
  return DecideAction(request, DecideUnack);
}

Outcome Sequencer::Batch::DecideOne(const v1::ResolveRequest& request) {
  return DecideAction(request, DecideResolve);
}

}  // namespace incidenthub
