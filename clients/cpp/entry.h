// What an entry is about, with its event and without: a hub leaves the event out of some LEFT.
//
// Threads: any.

#ifndef INCIDENTHUB_CLIENTS_CPP_ENTRY_H_
#define INCIDENTHUB_CLIENTS_CPP_ENTRY_H_

#include <cstdint>
#include <string>

#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::client {

inline const std::string& IncidentIdOf(const v1::Entry& entry) {
  return entry.has_event() ? entry.event().incident().id() : entry.incident_id();
}

// Of the event, sent or not.
inline uint64_t SequenceOf(const v1::Entry& entry) {
  return entry.has_event() ? entry.event().sequence() : entry.sequence();
}

// Of the incident, after the event.
inline v1::State StateOf(const v1::Entry& entry) {
  return entry.has_event() ? entry.event().incident().state() : entry.state();
}

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_ENTRY_H_
