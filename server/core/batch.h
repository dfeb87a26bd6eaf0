// One batch of the sequencer: its decisions, on the store plus the batch so far, and what has to be
// written for them.
//
// Threads: the sequencer's.

#ifndef INCIDENTHUB_SERVER_CORE_BATCH_H_
#define INCIDENTHUB_SERVER_CORE_BATCH_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/core/sequencer.h"
#include "server/domain/ids.h"
#include "server/domain/lifecycle.h"
#include "server/log/event_log.h"
#include "server/store/store.h"

namespace incidenthub {

class Sequencer::Batch {
 public:
  // Events get the sequences after `head`. `store` outlives the batch.
  Batch(const Store* store, absl::Time now, Sequence head)
      : store_(store), now_(now), head_(head) {}

  // Decides `command`; its outcome is the next one.
  void Decide(Command command);

  // What to write. The three lists of events go in parallel.
  const std::vector<LogEntry>& entries() const { return entries_; }
  const std::vector<AppliedEvent>& applied() const { return applied_; }
  const std::vector<SharedEvent>& events() const { return events_; }
  const std::vector<internal::v1::QuarantinedBody>& quarantined() const { return quarantined_; }
  size_t duplicates() const { return duplicates_; }

  // The number that the first of quarantined() got.
  void SetFirstQuarantineId(uint64_t id) { first_quarantine_id_ = id; }

  // Outcome of the command at `index`. Each once, and only after what there was to write is
  // written.
  Outcome TakeOutcome(size_t index);

 private:
  // The incident as of the batch so far; null if unknown.
  absl::StatusOr<IncidentState*> Find(const std::string& id);
  Outcome DecideOne(v1::Delivery delivery);
  Outcome DecideOne(const v1::AckRequest& request);
  Outcome DecideOne(const v1::ResolveRequest& request);
  template <typename Request, typename DecideFunction>
  Outcome DecideAction(const Request& request, DecideFunction decide);
  DecisionContext Context() const;
  absl::StatusOr<Committed> Add(NewEvent event);
  Outcome AddToQuarantine(v1::Delivery delivery);

  const Store* const store_;
  const absl::Time now_;
  Sequence head_;
  // By id; null: looked up, and unknown.
  absl::flat_hash_map<std::string, std::unique_ptr<IncidentState>> incidents_;
  std::vector<LogEntry> entries_;
  std::vector<AppliedEvent> applied_;
  std::vector<SharedEvent> events_;
  std::vector<internal::v1::QuarantinedBody> quarantined_;
  std::vector<Outcome> outcomes_;
  uint64_t first_quarantine_id_ = 0;
  size_t duplicates_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_CORE_BATCH_H_
