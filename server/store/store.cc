#include "server/store/store.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"

namespace incidenthub {
namespace {

// Keys of Table::kMeta.
constexpr absl::string_view kAppliedKey = "applied_sequence";
constexpr absl::string_view kIncidentCountKey = "incident_count";

// The value of a tombstone in Table::kLatest.
constexpr absl::string_view kTombstoneMark = "t";

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
  shared.tombstone = parsed.tombstone();
  shared.after_tombstone = parsed.after_tombstone();
  shared.bytes = std::make_shared<const std::string>(std::move(*parsed.mutable_event()));
  return shared;
}

// Makes `events` the newest of their incidents, where `applied` was the last event before them.
//
// What leaves Table::kLatest is staged before what comes: either is as good as sorted, and for the
// next key in order RocksDB need not search.
void StageNewest(absl::Span<const AppliedEvent> events, Sequence applied, WriteSet* changes) {
  absl::flat_hash_set<Sequence> replaced_at_once;
  for (const AppliedEvent& event : events) {
    if (event.previous_sequence > applied) {
      replaced_at_once.insert(event.previous_sequence);
    } else if (event.previous_sequence != 0) {
      changes->Delete(Table::kLatest, EncodeKey(event.previous_sequence));
    }
  }
  // One for all, which keeps its memory.
  internal::v1::IncidentIndexEntry entry;
  for (const AppliedEvent& event : events) {
    if (replaced_at_once.contains(event.sequence)) continue;
    changes->Put(Table::kLatest, EncodeKey(event.sequence), event.tombstone ? kTombstoneMark : "");
    entry.set_sequence(event.sequence);
    entry.set_bookkeeping(event.bookkeeping);
    entry.set_tombstone(event.tombstone);
    changes->Put(Table::kIncidents, event.incident_id, entry.SerializeAsString());
  }
}

}  // namespace

absl::StatusOr<IncidentState> ParseState(absl::string_view id, absl::string_view event,
                                         absl::string_view bookkeeping,
                                         const IncidentFields& fields) {
  IncidentState state;
  if (!ParseIncident(event, fields, &state.incident)) {
    return Unparsable("newest event of incident", id);
  }
  if (!Parse(bookkeeping, &state.bookkeeping)) return Unparsable("bookkeeping of incident", id);
  return state;
}

absl::StatusOr<std::unique_ptr<Store>> Store::Open(Database* database) {
  auto store = std::unique_ptr<Store>(new Store(database));
  RETURN_IF_ERROR(store->Load());
  return store;
}

absl::Status Store::Load() {
  ASSIGN_OR_RETURN(applied_, database_->ReadNumber(kAppliedKey));
  ASSIGN_OR_RETURN(incident_count_, database_->ReadNumber(kIncidentCountKey));
  RETURN_IF_ERROR(trimmer_.Load(applied()));
  RETURN_IF_ERROR(ack_expiries_.Load());
  RETURN_IF_ERROR(request_ids_.Load());
  return quarantine_.Load();
}

absl::Status Store::Apply(absl::Span<const AppliedEvent> events) {
  if (events.empty()) return absl::OkStatus();
  WriteSet changes;
  uint64_t incident_count = incident_count_.load(std::memory_order_relaxed);
  StageNewest(events, applied(), &changes);
  Sequence last = applied();
  for (const AppliedEvent& event : events) {
    INCIDENTHUB_CHECK(event.sequence > last && event.previous_sequence < event.sequence);
    last = event.sequence;
    if (event.previous_sequence == 0 || event.after_tombstone) ++incident_count;
    if (event.tombstone) --incident_count;
    ack_expiries_.Stage(event, &changes);
    upstream_.Stage(event, &changes);
  }
  RETURN_IF_ERROR(request_ids_.Stage(events, &changes));
  trimmer_.Stage(events, &changes);
  changes.Put(Table::kMeta, kAppliedKey, EncodeKey(last));
  changes.Put(Table::kMeta, kIncidentCountKey, EncodeKey(incident_count));
  // Not synced: the log is, and Apply is repeated from it after a crash.
  RETURN_IF_ERROR(database_->Write(std::move(changes), Database::Durability::kBuffered));
  incident_count_.store(incident_count, std::memory_order_relaxed);
  trimmer_.Written();
  upstream_.Written();
  applied_.store(last, std::memory_order_release);
  return ack_expiries_.Written();
}

absl::StatusOr<std::optional<IncidentState>> Store::FindIncident(absl::string_view id) const {
  ASSIGN_OR_RETURN(StoredIncident stored, Find(id));
  return std::move(stored.state);
}

