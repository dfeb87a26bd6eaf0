#include "server/core/batch.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"
#include "server/domain/merge.h"
#include "server/domain/rank.h"
#include "server/domain/request_id.h"
#include "server/domain/validate.h"

namespace incidenthub {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

// The encoded record of `event`, which is encoded, and `others`, which is the record without it: an
// event is most of a record, and would be copied into it to be copied out again.
std::string EncodeRecord(absl::string_view event, const internal::v1::LogRecord& others) {
  constexpr uint32_t kTag = WireFormatLite::MakeTag(internal::v1::LogRecord::kEventFieldNumber,
                                                    WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  std::array<uint8_t, 2 * sizeof(uint64_t)> head;
  uint8_t* end = CodedOutputStream::WriteTagToArray(kTag, head.data());
  end = CodedOutputStream::WriteVarint32ToArray(static_cast<uint32_t>(event.size()), end);
  std::string record;
  record.reserve(head.size() + event.size() + others.ByteSizeLong());
  record.append(head.data(), end);
  record.append(event.data(), event.size());
  others.AppendToString(&record);
  return record;
}

}  // namespace

DecisionContext Sequencer::Batch::Context(const std::string& incident_id,
                                          absl::string_view source) const {
  DecisionContext context;
  if (*upstream_ != nullptr && !source.empty()) context.upstream = (*upstream_)(source);
  const auto left = tombstones_.find(incident_id);
  if (left != tombstones_.end()) context.tombstone = left->second;
  context.now = now_;
  context.traceparent = traceparent_;
  context.sequence = head_ + 1;
  context.principal = principal_;
  return context;
}

absl::StatusOr<IncidentState*> Sequencer::Batch::Find(const std::string& id) {
  const auto known = incidents_.find(id);
  if (known != incidents_.end() && !known->second.in_part) return known->second.state.get();
  return Load(id, AllIncidentFields());
}

absl::StatusOr<IncidentState*> Sequencer::Batch::FindFor(const v1::Delivery& delivery) {
  const std::string& id = delivery.incident().id();
  if (incidents_.contains(id)) return Find(id);
  ASSIGN_OR_RETURN(IncidentState* const state, Load(id, FieldsToMerge(delivery.incident())));
  if (state == nullptr) return nullptr;
  incidents_[id].in_part = true;
  // What comes late adds to what there is.
  return IsLate(state->bookkeeping, delivery, now_) ? Find(id) : state;
}

absl::StatusOr<IncidentState*> Sequencer::Batch::Load(const std::string& id,
                                                      const IncidentFields& fields) {
  Held held;
  if (const RecentIncident* const recent = recent_->Find(id)) {
    ASSIGN_OR_RETURN(IncidentState state,
                     ParseState(id, *recent->event, recent->bookkeeping, fields));
    held.state = std::make_unique<IncidentState>(std::move(state));
  } else {
    ASSIGN_OR_RETURN(StoredIncident stored, store_->Find(id, fields));
    if (stored.state.has_value()) {
      held.state = std::make_unique<IncidentState>(*std::move(stored.state));
    }
    if (stored.tombstone != 0) tombstones_[id] = stored.tombstone;
  }
  return (incidents_[id] = std::move(held)).state.get();
}

void Sequencer::Batch::Decide(Command command, const CommandGroup& group) {
  traceparent_ = group.traceparent;
  principal_ = group.principal;
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

  Held& held = incidents_[committed.incident_id];
  auto& slot = held.state;
  record.set_previous_sequence(event.previous_sequence());
  record.set_bookkeeping(decided.bookkeeping.SerializeAsString());
  record.set_commit_time_nanos(ToUnixNanos(event.commit_time()));
  record.set_tombstone(event.type() == v1::EVENT_TYPE_PURGED);
  record.set_after_tombstone(slot == nullptr && event.previous_sequence() != 0);
  if (slot != nullptr && ExpiryOf(slot->incident) != absl::InfiniteFuture()) {
    *record.mutable_previous_expire_time() = slot->incident.acknowledgement().expire_time();
  }
  if (slot != nullptr && slot->incident.has_upstream()) {
    record.mutable_previous_upstream()->set_state(slot->incident.upstream().state());
    record.mutable_previous_upstream()->set_request_sequence(
        slot->incident.upstream().request_sequence());
  }
  record.set_callback_due(decided.callback_due);
  record.set_comment_due(decided.comment_due);
  if (!request.request_id().empty()) {
    *record.mutable_request() = request;
    *request.mutable_commit_time() = event.commit_time();
    requests_[request.request_id()] = std::move(request);
  }
  entries_.push_back({head_, EncodeRecord(bytes, record)});
  SharedEvent shared{head_, event.previous_sequence(),
                     std::make_shared<const std::string>(std::move(bytes))};
  shared.tombstone = record.tombstone();
  shared.after_tombstone = record.after_tombstone();
  events_.push_back(std::move(shared));
  applied_.push_back(ToAppliedEvent(event, std::move(record), entries_.back().record.size()));

  if (applied_.back().tombstone) {
    slot = nullptr;
    tombstones_[committed.incident_id] = head_;
    return committed;
  }
  tombstones_.erase(committed.incident_id);
  if (slot == nullptr) slot = std::make_unique<IncidentState>();
  held.in_part = false;
  slot->incident = std::move(*event.mutable_incident());
  slot->bookkeeping = std::move(decided.bookkeeping);
  return committed;
}

size_t Sequencer::Batch::Expire(size_t count_max, size_t bytes_max) {
  traceparent_ = "";
  principal_ = "";
  const auto due = store_->ack_expiries().Due(now_, count_max);
  if (!due.ok()) {
    static RepeatedLine lines(kOneAMinute);
    if (const auto left_out = lines.Next()) {
      Log(LogLevel::kError, "cannot read what has expired",
          {{"error", due.status()}, {"more_before", *left_out}});
    }
    return 0;
  }
  size_t count = 0;
  size_t bytes = 0;
  for (const AckExpiry& expiry : *due) {
    if (bytes >= bytes_max) break;
    const auto current = Find(expiry.incident_id);
    absl::Status status = current.status();
    if (status.ok()) {
      Decision decision = DecideExpiry(*current, expiry.time, Context(expiry.incident_id));
      auto* event = std::get_if<NewEvent>(&decision);
      if (event == nullptr) continue;
      status = Add(std::move(*event)).status();
    }
    if (!status.ok()) {
      static RepeatedLine lines;
      if (const auto left_out = lines.Next()) {
        Log(LogLevel::kError, "cannot take an expired acknowledgement back",
            {{"incident_id", expiry.incident_id}, {"error", status}, {"more_before", *left_out}});
      }
      continue;
    }
    bytes += entries_.back().record.size();
    ++count;
  }
  return count;
}

Outcome Sequencer::Batch::AddToQuarantine(v1::Delivery delivery) {
  internal::v1::QuarantinedBody body;
  v1::Unmapped& unmapped = *delivery.mutable_unmapped();
  body.set_source(delivery.source());
  body.set_kind(std::move(*unmapped.mutable_kind()));
  // Kept for people to read, who list many of them.
  body.set_reason(std::string(CutText(unmapped.reason(), kQuarantineReasonBytesMax)));
  body.set_raw(std::move(*unmapped.mutable_raw()));
  *body.mutable_receive_time() =
      delivery.has_receive_time() ? delivery.receive_time() : ToTimestamp(now_);
  *body.mutable_keep_time() = ToTimestamp(now_);
  quarantine_.keep.push_back(std::move(body));
  return InQuarantine{quarantine_.keep.size() - 1};
}

bool Sequencer::Batch::IsQuarantined(uint64_t id) const {
  return store_->quarantine().Holds(id) && !absl::c_linear_search(quarantine_.drop, id);
}

Outcome Sequencer::Batch::DecideOne(const DropQuarantinedCommand& command) {
  Committed committed;
  committed.changed = IsQuarantined(command.id);
  if (committed.changed) quarantine_.drop.push_back(command.id);
  return committed;
}

Outcome Sequencer::Batch::DecideOne(FinishReplayCommand command) {
  INCIDENTHUB_CHECK(command.deliveries <= outcomes_.size());
  for (size_t i = outcomes_.size() - command.deliveries; i < outcomes_.size(); ++i) {
    RETURN_IF_ERROR(outcomes_[i].status());
  }
  if (!IsQuarantined(command.id)) return QuarantinedNotFound(command.id);
  if (command.rest.has_value()) RETURN_IF_ERROR(Validate(*command.rest));
  quarantine_.drop.push_back(command.id);
  ++replayed_;
  if (command.rest.has_value()) return AddToQuarantine(*std::move(command.rest));
  Committed committed;
  committed.changed = true;
  return committed;
}

Outcome Sequencer::Batch::DecideOne(v1::Delivery delivery) {
  RETURN_IF_ERROR(Validate(delivery));
  if (delivery.has_unmapped()) return AddToQuarantine(std::move(delivery));
  const std::string id = delivery.incident().id();
  ASSIGN_OR_RETURN(const IncidentState* current, FindFor(delivery));
  const std::string source = delivery.source();
  DeliveryTimes times;
  times.receive = delivery.has_receive_time() ? TimeOf(delivery.receive_time()) : now_;
  if (HasSourceTime(delivery)) {
    times.source = absl::FromUnixNanos(RankOf(delivery, now_).update_time_nanos);
  }
  Decision decision = DecideDelivery(current, std::move(delivery), Context(id, source));
  if (auto* event = std::get_if<NewEvent>(&decision)) {
    const bool late = event->event.type() == v1::EVENT_TYPE_LATE;
    ASSIGN_OR_RETURN(Committed committed, Add(std::move(*event)));
    committed.late = late;
    delivery_times_.push_back(times);
    return committed;
  }
  if (std::holds_alternative<Ignored>(decision)) {
    ++ignored_;
    return Ignored();
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
    asked.set_request_id(RequestKey(principal_, request.request_id()));
    asked.set_fingerprint(FingerprintOf(request));
    ASSIGN_OR_RETURN(const auto known, FindRequest(asked.request_id()));
    if (known.has_value()) {
      RETURN_IF_ERROR(CheckRepeat(*known, request.request_id(), asked.fingerprint()));
    }
    is_repeat = known.has_value();
  }
  ASSIGN_OR_RETURN(const IncidentState* current, Find(request.incident_id()));
  if (is_repeat && current != nullptr) return Now(request.incident_id(), true);
  const std::string source = current == nullptr ? "" : current->incident.source();
  ASSIGN_OR_RETURN(Decision decision,
                   decide(current, request, Context(request.incident_id(), source)));
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

Outcome Sequencer::Batch::DecideOne(const PurgeCommand& command) {
  ASSIGN_OR_RETURN(const IncidentState* current, Find(command.incident_id));
  Decision decision = DecidePurge(current, command.sequence, Context(command.incident_id));
  auto* event = std::get_if<NewEvent>(&decision);
  if (event == nullptr) return Committed();
  ASSIGN_OR_RETURN(Committed committed, Add(std::move(*event)));
  return committed;
}

Outcome Sequencer::Batch::DecideOne(const UpstreamCommand& command) {
  ASSIGN_OR_RETURN(const IncidentState* current, Find(command.incident_id));
  Decision decision = DecideUpstream(current, command.outcome, Context(command.incident_id));
  auto* event = std::get_if<NewEvent>(&decision);
  if (event == nullptr) return Committed();
  ASSIGN_OR_RETURN(Committed committed, Add(std::move(*event)));
  return committed;
}

Outcome Sequencer::Batch::DecideOne(const ForgetCommand& command) {
  const std::string& id = command.tombstone.incident_id;
  RETURN_IF_ERROR(Find(id).status());
  Committed committed;
  const auto left = tombstones_.find(id);
  if (left == tombstones_.end() || left->second != command.tombstone.sequence) return committed;
  tombstones_.erase(left);
  forgotten_.push_back(command.tombstone);
  committed.changed = true;
  return committed;
}

Committed Sequencer::Batch::Now(const std::string& incident_id, bool changed) const {
  Committed committed;
  committed.incident_id = incident_id;
  committed.changed = changed;
  committed.incident = incidents_.at(incident_id).state->incident;
  committed.sequence = committed.incident->sequence();
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
