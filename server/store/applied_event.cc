#include "server/store/applied_event.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/domain/lifecycle.h"
#include "server/domain/rank.h"

namespace incidenthub {

UpstreamPlace PlaceOf(v1::Upstream::State state, Sequence request_sequence) {
  switch (state) {
    case v1::Upstream::STATE_PENDING:
      return {UpstreamKind::kPending, request_sequence};
    case v1::Upstream::STATE_ACCEPTED:
      return {UpstreamKind::kAccepted, request_sequence};
    case v1::Upstream::STATE_UNCONFIRMED:
      return {UpstreamKind::kUnconfirmed, request_sequence};
    case v1::Upstream::STATE_FAILED:
      return {UpstreamKind::kFailed, request_sequence};
    default:
      return {};
  }
}

AppliedEvent ToAppliedEvent(const v1::Event& event, internal::v1::LogRecord record,
                            size_t record_bytes) {
  AppliedEvent applied;
  applied.sequence = event.sequence();
  applied.previous_sequence = event.previous_sequence();
  applied.incident_id = event.incident().id();
  applied.tombstone = record.tombstone();
  applied.after_tombstone = record.after_tombstone();
  applied.record_bytes = record_bytes;
  applied.bookkeeping = std::move(*record.mutable_bookkeeping());
  if (record.has_previous_expire_time()) {
    applied.previous_expiry = TimeOf(record.previous_expire_time());
  }
  applied.expiry = ExpiryOf(event.incident());
  applied.commit_time = TimeOf(event.commit_time());
  applied.source = event.incident().source();
  const internal::v1::UpstreamPlace& place = record.previous_upstream();
  applied.previous_upstream =
      PlaceOf(static_cast<v1::Upstream::State>(place.state()), place.request_sequence());
  applied.upstream =
      PlaceOf(event.incident().upstream().state(), event.incident().upstream().request_sequence());
  applied.callback_due = record.callback_due();
  applied.comment_due = record.comment_due();
  if (record.has_request()) {
    applied.request = std::move(*record.mutable_request());
    *applied.request.mutable_commit_time() = event.commit_time();
  }
  return applied;
}

absl::StatusOr<AppliedEvent> ParseRecord(Sequence sequence, absl::string_view record) {
  internal::v1::LogRecord parsed;
  v1::Event event;
  if (!parsed.ParseFromArray(record.data(), static_cast<int>(record.size())) ||
      !event.ParseFromString(parsed.event())) {
    return absl::DataLossError(absl::StrCat("log record ", sequence, " does not parse"));
  }
  AppliedEvent applied = ToAppliedEvent(event, std::move(parsed), record.size());
  applied.sequence = sequence;
  return applied;
}

}  // namespace incidenthub
