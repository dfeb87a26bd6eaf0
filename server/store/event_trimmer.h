// Takes off the log what retention no longer keeps: events that newer ones of their incident
// replace, and the tombstones that purged incidents leave. The newest event of an incident stays.
//
// A cursor goes through the events in their order. Where it passes one, the event before it of the
// same incident goes; the floor is the last such place. So of every event above the floor the one
// before it is there too, and what has not changed since the floor is there with its newest event.
//
// The floor is raised in memory before anything goes: who reads events, and then finds the floor at
// or below where the reading began, has seen every one.
//
// Part of the fold it is not: what is gone, is gone for every later reader of the log as well.
//
// Threads: floor, forgotten and event_bytes by any; Stage by the store's writer; Trim and
//          StageForgotten by retention, or by the writer while retention waits for it.
// Errors:  of Database; UNAVAILABLE / LOG_OUTCOME_UNKNOWN from Trim for a write that failed.

#ifndef INCIDENTHUB_SERVER_STORE_EVENT_TRIMMER_H_
#define INCIDENTHUB_SERVER_STORE_EVENT_TRIMMER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/db/database.h"
#include "server/domain/ids.h"
#include "server/store/applied_event.h"

namespace incidenthub {

// What may go, and how much of it in one step.
struct TrimPolicy {
  // Events are passed that were committed at or before this, or while more than `bytes_max` are
  // held, oldest first.
  absl::Time older_than = absl::InfinitePast();
  uint64_t bytes_max = 0;
  // Events to look at, and their bytes.
  size_t step_events = 256;
  size_t step_bytes = size_t{1} << 20U;
};

struct TrimStep {
  size_t dropped = 0;
  // The step was full: there may be more to do.
  bool more = false;
  // When the next event becomes too old, by `older_than`; InfiniteFuture: there is none.
  absl::Time next_commit_time = absl::InfiniteFuture();
};

class EventTrimmer {
 public:
  // `database` outlives it. To be loaded before it is used.
  explicit EventTrimmer(Database* database) : database_(database) {}
  // `applied`: as far as the store has come.
  absl::Status Load(Sequence applied);

  // Every event above it is held; 0: every event is.
  Sequence floor() const { return floor_.load(std::memory_order_acquire); }
  // The highest sequence of a tombstone that went; 0: none did.
  Sequence forgotten() const { return forgotten_.load(std::memory_order_acquire); }
  // How far the cursor has come.
  Sequence cursor() const { return cursor_.load(std::memory_order_acquire); }
  // Bytes of the records held, as they are before compression.
  uint64_t event_bytes() const;

  // Adds to `changes` that these events are held.
  void Stage(absl::Span<const AppliedEvent> events, WriteSet* changes);
  // REQUIRES: what was staged is written.
  void Written() { bytes_added_.store(bytes_staged_, std::memory_order_release); }

  // Drops what `policy` no longer keeps of the events up to `applied`, a step of it.
  absl::StatusOr<TrimStep> Trim(Sequence applied, const TrimPolicy& policy);

  // Adds to `changes` that the event at `tombstone` goes. REQUIRES: tombstone <= cursor().
  absl::Status StageForgotten(Sequence tombstone, WriteSet* changes);

 private:
  // Adds to `changes` that the event at `sequence` goes, if it is there.
  absl::StatusOr<bool> StageDrop(Sequence sequence, WriteSet* changes);
  void StageState(WriteSet* changes) const;

  Database* const database_;
  std::atomic<Sequence> floor_{0};
  std::atomic<Sequence> forgotten_{0};
  std::atomic<Sequence> cursor_{0};
  // Of all records that ever came and went. The writer's, and retention's.
  std::atomic<uint64_t> bytes_added_{0};
  std::atomic<uint64_t> bytes_dropped_{0};
  // The writer's.
  uint64_t bytes_staged_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_EVENT_TRIMMER_H_
