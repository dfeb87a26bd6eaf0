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
// Where retention has dropped events that come next, the floor being above `position`, it goes back
// to the conflated phase from where it is: `compacted`. A stream that is to have every event ends
// instead. Where even the tombstone of an incident that the client may hold is forgotten, nothing
// but a reset is left.
//
// With matchers, events that change nothing in the subscriber's set are passed over: `position`,
// and so the token, goes on as if they had been handed out, and a long way without a match is gone
// a bounded reading at a time (kSkipped). Membership in the events phase compares an event with the
// one before of its incident; whether that one was handed out is not known if it is at or below
// `cut`, and then a match is UPDATED and no match LEFT, which a subscriber takes rightly whatever
// it holds.
//
// Latest-only subscriptions conflate for ever, pass after pass: each from `position` to the head
// when it began, now `cut`. While `position` is on the ring a pass is one reading of it, without
// what a newer event of the same reading replaces; else it scans the store. A pass after the first
// may hand out LEFT, without the event.
//
// Invariants: (1) `position` only grows, but for a reset; (2) in the events phase every event at or
//             below `position` has been handed out, in order, each once, or changed nothing in the
//             set; (3) memory held is O(1), however far behind it is; a reading's is bounded by the
//             limits.
// Threads:    one at a time.
// Lifetime:   `source` and `generations` outlive it.

#ifndef INCIDENTHUB_SERVER_FANOUT_SUBSCRIPTION_H_
#define INCIDENTHUB_SERVER_FANOUT_SUBSCRIPTION_H_

#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/domain/generation.h"
#include "server/domain/ids.h"
#include "server/domain/matcher.h"
#include "server/fanout/event_source.h"
#include "server/store/store.h"

namespace incidenthub {

// A message with a backlog ends here.
inline constexpr ReadLimits kBatchLimits{.events = 4096, .bytes = size_t{1} << 20U};

// Events looked at in one reading of the ring for a subscription with matchers, unless it may read
// the store: such readings are made by threads that others wait for.
inline constexpr size_t kLiveEventsMax = 64;

// What a subscriber wants, beside where it begins.
struct SubscribeOptions {
  // Null: every incident.
  std::shared_ptr<const Matchers> matchers{};
  // The newest event of each changed incident instead of every event.
  bool latest_only = false;
  // End with an error rather than leave out events that were dropped. Not with `latest_only`.
  bool require_history = false;
  // Of one reading.
  ReadLimits limits = kBatchLimits;
};

class Subscription {
 public:
  struct Snapshot {};
  struct FromNow {};
  using Start = std::variant<Snapshot, FromNow, internal::v1::ResumeToken>;

  // What to send next. All but kNothing, kNeedsStore and kSkipped is a message, to be sent with
  // Token() as its token.
  struct Outgoing {
    enum class Kind {
      kNothing,
      kNeedsStore,
      kSkipped,
      kOpened,
      kReset,
      kCompacted,
      kBatch,
      kSnapshotEnd
    };
    struct Entry {
      v1::Membership membership = v1::MEMBERSHIP_UNSPECIFIED;
      // Without its bytes, and with the two below, for LEFT where events in between were left out.
      SharedEvent event;
      std::string incident_id{};
      v1::State state = v1::STATE_UNSPECIFIED;
    };
    Kind kind = Kind::kNothing;
    // kBatch: at least one.
    std::vector<Entry> entries;
    // kCompacted: the newest of each incident instead of every event, from `from` to `sequence`.
    Sequence from = 0;
    // kReset: why.
    std::string reason;
    // kSnapshotEnd: as of here. kCompacted: up to here.
    Sequence sequence = 0;
  };

  // REQUIRES: CheckMatchersOf a token in `start` is OK.
  Subscription(const EventSource* source, const Generations* generations, const Start& start,
               SubscribeOptions options = {});

  // The next thing to send: kNothing when caught up; kNeedsStore, without `may_read_store`, when
  // the answer may wait for a disk; kSkipped when a reading matched nothing, and there is more:
  // call again, after others had their turn. OUT_OF_RANGE / HISTORY_COMPACTED: the history that is
  // required is gone. Other errors: of EventSource. The stream cannot go on after either.
  absl::StatusOr<Outgoing> Next(bool may_read_store);

  // Its token is ahead of what this hub has applied yet, of the log that it follows: until it has,
  // there is nothing to send. False for good once it was.
  bool awaiting() const { return awaited_ > source_->applied(); }

  // Resumes after everything that Next handed out.
  std::string Token() const;

  // For head_sequence: never behind what was handed out.
  Sequence Head() const;

  const Matchers& matchers() const { return *matchers_; }

 private:
  // As in the token. A latest-only subscription is conflated in all of them; kEvents: its
  // `snapshot_end` was sent.
  enum class Phase { kConflated, kSettling, kEvents };

  internal::v1::ResumeToken MakeToken() const;
  void BeginSnapshot();
  // A reset, for this reason; `token` stays the client's until it is sent.
  void BeginReset(std::string reason, internal::v1::ResumeToken token);
  // Goes on with the newest of each incident from `position`.
  absl::StatusOr<Outgoing> Compact();
  // Whether the client may hold an incident whose tombstone is forgotten.
  bool LostTombstone() const;
  absl::StatusOr<Outgoing> ResetLost();
  void Resume(const internal::v1::ResumeToken& token);
  bool SnapshotEndDue() const;
  Outgoing TakeSnapshotEnd();
  // Events of the ring after `position`; false: it no longer reaches back so far.
  bool ReadRecent(bool may_read_store, std::vector<SharedEvent>* events) const;
  // A reading of the scan that is under way.
  absl::StatusOr<Outgoing> ScanLatest();
  // The first reading of a latest-only subscription's next pass.
  absl::StatusOr<Outgoing> BeginPass(bool may_read_store);
  void EndPass();
  absl::StatusOr<Outgoing> NextEvents(bool may_read_store);
  // What these events are to this subscriber, up to the first that needs the store.
  absl::StatusOr<Outgoing> EveryEvent(std::vector<SharedEvent> events, bool may_read_store);
  // A batch of what the newest events of incidents are to this subscriber; kNothing if nothing.
  absl::StatusOr<Outgoing> Conflated(std::vector<SharedEvent> events) const;

  const EventSource* const source_;
  const Generations* const generations_;
  const std::shared_ptr<const Matchers> matchers_;
  const bool latest_only_;
  const bool require_history_;
  const ReadLimits limits_;

  bool opened_sent_ = false;
  // Why a reset is due; empty: none is. Until it is sent the client's own token stays valid.
  std::string reset_reason_;
  internal::v1::ResumeToken refused_token_;
  // See awaiting().
  Sequence awaited_ = 0;

  Phase phase_ = Phase::kConflated;
  Sequence position_ = 0;
  Sequence since_ = 0;
  Sequence cut_ = 0;
  Sequence settle_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_SUBSCRIPTION_H_
