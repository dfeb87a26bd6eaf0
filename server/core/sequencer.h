// The sequencer: the one writer. Takes whatever commands wait, decides each on the store plus the
// batch so far, appends all that happened with one sync, applies, answers, publishes.
//
// A batch:  1. collect groups, up to batch_commands_max and batch_bytes_max
//           2. take back acknowledgements that have expired, up to batch_expiries_max; decide every
//              command in order; nothing is shared with others yet
//           3. forget tombstones; keep what maps to no incident in quarantine; append the events;
//              drop from the quarantine what they were read from:            DURABLE from here
//           4. apply them to the store:                                      VISIBLE from here
//           5. call every group's `done`:                                    PROMISED from here
//           6. publish the events to the fan-out
// A crash before 3 loses nothing that was promised; between 3 and 5 the command is sent again and
// found by its digest, or by the state that it already made; between 3 and 4 the store is brought
// up to the log at the next start.
//
// When nothing waits, the next acknowledgement to expire wakes it: what fell due while the hub was
// down is taken back as soon as it is up. Nothing expires while it drains or lacks disk.
//
// After a failed append or apply it is unknown what the disk holds: the sequencer refuses
// everything from then on and says so through `on_failed`; the process has to start anew.
//
// Threads: public methods and the counters, any; the rest happens on the sequencer's own thread.

#ifndef INCIDENTHUB_SERVER_CORE_SEQUENCER_H_
#define INCIDENTHUB_SERVER_CORE_SEQUENCER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "common/histogram.h"
#include "common/source_counts.h"
#include "incidenthub/v1/incident.pb.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "server/core/disk_space.h"
#include "server/core/recent_incidents.h"
#include "server/domain/ids.h"
#include "server/domain/lifecycle.h"
#include "server/log/event_log.h"
#include "server/store/store.h"

