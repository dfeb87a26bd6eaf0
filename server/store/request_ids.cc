#include "server/store/request_ids.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/domain/rank.h"

namespace incidenthub {
namespace {

using internal::v1::RememberedRequest;

// The end of an id in the key, where its sequence follows; no id has this byte.
constexpr absl::string_view kEndOfId("\0", 1);

std::string IdKey(absl::string_view request_id, Sequence sequence) {
  return absl::StrCat(request_id, kEndOfId, EncodeKey(sequence));
}

absl::StatusOr<RememberedRequest> Parse(Sequence sequence, absl::string_view bytes) {
  RememberedRequest request;
  if (request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return request;
  return absl::DataLossError(absl::StrCat("remembered request ", sequence, " does not parse"));
}

}  // namespace

absl::Status RequestIds::Load() {
  const auto iterator = database_->NewIterator(Table::kRequests);
  for (iterator->Seek(""); iterator->Valid(); iterator->Next()) {
    const Sequence sequence = DecodeKey(iterator->key());
    ASSIGN_OR_RETURN(const RememberedRequest request, Parse(sequence, iterator->value()));
    held_.push_back({sequence, TimeOf(request.commit_time())});
  }
  return iterator->status();
}

absl::Status RequestIds::Stage(absl::Span<const AppliedEvent> events, WriteSet* changes) {
  for (const AppliedEvent& event : events) {
    if (!event.request.request_id().empty()) {
      changes->Put(Table::kRequests, EncodeKey(event.sequence), event.request.SerializeAsString());
      changes->Put(Table::kRequestIds, IdKey(event.request.request_id(), event.sequence), "");
      held_.push_back({event.sequence, event.commit_time});
    }
    for (int removed = 0; removed < kRemovedPerEventMax && !held_.empty(); ++removed) {
      const Held oldest = held_.front();
      if (held_.size() <= max_ && !IsForgotten(oldest.commit_time, event.commit_time)) break;
      RETURN_IF_ERROR(StageRemoval(oldest.sequence, events, changes));
      held_.pop_front();
    }
  }
  return absl::OkStatus();
}

absl::Status RequestIds::StageRemoval(Sequence sequence, absl::Span<const AppliedEvent> events,
                                      WriteSet* changes) const {
  std::string request_id;
  const auto staged = std::lower_bound(
      events.begin(), events.end(), sequence,
      [](const AppliedEvent& event, Sequence wanted) { return event.sequence < wanted; });
  if (staged != events.end() && staged->sequence == sequence) {
    request_id = staged->request.request_id();
  } else {
    ASSIGN_OR_RETURN(const std::optional<std::string> value,
                     database_->Get(Table::kRequests, EncodeKey(sequence)));
    ASSIGN_OR_RETURN(RememberedRequest request, Parse(sequence, value.value_or("")));
    request_id = std::move(*request.mutable_request_id());
  }
  changes->Delete(Table::kRequests, EncodeKey(sequence));
  changes->Delete(Table::kRequestIds, IdKey(request_id, sequence));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<RememberedRequest>> RequestIds::Find(absl::string_view request_id,
                                                                  absl::Time now) const {
  const std::string prefix = absl::StrCat(request_id, kEndOfId);
  const auto iterator = database_->NewIterator(Table::kRequestIds);
  Sequence newest = 0;
  // More than one only while those that are too old have not left yet.
  for (iterator->Seek(prefix); iterator->Valid() && absl::StartsWith(iterator->key(), prefix);
       iterator->Next()) {
    newest = DecodeKey(iterator->key().substr(prefix.size()));
  }
  RETURN_IF_ERROR(iterator->status());
  if (newest == 0) return std::optional<RememberedRequest>();
  ASSIGN_OR_RETURN(const std::optional<std::string> value,
                   database_->Get(Table::kRequests, EncodeKey(newest)));
  if (!value.has_value()) return absl::DataLossError("a request that an index names is missing");
  ASSIGN_OR_RETURN(RememberedRequest request, Parse(newest, *value));
  if (IsForgotten(TimeOf(request.commit_time()), now)) return std::optional<RememberedRequest>();
  return std::optional<RememberedRequest>(std::move(request));
}

}  // namespace incidenthub
