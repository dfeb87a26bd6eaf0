// How events change the set of incidents that a subscriber with matchers holds.
//
// Threads:  one at a time.
// Lifetime: one reading; remembers the labels of the events it was given, which bounds its memory
//           by the reading's.

#ifndef INCIDENTHUB_SERVER_FANOUT_MEMBERSHIP_H_
#define INCIDENTHUB_SERVER_FANOUT_MEMBERSHIP_H_

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/domain/ids.h"
#include "server/domain/matcher.h"
#include "server/fanout/event_labels.h"
#include "server/fanout/event_source.h"
#include "server/store/store.h"

namespace incidenthub {

// What an event is to the subscriber.
struct Verdict {
  // The answer is in the store, which may not be read now.
  bool needs_store = false;
  // UNSPECIFIED: nothing, it is not in the set and was not.
  v1::Membership membership = v1::MEMBERSHIP_UNSPECIFIED;
  // Of the event; null where nobody had to look.
  SharedLabels labels;
};

class MembershipReader {
 public:
  // Both outlive it.
  MembershipReader(const EventSource* source, const Matchers* matchers)
      : source_(source), matchers_(matchers) {}

  // Of a subscriber that gets the newest event of each incident. `began_empty`: it holds nothing
  // older than this reading.
  absl::StatusOr<Verdict> Conflated(const SharedEvent& event, bool began_empty);

  // Of a subscriber that gets every event after `cut`: it is not known whether it holds what an
  // event at or below that says.
  absl::StatusOr<Verdict> EveryEvent(const SharedEvent& event, Sequence cut, bool may_read_store);

 private:
  // The labels before `event`; null: not known. Sets `needs_store` instead of waiting for a disk.
  absl::StatusOr<SharedLabels> Before(const SharedEvent& event, bool may_read_store,
                                      bool* needs_store);

  const EventSource* const source_;
  const Matchers* const matchers_;
  absl::flat_hash_map<Sequence, SharedLabels> seen_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_MEMBERSHIP_H_