namespace incidenthub {

// Drop a resolved incident, if its newest event is still the one at `sequence`.
struct PurgeCommand {
  std::string incident_id;
  Sequence sequence = 0;
};
// Forget what a purged incident left behind, unless it came anew.
struct ForgetCommand {
  Tombstone tombstone;
};
// What came of telling the incident's source about a resolve.
struct UpstreamCommand {
  std::string incident_id;
  UpstreamOutcome outcome;
};
// Drop a quarantined body, if it is still held.
struct DropQuarantinedCommand {
  uint64_t id = 0;
};
// A quarantined body was read again: it leaves, and `rest` is kept in its place; NOT_FOUND /
// QUARANTINED_NOT_FOUND if it is not held any more. If one of the deliveries that were read from it
// is refused, this is refused with the same error, and the body stays.
struct FinishReplayCommand {
  uint64_t id = 0;
  // The commands right before this one in its group.
  size_t deliveries = 0;
  // Has `unmapped`; empty: everything was read.
  std::optional<v1::Delivery> rest;
};
using Command =
    std::variant<v1::Delivery, v1::AckRequest, v1::UnackRequest, v1::ResolveRequest, PurgeCommand,
                 ForgetCommand, UpstreamCommand, DropQuarantinedCommand, FinishReplayCommand>;

// What the source of this name is to be told. Called on the sequencer's thread: must not block.
using UpstreamTargetsOf = std::function<UpstreamTargets(absl::string_view source)>;

// It is part of the incident's history.
struct Committed {
  std::string incident_id;
  Sequence sequence = 0;
  // Whether this command made the event at `sequence`; false: an earlier one did. Also true for a
  // request that was sent again with the id of one that made an event.
  bool changed = false;
  // Of a delivery: its event is LATE.
  bool late = false;
  // After the batch so far. Only for Ack, Unack and Resolve.
  std::optional<v1::Incident> incident{};
};
// It maps to no incident and is kept under this number.
struct InQuarantine {
  uint64_t id = 0;
};
// Of a delivery: Committed, InQuarantine or Ignored. Of FinishReplayCommand: InQuarantine for the
// rest, or Committed without a sequence. Of all others: Committed.
using Outcome = absl::StatusOr<std::variant<Committed, InQuarantine, Ignored>>;

// Commands that are decided in one batch, in their order.
struct CommandGroup {
  std::vector<Command> commands;
  // About what they occupy.
  size_t bytes = 0;
  // Whose they are; empty: the hub asks for no credentials, or asks itself.
  std::string principal;
  // Of the call that asks for an Ack, Unack or Resolve in it: Event.traceparent of what becomes of
  // that. Of its form, or empty; a delivery brings its own.
  std::string traceparent{};
  // Called once, with an outcome a command, on the sequencer's thread: must not block.
  absl::AnyInvocable<void(std::vector<Outcome>)> done;
};

struct SequencerOptions {
  // Commands and bytes that may wait. A group larger than either is taken when nothing waits.
  size_t queue_commands_max = 16'384;
  size_t queue_bytes_max = size_t{64} << 20U;
  // Commands and bytes decided together; a group is never split.
  size_t batch_commands_max = 1024;
  size_t batch_bytes_max = size_t{8} << 20U;
  // Expired acknowledgements taken back together, within batch_bytes_max.
  size_t batch_expiries_max = 64;
  // How often the clock is looked at while an acknowledgement waits to expire: it may jump.
  absl::Duration clock_interval = absl::Seconds(1);
  // When callers should come back after a refusal, and expiries that could not be written are tried
  // again.
  absl::Duration retry_delay = absl::Seconds(1);
  // Of events whose incidents can be decided on without reading the store; as much as the ring
  // holds, whose events they are.
  size_t recent_bytes_max = size_t{32} << 20U;
  // Null: no source is told anything.
  UpstreamTargetsOf upstream_targets{};
};

// What became of a delivery.
enum class DeliveryOutcome { kAccepted, kDuplicate, kLate, kIgnored, kQuarantined, kRejected };
inline constexpr size_t kDeliveryOutcomeCount = 6;
inline constexpr double kBatchBounds[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

// Counted from the start of the process.
struct SequencerCounters {
  std::atomic<uint64_t> batches{0};
  std::atomic<uint64_t> events{0};
  std::atomic<uint64_t> duplicates{0};
  std::atomic<uint64_t> quarantined{0};
  // Deliveries that begin no incident, about one that is not held.
  std::atomic<uint64_t> ignored{0};
  // Quarantined bodies that were read again, and left.
  std::atomic<uint64_t> replayed{0};
  std::atomic<uint64_t> rejected{0};
  // Acknowledgements taken back because their time had passed.
  std::atomic<uint64_t> expired{0};
  // Time spent in appends, with their syncs.
  std::atomic<uint64_t> append_nanos{0};
  // By source and DeliveryOutcome; those that Submit refused too.
  SourceCounts deliveries{kDeliveryOutcomeCount};
  // Each append, with its sync.
  Histogram append_duration{kLatencyBounds};
  // Of each group, from Submit to its answer.
  Histogram commit_duration{kLatencyBounds};
  // Commands that were decided together.
  Histogram batch_commands{kBatchBounds};
  // Of each delivery that became an event: how old it was when the gateway received it, by its
  // source's newest time if there is one, and how long after that it was synced.
  Histogram received_age{kAgeBounds};
  Histogram committed_age{kAgeBounds};
};

class Sequencer {
 public:
  using Publish = std::function<void(absl::Span<const SharedEvent>)>;
  using OnFailed = std::function<void(const absl::Status&)>;

  // All of these outlive the sequencer. Without enough of `disk` commands are refused with
  // UNAVAILABLE / DISK_FULL. REQUIRES: `store` is brought up to `log`.
  Sequencer(EventLog* log, Store* store, const Clock* clock, DiskSpace* disk, Publish publish,
            OnFailed on_failed, const SequencerOptions& options);
  // Drains.
  ~Sequencer();

  // Queues `group`; its `done` is called once if the result is OK, and never if it isn't.
  // RESOURCE_EXHAUSTED / QUEUE_FULL, UNAVAILABLE / SHUTTING_DOWN, or what made the log fail.
  absl::Status Submit(CommandGroup group) ABSL_LOCKS_EXCLUDED(mu_);

  // Takes nothing more, and returns when everything taken is answered.
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);

  // Whether something else of the hub may write now: OK, or what a command would be refused with,
  // UNAVAILABLE / DISK_FULL or SHUTTING_DOWN, or what made a write fail.
  absl::Status CheckWritable() ABSL_LOCKS_EXCLUDED(mu_);

  // A write of something else failed, with `status`: refuses everything from now on, as after a
  // failed append.
  void FailStop(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mu_);

  const SequencerCounters& counters() const { return counters_; }
  size_t queued_commands() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Batch;
  struct Queued {
    CommandGroup group;
    absl::Time submitted;
  };
  struct Work {
    std::vector<Queued> groups;
    // Whether an acknowledgement has expired.
    bool expire = false;
  };

  // Of Submit; takes `*group` if OK.
  absl::Status Enqueue(CommandGroup* group) ABSL_LOCKS_EXCLUDED(mu_);
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  Work Collect() ABSL_LOCKS_EXCLUDED(mu_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Duration TimeToExpiry() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Process(Work work);
  // Of each command, in order: the source of a delivery; empty for others.
  using Sources = std::vector<std::optional<std::string>>;
  static Sources SourcesOf(const Work& work);
  // Decides every command, and writes what that makes.
  absl::Status DecideAll(Work* work, Batch* batch);
  // Calls every group's `done`; with `status`, unless it is OK.
  void AnswerAll(Work* work, const Sources& sources, const absl::Status& status, Batch* batch);
  // Writes the batch; on an error fails the sequencer.
  absl::Status Commit(Batch* batch);
  absl::Status Write(Batch* batch);
  absl::Status WriteQuarantine(Batch* batch, Database::Durability durability);
  absl::Status WriteEvents(Batch* batch);
  // Not OK: nothing is taken.
  absl::Status CheckOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status failure() const ABSL_LOCKS_EXCLUDED(mu_);

  EventLog* const log_;
  Store* const store_;
  const Clock* const clock_;
  DiskSpace* const disk_;
  const Publish publish_;
  const OnFailed on_failed_;
  const SequencerOptions options_;
  SequencerCounters counters_;
  // The sequencer's thread's.
  RecentIncidents recent_;
  // The sequencer's thread's: no expiry is tried before.
  absl::Time expiry_retry_ = absl::InfinitePast();

  mutable absl::Mutex mu_;
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mu_);
  size_t queued_commands_ ABSL_GUARDED_BY(mu_) = 0;
  size_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  // Not OK: the log failed, and nothing is taken any more.
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_CORE_SEQUENCER_H_
