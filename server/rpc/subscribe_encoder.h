// Encodes SubscribeResponse by hand where it matters: an event's bytes are shared by all
// subscribers, never copied.

#ifndef INCIDENTHUB_SERVER_RPC_SUBSCRIBE_ENCODER_H_
#define INCIDENTHUB_SERVER_RPC_SUBSCRIBE_ENCODER_H_

#include <string>
#include <vector>

#include "grpcpp/support/byte_buffer.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "server/domain/ids.h"
#include "server/fanout/subscription.h"

namespace incidenthub {

// A response with `batch` of `entries`, byte for byte what protobuf would make of it.
grpc::ByteBuffer EncodeBatch(const std::vector<Subscription::Outgoing::Entry>& entries,
                             const std::string& resume_token, Sequence head);

// Any other response.
grpc::ByteBuffer Encode(const v1::SubscribeResponse& response);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_SUBSCRIBE_ENCODER_H_
