// What matchers look at in an event and in the one before it of the same incident, made when
// somebody first asks and then shared: with a thousand subscriptions an event is decoded once, and
// with none that has matchers never.
//
// The label sets of one event hold nothing of other events, so an event that leaves the ring takes
// its memory along.
//
// Threads: any.

#ifndef INCIDENTHUB_SERVER_FANOUT_EVENT_LABELS_H_
#define INCIDENTHUB_SERVER_FANOUT_EVENT_LABELS_H_

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "server/domain/incident_labels.h"
#include "server/store/store.h"

namespace incidenthub {

using SharedLabels = std::shared_ptr<const IncidentLabels>;

// The labels of the incident as it was after `event`: shared where the event's are. DATA_LOSS: its
// bytes do not parse.
absl::StatusOr<SharedLabels> LabelsOf(const SharedEvent& event);

class EventLabels {
 public:
  // As it was before the event; null: nobody has looked yet.
  SharedLabels before() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return before_;
  }
  void set_before(SharedLabels before) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    before_ = std::move(before);
  }

 private:
  friend absl::StatusOr<SharedLabels> LabelsOf(const SharedEvent& event);

  // As it was after `event`, whose labels these are.
  absl::StatusOr<SharedLabels> After(const SharedEvent& event) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  SharedLabels before_ ABSL_GUARDED_BY(mu_);
  SharedLabels after_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_EVENT_LABELS_H_
