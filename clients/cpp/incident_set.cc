#include "clients/cpp/incident_set.h"

#include <cstdint>

#include "clients/cpp/entry.h"

namespace incidenthub::client {

bool IncidentSet::Apply(const v1::Entry& entry) {
  const uint64_t sequence = SequenceOf(entry);
  const auto held = incidents_.find(IncidentIdOf(entry));
  if (entry.membership() == v1::MEMBERSHIP_LEFT) {
    if (held == incidents_.end() || sequence < held->second.sequence()) return false;
    incidents_.erase(held);
    return true;
  }
  if (held != incidents_.end() && sequence <= held->second.sequence()) return false;
  const v1::Incident& incident = entry.event().incident();
  v1::Incident& mine = incidents_[incident.id()];
  mine = incident;
  // The place in the order that later entries are compared with, even if a hub left it out of the
  // incident.
  mine.set_sequence(sequence);
  return true;
}

const v1::Incident* IncidentSet::Find(absl::string_view id) const {
  const auto held = incidents_.find(id);
  return held == incidents_.end() ? nullptr : &held->second;
}

}  // namespace incidenthub::client
