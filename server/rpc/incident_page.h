// One page of ListIncidents.

#ifndef INCIDENTHUB_SERVER_RPC_INCIDENT_PAGE_H_
#define INCIDENTHUB_SERVER_RPC_INCIDENT_PAGE_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/domain/ids.h"
#include "server/domain/matcher.h"
#include "server/store/store.h"

namespace incidenthub {

// Bytes of incidents looked at for a page with matchers, whatever matched; up to a reading more.
inline constexpr size_t kPageLookedAtBytesMax = size_t{8} << 20U;

// Adds to `incidents` those after `position` that match, in the order of their newest sequence,
// within `page`; one larger incident is a page too. Returns the position of the next page; 0: there
// is none. Threads: any; may wait for a disk. Errors: of Store.
absl::StatusOr<Sequence> ReadIncidentPage(
    const Store& store, Sequence position, const ReadLimits& page, const Matchers& matchers,
    google::protobuf::RepeatedPtrField<v1::Incident>* incidents);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_INCIDENT_PAGE_H_
