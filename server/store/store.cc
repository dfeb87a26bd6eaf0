#include "server/store/store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"

namespace incidenthub {
namespace {

// Keys of Table::kMeta.
constexpr absl::string_view kAppliedKey = "applied_sequence";
constexpr absl::string_view kIncidentCountKey = "incident_count";

absl::StatusOr<uint64_t> ReadNumber(const Database& database, absl::string_view key) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value, database.Get(Table::kMeta, key));
  return value.has_value() ? DecodeKey(*value) : 0;
}

absl::Status Unparsable(absl::string_view what, absl::string_view which) {
  return absl::DataLossError(absl::StrCat(what, " ", which, " does not parse"));
}

template <typename Message>
bool Parse(absl::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// The event in `record`, with nothing of it decoded but its sequence before.
absl::StatusOr<SharedEvent> ToSharedEvent(Sequence sequence, absl::string_view record) {
  internal::v1::LogRecord parsed;
  if (!Parse(record, &parsed)) return Unparsable("log record", absl::StrCat(sequence));
  SharedEvent shared;
  shared.sequence = sequence;
  shared.previous_sequence = parsed.previous_sequence();
  shared.bytes = std::make_shared<const std::string>(std::move(*parsed.mutable_event()));
  return shared;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Database* database) {
  auto store = std::unique_ptr<Store>(new Store(database));
  RETURN_IF_ERROR(store->Load());
  return store;
}

absl::Status Store::Load() {
  ASSIGN_OR_RETURN(applied_, ReadNumber(*database_, kAppliedKey));
  ASSIGN_OR_RETURN(incident_count_, ReadNumber(*database_, kIncidentCountKey));
  RETURN_IF_ERROR(ack_expiries_.Load());
  RETURN_IF_ERROR(request_ids_.Load());
  ASSIGN_OR_RETURN(quarantine_last_, database_->LastNumber(Table::kQuarantine));
  const auto iterator = database_->NewIterator(Table::kQuarantine);
  for (iterator->Seek(""); iterator->Valid(); iterator->Next()) {
    quarantine_sizes_.push_back(iterator->value().size());
    quarantine_bytes_ += iterator->value().size();
  }
  quarantined_count_ = quarantine_sizes_.size();
  return iterator->status();
}

absl::Status Store::Apply(absl::Span<const AppliedEvent> events) {
  if (events.empty()) return absl::OkStatus();
  WriteSet changes;
  uint64_t incident_count = incident_count_.load(std::memory_order_relaxed);
  Sequence last = applied();
  for (const AppliedEvent& event : events) {
    INCIDENTHUB_CHECK(event.sequence > last && event.previous_sequence < event.sequence);
    last = event.sequence;
    internal::v1::IncidentIndexEntry entry;
    entry.set_sequence(event.sequence);
    entry.set_bookkeeping(event.bookkeeping);
    changes.Put(Table::kIncidents, event.incident_id, entry.SerializeAsString());
    if (event.previous_sequence == 0) {
      ++incident_count;
    } else {
      changes.Delete(Table::kLatest, EncodeKey(event.previous_sequence));
    }
    changes.Put(Table::kLatest, EncodeKey(event.sequence), "");
    ack_expiries_.Stage(event, &changes);
  }
  RETURN_IF_ERROR(request_ids_.Stage(events, &changes));
  changes.Put(Table::kMeta, kAppliedKey, EncodeKey(last));
  changes.Put(Table::kMeta, kIncidentCountKey, EncodeKey(incident_count));
  // Not synced: the log is, and Apply is repeated from it after a crash.
  RETURN_IF_ERROR(database_->Write(std::move(changes), Database::Durability::kBuffered));
  incident_count_.store(incident_count, std::memory_order_relaxed);
  applied_.store(last, std::memory_order_release);
  return ack_expiries_.Written();
}

absl::StatusOr<std::optional<IncidentState>> Store::FindIncident(absl::string_view id) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> index, database_->Get(Table::kIncidents, id));
  if (!index.has_value()) return std::optional<IncidentState>();
  internal::v1::IncidentIndexEntry entry;
  if (!entry.ParseFromString(*index)) return Unparsable("index entry of incident", id);
  ASSIGN_OR_RETURN(const std::optional<std::string> record,
                   database_->Get(Table::kEvents, EncodeKey(entry.sequence())));
  internal::v1::LogRecord parsed;
  v1::Event event;
  if (!record.has_value() || !parsed.ParseFromString(*record) ||
      !event.ParseFromString(parsed.event())) {
    return Unparsable("newest event of incident", id);
  }
  IncidentState state;
  state.incident = std::move(*event.mutable_incident());
  if (!state.bookkeeping.ParseFromString(entry.bookkeeping())) {
    return Unparsable("bookkeeping of incident", id);
  }
  return std::optional<IncidentState>(std::move(state));
}

