// The history of one incident, by page: what ListEvents answers.

#ifndef INCIDENTHUB_SERVER_RPC_INCIDENT_HISTORY_H_
#define INCIDENTHUB_SERVER_RPC_INCIDENT_HISTORY_H_

#include "absl/status/status.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/store/store.h"

namespace incidenthub {

// Reads the disk. NOT_FOUND / INCIDENT_NOT_FOUND, INVALID_ARGUMENT / FIELD_INVALID,
// INVALID_ARGUMENT / PAGE_TOKEN_INVALID, or an error of the store.
absl::Status ReadHistoryPage(const Store& store, const v1::ListEventsRequest& request,
                             v1::ListEventsResponse* response);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_INCIDENT_HISTORY_H_
