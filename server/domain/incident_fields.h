// Some of an incident's fields: what is not looked at need not be decoded. Most of an incident's
// bytes are its alerts, and a delivery that replaces them does not ask what they were.
//
// Threads: any.

#ifndef INCIDENTHUB_SERVER_DOMAIN_INCIDENT_FIELDS_H_
#define INCIDENTHUB_SERVER_DOMAIN_INCIDENT_FIELDS_H_

#include <bitset>
#include <cstddef>

#include "absl/strings/string_view.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub {

// By field number of v1.Incident, which are all below this.
inline constexpr size_t kIncidentFieldsEnd = 64;
using IncidentFields = std::bitset<kIncidentFieldsEnd>;

inline IncidentFields AllIncidentFields() { return IncidentFields().set(); }

// Decodes these fields of the incident in an encoded v1.Event, and skips the others, but where the
// encoding is odd. False: it does not parse.
bool ParseIncident(absl::string_view event, const IncidentFields& fields, v1::Incident* incident);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_INCIDENT_FIELDS_H_
