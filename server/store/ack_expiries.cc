#include "server/store/ack_expiries.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"

namespace incidenthub {
namespace {

// Nanoseconds since 1970, as a number that sorts.
std::string TimeKey(absl::Time time) {
  return EncodeKey(static_cast<uint64_t>(std::max<int64_t>(0, absl::ToUnixNanos(time))));
}

std::string KeyOf(absl::Time time, absl::string_view incident_id) {
  return absl::StrCat(TimeKey(time), incident_id);
}

AckExpiry ParseKey(absl::string_view key) {
  return {absl::FromUnixNanos(static_cast<int64_t>(DecodeKey(key.substr(0, sizeof(uint64_t))))),
          std::string(key.substr(sizeof(uint64_t)))};
}

}  // namespace

absl::Status AckExpiries::Load() {
  next_ = absl::InfinitePast();
  first_left_ = true;
  return Written();
}

void AckExpiries::Stage(const AppliedEvent& event, WriteSet* changes) {
  if (event.expiry == event.previous_expiry) return;
  if (event.previous_expiry != absl::InfiniteFuture()) {
    changes->Delete(Table::kAckExpiries, KeyOf(event.previous_expiry, event.incident_id));
    if (event.previous_expiry <= next_) first_left_ = true;
  }
  if (event.expiry != absl::InfiniteFuture()) {
    changes->Put(Table::kAckExpiries, KeyOf(event.expiry, event.incident_id), "");
    next_ = std::min(next_, event.expiry);
  }
}

absl::Status AckExpiries::Written() {
  if (!first_left_) return absl::OkStatus();
  const auto iterator = database_->NewIterator(Table::kAckExpiries);
  // Nothing is before it: what has left there is not gone through again.
  iterator->Seek(TimeKey(next_));
  next_ = iterator->Valid() ? ParseKey(iterator->key()).time : absl::InfiniteFuture();
  first_left_ = false;
  return iterator->status();
}

absl::StatusOr<std::vector<AckExpiry>> AckExpiries::Due(absl::Time now, size_t max) const {
  std::vector<AckExpiry> due;
  if (next_ > now) return due;
  const auto iterator = database_->NewIterator(Table::kAckExpiries);
  for (iterator->Seek(TimeKey(next_)); iterator->Valid() && due.size() < max; iterator->Next()) {
    AckExpiry expiry = ParseKey(iterator->key());
    if (expiry.time > now) break;
    due.push_back(std::move(expiry));
  }
  RETURN_IF_ERROR(iterator->status());
  return due;
}

}  // namespace incidenthub
