// The incidents that a subscriber holds, by id: the published client rule as a class.
//
// Feed it every entry and every reset of a Subscription, in order, and from each `on_snapshot_end`
// on it equals what the hub holds as of that place in the stream. Entries that are repeated after a
// reconnect change nothing.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_CLIENTS_CPP_INCIDENT_SET_H_
#define INCIDENTHUB_CLIENTS_CPP_INCIDENT_SET_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "incidenthub/v1/incident.pb.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::client {

class IncidentSet {
 public:
  using Map = absl::flat_hash_map<std::string, v1::Incident>;

  // ENTERED and UPDATED take the incident, known or not; LEFT drops it, if known, and may come
  // without its event. An entry that is not newer than what is held (its event's sequence is at or
  // below the held one's; for LEFT, below) is a repeat. Returns whether the set changed.
  bool Apply(const v1::Entry& entry);

  // For `on_reset`: a snapshot follows.
  void Clear() { incidents_.clear(); }

  // Null if the set does not hold it. Valid until the set changes.
  const v1::Incident* Find(absl::string_view id) const;

  size_t size() const { return incidents_.size(); }
  const Map& incidents() const { return incidents_; }

 private:
  Map incidents_;
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_INCIDENT_SET_H_
