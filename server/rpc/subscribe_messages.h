// The messages of a Subscribe, as they stand after what its Subscription has handed out so far.

#ifndef INCIDENTHUB_SERVER_RPC_SUBSCRIBE_MESSAGES_H_
#define INCIDENTHUB_SERVER_RPC_SUBSCRIBE_MESSAGES_H_

#include "absl/time/time.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/domain/ids.h"
#include "server/fanout/subscription.h"

namespace incidenthub {

// Of `outgoing`, which `subscription` has just handed out, and which has something to send.
// `opened` says the log's `floor` and the `heartbeat_interval`.
grpc::ByteBuffer EncodeOutgoing(const Subscription& subscription,
                                const Subscription::Outgoing& outgoing, Sequence floor,
                                absl::Duration heartbeat_interval);

grpc::ByteBuffer EncodeHeartbeat(const Subscription& subscription);

// With a delay for the client's return that is another one each time, so that not all return at
// once.
grpc::ByteBuffer EncodeDraining();

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_SUBSCRIBE_MESSAGES_H_
