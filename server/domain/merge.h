// How the fields of a delivery and of the incident held are put together.

#ifndef INCIDENTHUB_SERVER_DOMAIN_MERGE_H_
#define INCIDENTHUB_SERVER_DOMAIN_MERGE_H_

#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/incident.pb.h"
#include "server/domain/incident_fields.h"
#include "server/domain/rank.h"

namespace incidenthub {

// All that MergeNewest() and a transition look at in the incident held: what the hub sets, and the
// kept fields that `delivered` lacks. The comment is always among them: it comes beside the
// delivered incident, not in it.
IncidentFields FieldsToMerge(const v1::Incident& delivered);

// Makes `delivered` the incident after a delivery of the newest `rank`: its own fields as
// delivered, kept fields that it lacks from `held`, and what the hub sets from `held`. `held` may
// be null. Updates `bookkeeping->kept`.
void MergeNewest(const v1::Incident* held, const Rank& rank, v1::Incident* delivered,
                 internal::v1::Bookkeeping* bookkeeping);

// Fills `held` with the kept fields of `delivered` that are newer, by `rank`, than what `held` has
// of them; nothing else of it changes. Updates `bookkeeping->kept`.
void MergeLate(const v1::Incident& delivered, const Rank& rank, v1::Incident* held,
               internal::v1::Bookkeeping* bookkeeping);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_MERGE_H_
