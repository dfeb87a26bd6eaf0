#include "server/store/quarantine.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "server/domain/rank.h"

namespace incidenthub {
namespace {

using internal::v1::QuarantinedBody;

// Key of Table::kMeta: the greatest number used so far. Written with every change, since the
// newest body may be the one that leaves. Hubs before it had it from the table.
constexpr absl::string_view kLastKey = "quarantine_last";

absl::StatusOr<QuarantinedBody> Parse(uint64_t id, absl::string_view value) {
  QuarantinedBody body;
  if (body.ParseFromArray(value.data(), static_cast<int>(value.size()))) return body;
  return absl::DataLossError(absl::StrCat("quarantined body ", id, " does not parse"));
}

// By the hub's clock; of bodies that older hubs kept, by the gateway's.
absl::Time KeepTimeOf(const QuarantinedBody& body) {
  return TimeOf(body.has_keep_time() ? body.keep_time() : body.receive_time());
}

}  // namespace

absl::Status QuarantinedNotFound(uint64_t id) {
  return ReasonError("QUARANTINED_NOT_FOUND",
                     absl::StrCat("no quarantined body has the number ", id,
                                  ": it never was, was replayed, or has left for its age or for "
                                  "newer ones"));
}

absl::Status Quarantine::Load() {
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(const uint64_t last, database_->ReadNumber(kLastKey));
  ASSIGN_OR_RETURN(const uint64_t newest, database_->LastNumber(Table::kQuarantine));
  last_ = std::max(last, newest);
  const auto iterator = database_->NewIterator(Table::kQuarantine);
  for (iterator->Seek(""); iterator->Valid(); iterator->Next()) {
    const uint64_t id = DecodeKey(iterator->key());
    ASSIGN_OR_RETURN(const QuarantinedBody body, Parse(id, iterator->value()));
    held_[id] = {iterator->value().size(), KeepTimeOf(body)};
    bytes_ += iterator->value().size();
  }
  count_.store(held_.size(), std::memory_order_relaxed);
  return iterator->status();
}

std::vector<uint64_t> Quarantine::Drop(const std::vector<uint64_t>& ids) {
  std::vector<uint64_t> leaving;
  for (const uint64_t id : ids) {
    const auto found = held_.find(id);
    if (found == held_.end()) continue;
    bytes_ -= found->second.bytes;
    held_.erase(found);
    leaving.push_back(id);
  }
  return leaving;
}

std::vector<uint64_t> Quarantine::PushOut() {
  std::vector<uint64_t> leaving;
  while (held_.size() > kQuarantineBodiesMax || bytes_ > kQuarantineBytesMax) {
    const auto oldest = held_.begin();
    bytes_ -= oldest->second.bytes;
    leaving.push_back(oldest->first);
    held_.erase(oldest);
  }
  return leaving;
}

absl::StatusOr<uint64_t> Quarantine::Write(const QuarantineChange& change,
                                           Database::Durability durability) {
  std::vector<std::string> values;
  values.reserve(change.keep.size());
  for (const QuarantinedBody& body : change.keep) values.push_back(body.SerializeAsString());

  WriteSet changes;
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t pushed_out = 0;
  {
    absl::MutexLock lock(&mu_);
    first = last_ + 1;
    for (size_t i = 0; i < values.size(); ++i) {
      held_[++last_] = {values[i].size(), KeepTimeOf(change.keep[i])};
      bytes_ += values[i].size();
      changes.Put(Table::kQuarantine, EncodeKey(last_), values[i]);
    }
    for (const uint64_t id : Drop(change.drop)) changes.Delete(Table::kQuarantine, EncodeKey(id));
    const std::vector<uint64_t> leaving = PushOut();
    for (const uint64_t id : leaving) changes.Delete(Table::kQuarantine, EncodeKey(id));
    changes.Put(Table::kMeta, kLastKey, EncodeKey(last_));
    count = held_.size();
    pushed_out = leaving.size();
  }
  RETURN_IF_ERROR(database_->Write(std::move(changes), durability));
  count_.store(count, std::memory_order_relaxed);
  pushed_out_.fetch_add(pushed_out, std::memory_order_relaxed);
  return first;
}

bool Quarantine::Holds(uint64_t id) const {
  absl::MutexLock lock(&mu_);
  return held_.contains(id);
}

absl::StatusOr<std::optional<QuarantinedBody>> Quarantine::Get(uint64_t id) const {
  ASSIGN_OR_RETURN(const std::optional<std::string> value,
                   database_->Get(Table::kQuarantine, EncodeKey(id)));
  if (!value.has_value()) return std::optional<QuarantinedBody>();
  ASSIGN_OR_RETURN(QuarantinedBody body, Parse(id, *value));
  return std::make_optional(std::move(body));
}

std::vector<uint64_t> Quarantine::NewestBelow(uint64_t before, size_t max) const {
  std::vector<uint64_t> ids;
  absl::MutexLock lock(&mu_);
  auto at = before == 0 ? held_.end() : held_.lower_bound(before);
  while (at != held_.begin() && ids.size() < max) ids.push_back((--at)->first);
  return ids;
}

std::vector<uint64_t> Quarantine::KeptUntil(absl::Time time, size_t max) const {
  std::vector<uint64_t> ids;
  absl::MutexLock lock(&mu_);
  for (const auto& [id, held] : held_) {
    if (held.keep_time > time || ids.size() >= max) break;
    ids.push_back(id);
  }
  return ids;
}

}  // namespace incidenthub
