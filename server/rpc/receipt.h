// What a gateway, or whoever replays a body, is told of one delivery.

#ifndef INCIDENTHUB_SERVER_RPC_RECEIPT_H_
#define INCIDENTHUB_SERVER_RPC_RECEIPT_H_

#include <cstdint>

#include "incidenthub/v1/ingest_service.pb.h"
#include "server/core/sequencer.h"

namespace incidenthub {

// `id`: of the delivery.
v1::Receipt ToReceipt(uint64_t id, Outcome outcome);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_RECEIPT_H_
