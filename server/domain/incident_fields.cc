#include "server/domain/incident_fields.h"

#include <string>
#include <utility>

#include "incidenthub/v1/event.pb.h"
#include "server/domain/wire_fields.h"

namespace incidenthub {

bool ParseIncident(absl::string_view event, const IncidentFields& fields, v1::Incident* incident) {
  std::string wanted;
  bool visited = true;
  const auto keep = [&](const WireField& field) {
    if (field.number < fields.size() && fields.test(field.number)) {
      wanted.append(field.whole.data(), field.whole.size());
    }
  };
  // Should the event have two incidents, they are one, by being joined.
  const auto look_into = [&](const WireField& field) {
    if (field.number != v1::Event::kIncidentFieldNumber) return;
    visited = visited && field.has_length && VisitFields(field.content, keep);
  };
  visited = VisitFields(event, look_into) && visited;
  if (visited) return incident->ParseFromString(wanted);
  // Cut off, or it came with a field that only its sender knows: then all of it.
  v1::Event whole;
  if (!whole.ParseFromArray(event.data(), static_cast<int>(event.size()))) return false;
  *incident = std::move(*whole.mutable_incident());
  return true;
}

}  // namespace incidenthub
