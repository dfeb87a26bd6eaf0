// gRPC's own complaints, in our log.

#ifndef INCIDENTHUB_COMMON_GRPC_LOG_H_
#define INCIDENTHUB_COMMON_GRPC_LOG_H_

namespace incidenthub {

// From now on what gRPC logs as an error is a log line of ours at level warning, since gRPC tells
// the caller as well. Call once at start, before the first channel or server.
void ForwardGrpcLog();

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_GRPC_LOG_H_
