// Retention: what the hub no longer keeps, and drops a little at a time, behind everybody's back.
//
//   events      that newer ones of their incident replace: older than retain_events, or the oldest
//               while there are more than retain_bytes of them (server/store/event_trimmer.h);
//   incidents   that are resolved, and to which nothing happened for retain_resolved: each becomes
//               a PURGED event, its tombstone, and what it was goes with the events;
//   tombstones  older than retain_tombstones, once the events before them were dropped;
//   bodies      in quarantine for longer than retain_quarantined.
//
// A step reads a bounded piece of the store on retention's own thread. What is to be decided, the
// sequencer decides, with the commands that it has anyway: nobody waits for a step longer than for
// a batch. Where it had come is not stored, but for the events: a new process looks again.
//
// Age is by commit times, in the order of sequences: an event that the clock put into the future
// holds back those that follow it. So it is with bodies, by the times at which they were kept.
//
// Threads:  Step, or Start, which calls it on a thread of its own; the counters from any.
// Lifetime: ends, if started, when destroyed; the sequencer outlives it.

#ifndef INCIDENTHUB_SERVER_CORE_RETENTION_H_
#define INCIDENTHUB_SERVER_CORE_RETENTION_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "server/core/sequencer.h"
#include "server/domain/ids.h"
#include "server/store/store.h"

namespace incidenthub {

struct RetentionOptions {
  // InfiniteDuration: for ever.
  absl::Duration retain_events = absl::Hours(24 * 7);
  absl::Duration retain_resolved = absl::Hours(24 * 30);
  absl::Duration retain_tombstones = absl::Hours(24 * 180);
  absl::Duration retain_quarantined = absl::Hours(24 * 30);
  // Of events, as they are before compression.
  uint64_t retain_bytes = uint64_t{8} << 30U;
  // Of one step: incidents purged, or tombstones forgotten, or bodies dropped; and entries looked
  // at for either of the first two.
  size_t step_commands = 64;
  size_t step_entries = 1024;
  // Between steps: when there was nothing more to do, and when there was.
  absl::Duration interval = absl::Seconds(1);
  absl::Duration pause = absl::Milliseconds(5);
  // After a step that failed to read.
  absl::Duration retry_delay = absl::Seconds(10);
};

// Counted from the start of the process.
struct RetentionCounters {
  std::atomic<uint64_t> events_dropped{0};
  std::atomic<uint64_t> incidents_purged{0};
  std::atomic<uint64_t> tombstones_forgotten{0};
  std::atomic<uint64_t> bodies_dropped{0};
};

class Retention {
 public:
  using OnFailed = std::function<void(const absl::Status&)>;

  // All of these outlive it.
  Retention(Sequencer* sequencer, Store* store, const Clock* clock,
            const RetentionOptions& options);
  ~Retention();

  // Does one step of each kind. Whether there is more to do now. A step that the sequencer refuses
  // is made again the next time. Errors: of Database; LOG_OUTCOME_UNKNOWN after a write that
  // failed: the hub has to be started anew.
  absl::StatusOr<bool> Step();

  // Makes steps until it is destroyed, or a write fails: then calls `on_failed`, on its thread.
  void Start(OnFailed on_failed);

  const RetentionCounters& counters() const { return counters_; }

 private:
  absl::StatusOr<bool> TrimEvents(absl::Time now);
  absl::StatusOr<bool> PurgeIncidents(absl::Time now);
  absl::StatusOr<bool> ForgetTombstones(absl::Time now);
  absl::StatusOr<bool> DropQuarantined(absl::Time now);
  // Has `commands` decided, and returns how many of them changed something; UNAVAILABLE or
  // RESOURCE_EXHAUSTED: not now.
  absl::StatusOr<size_t> Decide(std::vector<Command> commands);
  void Run(const OnFailed& on_failed) ABSL_LOCKS_EXCLUDED(mu_);

  Sequencer* const sequencer_;
  Store* const store_;
  const Clock* const clock_;
  const RetentionOptions options_;
  RetentionCounters counters_;

  // The newest events of incidents are purged or kept up to here; the one that follows is too young
  // until then.
  Sequence purge_cursor_ = 0;
  absl::Time purge_due_ = absl::InfinitePast();
  // The same for tombstones.
  Sequence forget_cursor_ = 0;
  absl::Time forget_due_ = absl::InfinitePast();

  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_CORE_RETENTION_H_
