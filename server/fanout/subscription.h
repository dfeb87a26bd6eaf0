// One subscriber's place in the event order: a cursor over ring and store, never a queue of its
// own.
//
// Two phases:
//   Conflated: hands out the newest event of each incident, in sequence order, from `position` to
//              `cut` (the head when the phase began). An incident that changes meanwhile moves
//              beyond `cut`, where the next phase finds it: whatever the cursor has passed is
//              exact, and nothing needs to be pinned.
//   Events:    every event above `cut`. What moved during the scan arrives up to `settle` (the head
//              when the scan ended), so the snapshot is complete, and `snapshot_end` due, once the
//              cursor is there.
//
// Invariants: (1) `position` only grows, but for a reset; (2) in the events phase every event at or
//             below `position` has been handed out, in order, each once; (3) memory held is O(1),
//             however far behind it is.
// Threads:    one at a time.
// Lifetime:   `source` and `generations` outlive it.

#ifndef INCIDENTHUB_SERVER_FANOUT_SUBSCRIPTION_H_
#define INCIDENTHUB_SERVER_FANOUT_SUBSCRIPTION_H_

#include <cstddef>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/domain/generation.h"
#include "server/domain/ids.h"
#include "server/fanout/event_source.h"
#include "server/store/store.h"

namespace incidenthub {

// A message with a backlog ends here.
inline constexpr ReadLimits kBatchLimits{.events = 4096, .bytes = size_t{1} << 20U};

class Subscription {
 public:
  struct Snapshot {};
  struct FromNow {};
  using Start = std::variant<Snapshot, FromNow, internal::v1::ResumeToken>;

  // What to send next. All but kNothing and kNeedsStore is a message, to be sent with Token() as
  // its token.
  struct Outgoing {
    enum class Kind { kNothing, kNeedsStore, kOpened, kReset, kBatch, kSnapshotEnd };
    struct Entry {
      v1::Membership membership = v1::MEMBERSHIP_UNSPECIFIED;
      SharedEvent event;
    };
    Kind kind = Kind::kNothing;
    // kBatch: at least one.
    std::vector<Entry> entries;
    // kReset: why.
    std::string reason;
    // kSnapshotEnd: as of here.
    Sequence sequence = 0;
  };

  Subscription(const EventSource* source, const Generations* generations, const Start& start,
               ReadLimits limits = kBatchLimits);

  // The next thing to send: kNothing when caught up; kNeedsStore, without `may_read_store`, when
  // the answer may wait for a disk. Errors: of EventSource; the stream cannot go on.
  absl::StatusOr<Outgoing> Next(bool may_read_store);

  // Resumes after everything that Next handed out.
  std::string Token() const;

  // For head_sequence: never behind what was handed out.
  Sequence Head() const;

 private:
  enum class Phase { kConflated, kSettling, kEvents };

  void BeginSnapshot();
  void Resume(const internal::v1::ResumeToken& token);
  absl::StatusOr<Outgoing> NextConflated();
  absl::StatusOr<Outgoing> NextEvents(bool may_read_store);

  const EventSource* const source_;
  const Generations* const generations_;
  const ReadLimits limits_;

  bool opened_sent_ = false;
  // Why a reset is due; empty: none is. Until it is sent the client's own token stays valid.
  std::string reset_reason_;
  internal::v1::ResumeToken refused_token_;

  Phase phase_ = Phase::kConflated;
  Sequence position_ = 0;
  Sequence since_ = 0;
  Sequence cut_ = 0;
  Sequence settle_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_SUBSCRIPTION_H_
