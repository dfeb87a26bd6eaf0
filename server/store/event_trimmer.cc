#include "server/store/event_trimmer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/rank.h"

namespace incidenthub {
namespace {

// Keys of Table::kMeta.
constexpr absl::string_view kForgottenKey = "forgotten";
constexpr absl::string_view kCursorKey = "trim_cursor";
constexpr absl::string_view kBytesAddedKey = "event_bytes_added";
constexpr absl::string_view kBytesDroppedKey = "event_bytes_dropped";

absl::StatusOr<internal::v1::LogRecord> Parse(Sequence sequence, absl::string_view bytes) {
  internal::v1::LogRecord record;
  v1::Event event;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError(absl::StrCat("log record ", sequence, " does not parse"));
  }
  // Hubs without retention wrote none.
  if (record.commit_time_nanos() == 0 && event.ParseFromString(record.event())) {
    record.set_commit_time_nanos(ToUnixNanos(event.commit_time()));
  }
  return record;
}

}  // namespace

absl::Status EventTrimmer::Load(Sequence applied) {
  ASSIGN_OR_RETURN(floor_, database_->ReadNumber(kFloorKey));
  ASSIGN_OR_RETURN(forgotten_, database_->ReadNumber(kForgottenKey));
  ASSIGN_OR_RETURN(cursor_, database_->ReadNumber(kCursorKey));
  ASSIGN_OR_RETURN(bytes_dropped_, database_->ReadNumber(kBytesDroppedKey));
  ASSIGN_OR_RETURN(bytes_staged_, database_->ReadNumber(kBytesAddedKey));
  if (bytes_staged_ == 0) {
    // Of a new store, or one that a hub without retention has made.
    bytes_staged_ = bytes_dropped_;
    const auto iterator = database_->NewIterator(Table::kEvents);
    // What is not applied yet is staged when it is.
    for (iterator->Seek(""); iterator->Valid() && DecodeKey(iterator->key()) <= applied;
         iterator->Next()) {
      bytes_staged_ += iterator->value().size();
    }
    RETURN_IF_ERROR(iterator->status());
  }
  bytes_added_ = bytes_staged_;
  return absl::OkStatus();
}

uint64_t EventTrimmer::event_bytes() const {
  // In this order, so that what goes meanwhile is never counted as going before it came.
  const uint64_t dropped = bytes_dropped_.load(std::memory_order_acquire);
  return bytes_added_.load(std::memory_order_acquire) - dropped;
}

void EventTrimmer::Stage(absl::Span<const AppliedEvent> events, WriteSet* changes) {
  for (const AppliedEvent& event : events) bytes_staged_ += event.record_bytes;
  changes->Put(Table::kMeta, kBytesAddedKey, EncodeKey(bytes_staged_));
}

absl::StatusOr<TrimStep> EventTrimmer::Trim(Sequence applied, const TrimPolicy& policy) {
  TrimStep step;
  WriteSet changes;
  Sequence cursor = cursor_.load(std::memory_order_relaxed);
  Sequence floor = floor_.load(std::memory_order_relaxed);
  size_t looked_at = 0;
  size_t bytes = 0;
  const auto iterator = database_->NewIterator(Table::kEvents);
  for (iterator->Seek(EncodeKey(cursor + 1)); iterator->Valid(); iterator->Next()) {
    const Sequence sequence = DecodeKey(iterator->key());
    if (sequence > applied) break;
    step.more = looked_at >= policy.step_events || bytes >= policy.step_bytes;
    if (step.more) break;
    ASSIGN_OR_RETURN(const internal::v1::LogRecord record, Parse(sequence, iterator->value()));
    const absl::Time commit_time = absl::FromUnixNanos(record.commit_time_nanos());
    if (commit_time > policy.older_than && event_bytes() <= policy.bytes_max) {
      step.next_commit_time = commit_time;
      break;
    }
    ++looked_at;
    bytes += iterator->value().size();
    cursor = sequence;
    if (record.previous_sequence() == 0) continue;
    ASSIGN_OR_RETURN(const bool dropped, StageDrop(record.previous_sequence(), &changes));
    step.dropped += dropped ? 1 : 0;
    floor = sequence;
  }
  RETURN_IF_ERROR(iterator->status());
  if (looked_at == 0) return step;
  floor_.store(std::max(floor, this->floor()), std::memory_order_release);
  cursor_.store(cursor, std::memory_order_release);
  StageState(&changes);
  // Not synced: what comes back after a crash comes back with its floor.
  if (const absl::Status status =
          database_->Write(std::move(changes), Database::Durability::kBuffered);
      !status.ok()) {
    return ReasonError(
        "LOG_OUTCOME_UNKNOWN",
        absl::StrCat("dropping events failed, its outcome is unknown: ", status.message()));
  }
  return step;
}

absl::Status EventTrimmer::StageForgotten(Sequence tombstone, WriteSet* changes) {
  INCIDENTHUB_CHECK(tombstone <= cursor());
  floor_.store(std::max(tombstone, floor()), std::memory_order_release);
  forgotten_.store(std::max(tombstone, forgotten()), std::memory_order_release);
  RETURN_IF_ERROR(StageDrop(tombstone, changes).status());
  StageState(changes);
  return absl::OkStatus();
}

absl::StatusOr<bool> EventTrimmer::StageDrop(Sequence sequence, WriteSet* changes) {
  const std::string key = EncodeKey(sequence);
  ASSIGN_OR_RETURN(const std::optional<std::string> record, database_->Get(Table::kEvents, key));
  if (!record.has_value()) return false;
  changes->Delete(Table::kEvents, key);
  bytes_dropped_.fetch_add(record->size(), std::memory_order_acq_rel);
  return true;
}

void EventTrimmer::StageState(WriteSet* changes) const {
  changes->Put(Table::kMeta, kFloorKey, EncodeKey(floor()));
  changes->Put(Table::kMeta, kForgottenKey, EncodeKey(forgotten()));
  changes->Put(Table::kMeta, kCursorKey, EncodeKey(cursor()));
  changes->Put(Table::kMeta, kBytesDroppedKey, EncodeKey(bytes_dropped_.load()));
}

}  // namespace incidenthub
