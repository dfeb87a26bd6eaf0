#include "server/log/local_event_log.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "incidenthub/internal/v1/log_record.pb.h"

namespace incidenthub {
namespace {

uint64_t RandomId() {
  std::random_device device;
  uint64_t id = 0;
  while (id == 0) id = (uint64_t{device()} << 32U) | device();
  return id;
}

struct NumberedGenerations {
  // No sequence at or below is to be used.
  Sequence skip_to = 0;
  std::vector<uint64_t> numbers;
  std::vector<Generation> generations;
};

absl::StatusOr<NumberedGenerations> ReadGenerations(const Database& database) {
  NumberedGenerations result;
  const auto iterator = database.NewIterator(Table::kGenerations);
  for (iterator->Seek(""); iterator->Valid(); iterator->Next()) {
    internal::v1::GenerationRecord record;
    if (!record.ParseFromArray(iterator->value().data(),
                               static_cast<int>(iterator->value().size()))) {
      return absl::DataLossError("a generation's record does not parse");
    }
    result.numbers.push_back(DecodeKey(iterator->key()));
    result.generations.push_back({record.id(), record.first_sequence(), record.skip_to_sequence()});
    result.skip_to = std::max(result.skip_to, record.skip_to_sequence());
  }
  RETURN_IF_ERROR(iterator->status());
  return result;
}

}  // namespace

LocalEventLog::LocalEventLog(Database* database, Sequence head, Generations generations)
    : database_(database), generations_(std::move(generations)), head_(head) {}

absl::StatusOr<std::unique_ptr<LocalEventLog>> LocalEventLog::Open(Database* database,
                                                                   uint64_t skipped) {
  ASSIGN_OR_RETURN(const Sequence newest, database->LastNumber(Table::kEvents));
  // The last event may be a tombstone that was forgotten.
  ASSIGN_OR_RETURN(const Sequence floor, database->ReadNumber(kFloorKey));
  const Sequence last = std::max(newest, floor);
  ASSIGN_OR_RETURN(NumberedGenerations known, ReadGenerations(*database));

  // The generation before ended at `last`, whatever is skipped: tokens from beyond are known by it.
  const Sequence head = std::max(last, known.skip_to) + skipped;
  const Generation running{RandomId(), last + 1, head > last ? head : 0};
  internal::v1::GenerationRecord record;
  record.set_id(running.id);
  record.set_first_sequence(running.first_sequence);
  record.set_skip_to_sequence(running.skipped_to);
  WriteSet changes;
  const uint64_t number = known.numbers.empty() ? 1 : known.numbers.back() + 1;
  changes.Put(Table::kGenerations, EncodeKey(number), record.SerializeAsString());
  known.generations.push_back(running);
  while (known.generations.size() > kGenerationsMax) {
    changes.Delete(Table::kGenerations, EncodeKey(known.numbers.front()));
    known.numbers.erase(known.numbers.begin());
    known.generations.erase(known.generations.begin());
  }
  RETURN_IF_ERROR(database->Write(std::move(changes), Database::Durability::kSynced));
  return std::unique_ptr<LocalEventLog>(
      new LocalEventLog(database, head, Generations(std::move(known.generations))));
}

absl::Status LocalEventLog::Append(absl::Span<const LogEntry> entries) {
  WriteSet changes;
  Sequence last = head();
  for (const LogEntry& entry : entries) {
    INCIDENTHUB_CHECK(entry.sequence > last);
    last = entry.sequence;
    changes.Put(Table::kEvents, EncodeKey(entry.sequence), entry.record);
  }
  if (absl::Status status = database_->Write(std::move(changes), Database::Durability::kSynced);
      !status.ok()) {
    return ReasonError(
        "LOG_OUTCOME_UNKNOWN",
        absl::StrCat("append to the log failed, its outcome is unknown: ", status.message()));
  }
  head_.store(last, std::memory_order_release);
  return absl::OkStatus();
}

absl::Status LocalEventLog::Replay(
    Sequence after,
    absl::FunctionRef<absl::Status(Sequence sequence, absl::string_view record)> handle) const {
  const auto iterator = database_->NewIterator(Table::kEvents);
  for (iterator->Seek(EncodeKey(after + 1)); iterator->Valid(); iterator->Next()) {
    RETURN_IF_ERROR(handle(DecodeKey(iterator->key()), iterator->value()));
  }
  return iterator->status();
}

}  // namespace incidenthub