absl::StatusOr<std::vector<SharedEvent>> Store::ReadEvents(Sequence after,
                                                           const ReadLimits& limits) const {
  const Sequence last = applied();
  std::vector<SharedEvent> events;
  size_t bytes = 0;
  const auto iterator = database_->NewIterator(Table::kEvents);
  for (iterator->Seek(EncodeKey(after + 1)); iterator->Valid(); iterator->Next()) {
    const Sequence sequence = DecodeKey(iterator->key());
    // The log may hold events that are not visible yet.
    if (sequence > last || events.size() >= limits.events) break;
    ASSIGN_OR_RETURN(SharedEvent event, ToSharedEvent(sequence, iterator->value()));
    bytes += event.bytes->size();
    if (!events.empty() && bytes > limits.bytes) break;
    events.push_back(std::move(event));
  }
  RETURN_IF_ERROR(iterator->status());
  return events;
}

absl::StatusOr<std::vector<SharedEvent>> Store::ReadLatest(Sequence after, Sequence up_to,
                                                           const ReadLimits& limits,
                                                           bool* complete) const {
  constexpr size_t kKeysPerRead = 64;
  std::vector<SharedEvent> events;
  size_t bytes = 0;
  *complete = false;
  const auto iterator = database_->NewIterator(Table::kLatest);
  iterator->Seek(EncodeKey(after + 1));
  while (events.size() < limits.events) {
    std::vector<std::string> keys;
    for (; iterator->Valid() && DecodeKey(iterator->key()) <= up_to &&
           keys.size() < std::min(kKeysPerRead, limits.events - events.size());
         iterator->Next()) {
      keys.emplace_back(iterator->key());
    }
    RETURN_IF_ERROR(iterator->status());
    if (keys.empty()) {
      *complete = true;
      break;
    }
    ASSIGN_OR_RETURN(const std::vector<std::string> records,
                     database_->GetAll(Table::kEvents, keys));
    for (size_t i = 0; i < keys.size(); ++i) {
      ASSIGN_OR_RETURN(SharedEvent event, ToSharedEvent(DecodeKey(keys[i]), records[i]));
      bytes += event.bytes->size();
      if (!events.empty() && bytes > limits.bytes) return events;
      events.push_back(std::move(event));
    }
  }
  return events;
}

absl::StatusOr<Sequence> Store::FindNewest(absl::string_view id) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> index, database_->Get(Table::kIncidents, id));
  if (!index.has_value()) return Sequence{0};
  internal::v1::IncidentIndexEntry entry;
  if (!entry.ParseFromString(*index)) return Unparsable("index entry of incident", id);
  return entry.sequence();
}

absl::StatusOr<std::vector<SharedEvent>> Store::ReadHistory(absl::string_view id, Sequence newest,
                                                            const ReadLimits& limits,
                                                            Sequence* next) const {
  std::vector<SharedEvent> events;
  size_t bytes = 0;
  *next = newest;
  while (*next != 0 && events.size() < limits.events) {
    ASSIGN_OR_RETURN(const std::optional<std::string> record,
                     database_->Get(Table::kEvents, EncodeKey(*next)));
    if (!record.has_value()) {
      if (events.empty()) return events;
      return absl::DataLossError(absl::StrCat("event ", *next, " is missing"));
    }
    ASSIGN_OR_RETURN(SharedEvent shared, ToSharedEvent(*next, *record));
    if (events.empty()) {
      v1::Event event;
      if (!event.ParseFromString(*shared.bytes)) return Unparsable("event", absl::StrCat(*next));
      if (event.incident().id() != id) return events;
    }
    bytes += shared.bytes->size();
    if (!events.empty() && bytes > limits.bytes) break;
    *next = shared.previous_sequence;
    events.push_back(std::move(shared));
  }
  return events;
}

absl::StatusOr<uint64_t> Store::Quarantine(const std::vector<internal::v1::QuarantinedBody>& bodies,
                                           Database::Durability durability) {
  WriteSet changes;
  const uint64_t first = quarantine_last_ + 1;
  for (const auto& body : bodies) {
    const std::string value = body.SerializeAsString();
    changes.Put(Table::kQuarantine, EncodeKey(++quarantine_last_), value);
    quarantine_sizes_.push_back(value.size());
    quarantine_bytes_ += value.size();
  }
  uint64_t oldest = quarantine_last_ + 1 - quarantine_sizes_.size();
  size_t leaving = 0;
  while (quarantine_sizes_.size() - leaving > kQuarantineBodiesMax ||
         quarantine_bytes_ > kQuarantineBytesMax) {
    quarantine_bytes_ -= quarantine_sizes_[leaving++];
    changes.Delete(Table::kQuarantine, EncodeKey(oldest++));
  }
  quarantine_sizes_.erase(quarantine_sizes_.begin(),
                          quarantine_sizes_.begin() + static_cast<ptrdiff_t>(leaving));
  RETURN_IF_ERROR(database_->Write(std::move(changes), durability));
  quarantined_count_.store(quarantine_sizes_.size(), std::memory_order_relaxed);
  return first;
}

}  // namespace incidenthub
