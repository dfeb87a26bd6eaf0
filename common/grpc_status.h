// The only conversion between absl::Status, google.rpc.Status and grpc::Status; details travel
// along.

#ifndef INCIDENTHUB_COMMON_GRPC_STATUS_H_
#define INCIDENTHUB_COMMON_GRPC_STATUS_H_

#include "absl/status/status.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace incidenthub {

// An error without a reason gets one, see WithReason.
grpc::Status ToGrpcStatus(const absl::Status& status);

// Details that don't parse are left out.
absl::Status FromGrpcStatus(const grpc::Status& status);

// For statuses inside messages (Receipt.rejected).
google::rpc::Status ToProtoStatus(const absl::Status& status);
absl::Status FromProtoStatus(const google::rpc::Status& status);

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_GRPC_STATUS_H_
