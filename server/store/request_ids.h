// The requests that made an event, by their id, for as long as they are remembered. Part of the
// fold: what leaves does so by the commit times of the events that come, never by a clock.
//
// Threads: the store's one writer.
// Errors:  of Database.

#ifndef INCIDENTHUB_SERVER_STORE_REQUEST_IDS_H_
#define INCIDENTHUB_SERVER_STORE_REQUEST_IDS_H_

#include <cstddef>
#include <deque>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/db/database.h"
#include "server/domain/ids.h"
#include "server/domain/request_id.h"
#include "server/store/applied_event.h"

namespace incidenthub {

class RequestIds {
 public:
  // Each event removes at most so many of the oldest, so that none takes long.
  static constexpr int kRemovedPerEventMax = 2;

  // `database` outlives it. To be loaded before it is used. More than `max` are never kept.
  explicit RequestIds(Database* database, size_t max = kRequestIdsMax)
      : database_(database), max_(max) {}
  absl::Status Load();

  // Adds to `changes` what `events`, all of one write, do to the index.
  absl::Status Stage(absl::Span<const AppliedEvent> events, WriteSet* changes);

  // The newest request with this id; empty if there is none, or it is too old at `now` to count.
  absl::StatusOr<std::optional<internal::v1::RememberedRequest>> Find(absl::string_view request_id,
                                                                      absl::Time now) const;

  size_t size() const { return held_.size(); }

 private:
  struct Held {
    Sequence sequence;
    absl::Time commit_time;
  };
  absl::Status StageRemoval(Sequence sequence, absl::Span<const AppliedEvent> events,
                            WriteSet* changes) const;

  Database* const database_;
  const size_t max_;
  // What the tables hold, in their order: the oldest first.
  std::deque<Held> held_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_REQUEST_IDS_H_
