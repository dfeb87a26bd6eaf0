// An event of the log as its fold, the store, sees it.

#ifndef INCIDENTHUB_SERVER_STORE_APPLIED_EVENT_H_
#define INCIDENTHUB_SERVER_STORE_APPLIED_EVENT_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/ids.h"

namespace incidenthub {

// What there is to do upstream, or could not be done. The values are part of keys on disk.
enum class UpstreamKind : char {
  kNothing = 0,
  // Resolves, by their state.
  kPending = 'p',
  kAccepted = 'a',
  kUnconfirmed = 'u',
  kFailed = 'f',
  // The outbound callback at an incident's first arrival; a comment about an acknowledgement.
  kCallback = 'c',
  kComment = 'm',
};

// Where the index has an incident's resolve.
struct UpstreamPlace {
  UpstreamKind kind = UpstreamKind::kNothing;
  Sequence request_sequence = 0;

  bool operator==(const UpstreamPlace&) const = default;
};

UpstreamPlace PlaceOf(v1::Upstream::State state, Sequence request_sequence);

struct AppliedEvent {
  Sequence sequence = 0;
  Sequence previous_sequence = 0;
  std::string incident_id;
  // It is a PURGED; the one before it is.
  bool tombstone = false;
  bool after_tombstone = false;
  // Of its record in the log.
  size_t record_bytes = 0;
  // An encoded internal.v1.Bookkeeping.
  std::string bookkeeping;
  // When the incident's acknowledgement was to expire before the event, and is to after it;
  // InfiniteFuture: never.
  absl::Time previous_expiry = absl::InfiniteFuture();
  absl::Time expiry = absl::InfiniteFuture();
  absl::Time commit_time;
  std::string source;
  // The incident's resolve before the event, and after it.
  UpstreamPlace previous_upstream;
  UpstreamPlace upstream;
  bool callback_due = false;
  bool comment_due = false;
  // What asked for the event, with `commit_time`; without an id: nothing that is remembered.
  internal::v1::RememberedRequest request;
};

// Of `event`, and what else stands in its `record`, which has this many bytes encoded.
AppliedEvent ToAppliedEvent(const v1::Event& event, internal::v1::LogRecord record,
                            size_t record_bytes);

// Of a record of the log. DATA_LOSS if it does not parse.
absl::StatusOr<AppliedEvent> ParseRecord(Sequence sequence, absl::string_view record);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_APPLIED_EVENT_H_
