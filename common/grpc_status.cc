#include "common/grpc_status.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "common/error_details.h"

namespace incidenthub {
namespace {

// The codes are the same numbers on both sides; each pair is proved before the casts below rely on
// it.
#define INCIDENTHUB_SAME_CODE(absl_code, grpc_code)              \
  static_assert(static_cast<int>(absl::StatusCode::absl_code) == \
                static_cast<int>(grpc::StatusCode::grpc_code))
INCIDENTHUB_SAME_CODE(kOk, OK);
INCIDENTHUB_SAME_CODE(kCancelled, CANCELLED);
INCIDENTHUB_SAME_CODE(kUnknown, UNKNOWN);
INCIDENTHUB_SAME_CODE(kInvalidArgument, INVALID_ARGUMENT);
INCIDENTHUB_SAME_CODE(kDeadlineExceeded, DEADLINE_EXCEEDED);
INCIDENTHUB_SAME_CODE(kNotFound, NOT_FOUND);
INCIDENTHUB_SAME_CODE(kAlreadyExists, ALREADY_EXISTS);
INCIDENTHUB_SAME_CODE(kPermissionDenied, PERMISSION_DENIED);
INCIDENTHUB_SAME_CODE(kResourceExhausted, RESOURCE_EXHAUSTED);
INCIDENTHUB_SAME_CODE(kFailedPrecondition, FAILED_PRECONDITION);
INCIDENTHUB_SAME_CODE(kAborted, ABORTED);
INCIDENTHUB_SAME_CODE(kOutOfRange, OUT_OF_RANGE);
INCIDENTHUB_SAME_CODE(kUnimplemented, UNIMPLEMENTED);
INCIDENTHUB_SAME_CODE(kInternal, INTERNAL);
INCIDENTHUB_SAME_CODE(kUnavailable, UNAVAILABLE);
INCIDENTHUB_SAME_CODE(kDataLoss, DATA_LOSS);
INCIDENTHUB_SAME_CODE(kUnauthenticated, UNAUTHENTICATED);
#undef INCIDENTHUB_SAME_CODE

}  // namespace

google::rpc::Status ToProtoStatus(const absl::Status& status) {
  google::rpc::Status proto;
  proto.set_code(static_cast<int>(status.code()));
  proto.set_message(std::string(status.message()));
  status.ForEachPayload([&proto](absl::string_view type_url, const absl::Cord& payload) {
    auto* detail = proto.add_details();
    detail->set_type_url(std::string(type_url));
    detail->set_value(std::string(payload));
  });
  return proto;
}

absl::Status FromProtoStatus(const google::rpc::Status& proto) {
  absl::Status status(static_cast<absl::StatusCode>(proto.code()), proto.message());
  for (const auto& detail : proto.details()) {
    status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  return status;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::Status shown = WithReason(status);
  return {static_cast<grpc::StatusCode>(shown.code()), std::string(shown.message()),
          ToProtoStatus(shown).SerializeAsString()};
}

absl::Status FromGrpcStatus(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  google::rpc::Status proto;
  if (!proto.ParseFromString(status.error_details())) proto.Clear();
  proto.set_code(static_cast<int>(status.error_code()));
  proto.set_message(status.error_message());
  return FromProtoStatus(proto);
}

}  // namespace incidenthub
