// One batch of the sequencer: its decisions, on the store plus the batch so far, and what has to be
// written for them.
//
// Threads: the sequencer's.

#ifndef INCIDENTHUB_SERVER_CORE_BATCH_H_
#define INCIDENTHUB_SERVER_CORE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/core/recent_incidents.h"
#include "server/core/sequencer.h"
#include "server/domain/ids.h"
#include "server/domain/incident_fields.h"
#include "server/domain/lifecycle.h"
#include "server/log/event_log.h"
#include "server/store/store.h"

namespace incidenthub {

class Sequencer::Batch {
 public:
  // Of a delivery that became an event.
  struct DeliveryTimes {
    // When the gateway received it.
    absl::Time receive;
    // The source's newest time; InfiniteFuture(): it gave none.
    absl::Time source = absl::InfiniteFuture();
  };

  // Events get the sequences after `head`. All outlive the batch; `recent` does not change before
  // the last decision.
  Batch(const Store* store, const RecentIncidents* recent, const UpstreamTargetsOf* upstream,
        absl::Time now, Sequence head)
      : store_(store), recent_(recent), upstream_(upstream), now_(now), head_(head) {}

  // Takes back the acknowledgements that have expired, the first first: at most `count_max`, and
  // none more once their events have `bytes_max`. Returns how many that were. What cannot be read
  // is logged and left.
  size_t Expire(size_t count_max, size_t bytes_max);

  // Decides `command`, which is of `group`; its outcome is the next one. `group` outlives the call.
  void Decide(Command command, const CommandGroup& group);

  // What to write. The three lists of events go in parallel.
  const std::vector<LogEntry>& entries() const { return entries_; }
  const std::vector<AppliedEvent>& applied() const { return applied_; }
  const std::vector<SharedEvent>& events() const { return events_; }
  const QuarantineChange& quarantine() const { return quarantine_; }
  const std::vector<Tombstone>& forgotten() const { return forgotten_; }
  size_t duplicates() const { return duplicates_; }
  size_t ignored() const { return ignored_; }
  size_t replayed() const { return replayed_; }
  // Of the deliveries among events().
  const std::vector<DeliveryTimes>& delivery_times() const { return delivery_times_; }

  // What there was to write is synced, at `time`.
  void SetCommitted(absl::Time time) {
    for (SharedEvent& event : events_) event.committed = time;
  }

  // The number that the first of quarantine().keep got.
  void SetFirstQuarantineId(uint64_t id) { first_quarantine_id_ = id; }

  // Outcome of the command at `index`. Each once, and only after what there was to write is
  // written.
  Outcome TakeOutcome(size_t index);

 private:
  // An incident as of the batch so far.
  struct Held {
    // Null: looked up, and unknown. What no decision looks at may still be encoded in it: see
    // server/domain/ingest_request.h.
    std::unique_ptr<IncidentState> state;
    // Only what the first delivery about it in this batch needs was decoded, and nothing has
    // changed since.
    bool in_part = false;
  };

  // The incident as of the batch so far; null if unknown.
  absl::StatusOr<IncidentState*> Find(const std::string& id);
  // The same, with no more of it than deciding on `delivery` needs.
  absl::StatusOr<IncidentState*> FindFor(const v1::Delivery& delivery);
  absl::StatusOr<IncidentState*> Load(const std::string& id, const IncidentFields& fields);
  Outcome DecideOne(v1::Delivery delivery);
  Outcome DecideOne(const v1::AckRequest& request);
  Outcome DecideOne(const v1::UnackRequest& request);
  Outcome DecideOne(const v1::ResolveRequest& request);
  Outcome DecideOne(const PurgeCommand& command);
  Outcome DecideOne(const ForgetCommand& command);
  Outcome DecideOne(const UpstreamCommand& command);
  Outcome DecideOne(const DropQuarantinedCommand& command);
  Outcome DecideOne(FinishReplayCommand command);
  template <typename Request, typename DecideFunction>
  Outcome DecideAction(const Request& request, DecideFunction decide);
  // `source`: of the incident, if it is to be told something.
  DecisionContext Context(const std::string& incident_id, absl::string_view source = "") const;
  // The request with this id, of the batch so far or before; empty if none is remembered.
  absl::StatusOr<std::optional<internal::v1::RememberedRequest>> FindRequest(
      const std::string& request_id) const;
  // As of the batch so far. REQUIRES: the incident is known.
  Committed Now(const std::string& incident_id, bool changed) const;
  // `request` asked for it; without an id: nothing did that is to be remembered.
  absl::StatusOr<Committed> Add(NewEvent event, internal::v1::RememberedRequest request = {});
  Outcome AddToQuarantine(v1::Delivery delivery);
  // As of the batch so far.
  bool IsQuarantined(uint64_t id) const;

  const Store* const store_;
  const RecentIncidents* const recent_;
  const UpstreamTargetsOf* const upstream_;
  const absl::Time now_;
  Sequence head_;
  // Of the command that is being decided.
  absl::string_view traceparent_;
  absl::string_view principal_;
  // By id.
  absl::flat_hash_map<std::string, Held> incidents_;
  // By id: the sequence of the PURGED that an incident left behind.
  absl::flat_hash_map<std::string, Sequence> tombstones_;
  // By id: those that made an event.
  absl::flat_hash_map<std::string, internal::v1::RememberedRequest> requests_;
  std::vector<LogEntry> entries_;
  std::vector<AppliedEvent> applied_;
  std::vector<SharedEvent> events_;
  QuarantineChange quarantine_;
  std::vector<Tombstone> forgotten_;
  std::vector<Outcome> outcomes_;
  std::vector<DeliveryTimes> delivery_times_;
  uint64_t first_quarantine_id_ = 0;
  size_t duplicates_ = 0;
  size_t ignored_ = 0;
  size_t replayed_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_CORE_BATCH_H_