absl::StatusOr<StoredIncident> Store::Find(absl::string_view id,
                                           const IncidentFields& fields) const {
  StoredIncident stored;
  Sequence missing = 0;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> index, database_->Get(Table::kIncidents, id));
    if (!index.has_value()) return stored;
    internal::v1::IncidentIndexEntry entry;
    if (!entry.ParseFromString(*index)) return Unparsable("index entry of incident", id);
    if (entry.tombstone()) {
      stored.tombstone = entry.sequence();
      return stored;
    }
    ASSIGN_OR_RETURN(const std::optional<std::string> record,
                     database_->Get(Table::kEvents, EncodeKey(entry.sequence())));
    if (!record.has_value() && entry.sequence() > missing) {
      // Replaced and dropped since the index was read, which then says so.
      missing = entry.sequence();
      continue;
    }
    internal::v1::LogRecord parsed;
    if (!record.has_value() || !parsed.ParseFromString(*record)) {
      return Unparsable("newest record of incident", id);
    }
    ASSIGN_OR_RETURN(stored.state, ParseState(id, parsed.event(), entry.bookkeeping(), fields));
    return stored;
  }
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

absl::StatusOr<std::optional<SharedEvent>> Store::ReadEvent(Sequence sequence) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> record,
                   database_->Get(Table::kEvents, EncodeKey(sequence)));
  if (!record.has_value()) return std::nullopt;
  return ToSharedEvent(sequence, *record);
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
    ASSIGN_OR_RETURN(const std::vector<std::optional<std::string>> records,
                     database_->GetAll(Table::kEvents, keys));
    for (size_t i = 0; i < keys.size(); ++i) {
      const Sequence sequence = DecodeKey(keys[i]);
      if (!records[i].has_value()) {
        // Replaced and dropped since the scan began: the incident has moved to the end.
        if (sequence <= floor()) continue;
        return absl::DataLossError(absl::StrCat("event ", sequence, " is missing"));
      }
      ASSIGN_OR_RETURN(SharedEvent event, ToSharedEvent(sequence, *records[i]));
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

absl::StatusOr<History> Store::ReadHistory(absl::string_view id, Sequence newest,
                                           const ReadLimits& limits) const {
  History history;
  size_t bytes = 0;
  history.next = newest;
  while (history.next != 0 && history.events.size() < limits.events) {
    ASSIGN_OR_RETURN(const std::optional<std::string> record,
                     database_->Get(Table::kEvents, EncodeKey(history.next)));
    if (!record.has_value()) {
      history.truncated = history.next <= floor();
      if (!history.truncated && !history.events.empty()) {
        return absl::DataLossError(absl::StrCat("event ", history.next, " is missing"));
      }
      history.next = 0;
      break;
    }
    ASSIGN_OR_RETURN(SharedEvent shared, ToSharedEvent(history.next, *record));
    if (history.events.empty()) {
      v1::Event event;
      if (!event.ParseFromString(*shared.bytes)) {
        return Unparsable("event", absl::StrCat(history.next));
      }
      if (event.incident().id() != id) return History();
    }
    bytes += shared.bytes->size();
    if (!history.events.empty() && bytes > limits.bytes) break;
    history.next = shared.previous_sequence;
    history.events.push_back(std::move(shared));
  }
  return history;
}

absl::StatusOr<std::vector<Tombstone>> Store::ReadTombstones(Sequence after, size_t entries_max,
                                                             Sequence* last) const {
  std::vector<Tombstone> tombstones;
  const auto iterator = database_->NewIterator(Table::kLatest);
  size_t looked_at = 0;
  for (iterator->Seek(EncodeKey(after + 1)); iterator->Valid() && looked_at < entries_max;
       iterator->Next(), ++looked_at) {
    *last = DecodeKey(iterator->key());
    if (iterator->value() != kTombstoneMark) continue;
    ASSIGN_OR_RETURN(const std::optional<std::string> record,
                     database_->Get(Table::kEvents, iterator->key()));
    // It came anew, and the PURGED was dropped, since the scan began.
    if (!record.has_value()) continue;
    internal::v1::LogRecord parsed;
    v1::Event event;
    if (!parsed.ParseFromString(*record) || !event.ParseFromString(parsed.event())) {
      return Unparsable("tombstone", absl::StrCat(*last));
    }
    tombstones.push_back(
        {event.incident().id(), *last, absl::FromUnixNanos(parsed.commit_time_nanos())});
  }
  RETURN_IF_ERROR(iterator->status());
  return tombstones;
}

absl::Status Store::Forget(const std::vector<Tombstone>& tombstones) {
  WriteSet changes;
  for (const Tombstone& tombstone : tombstones) {
    changes.Delete(Table::kIncidents, tombstone.incident_id);
    changes.Delete(Table::kLatest, EncodeKey(tombstone.sequence));
    RETURN_IF_ERROR(trimmer_.StageForgotten(tombstone.sequence, &changes));
  }
  return database_->Write(std::move(changes), Database::Durability::kBuffered);
}

}  // namespace incidenthub
