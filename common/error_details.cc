#include "common/error_details.h"

#include <cstdint>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"

namespace incidenthub {
namespace {

constexpr absl::string_view kTypeUrlPrefix = "type.googleapis.com/";

template <typename Message>
std::string TypeUrl() {
  return absl::StrCat(kTypeUrlPrefix, Message::descriptor()->full_name());
}

template <typename Message>
void SetDetail(const Message& detail, absl::Status* status) {
  status->SetPayload(TypeUrl<Message>(), absl::Cord(detail.SerializeAsString()));
}

template <typename Message>
bool GetDetail(const absl::Status& status, Message* detail) {
  const auto payload = status.GetPayload(TypeUrl<Message>());
  return payload.has_value() && detail->ParseFromString(std::string(*payload));
}

void SetReason(absl::string_view reason, ErrorMetadata metadata, absl::Status* status) {
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[std::string(key)] = std::string(value);
  }
  SetDetail(info, status);
}

}  // namespace

absl::Status ReasonError(HubReason reason, absl::string_view message, ErrorMetadata metadata) {
  absl::Status status(reason.code(), message);
  SetReason(reason.name(), metadata, &status);
  return status;
}

absl::Status ReasonError(absl::StatusCode code, Reason reason, absl::string_view message,
                         ErrorMetadata metadata) {
  absl::Status status(code, message);
  SetReason(reason.name(), metadata, &status);
  return status;
}

absl::Status WithReason(absl::Status status) {
  if (status.ok() || !ErrorReason(status).empty()) return status;
  const HubReason reason = status.code() == absl::StatusCode::kDataLoss ? HubReason("DATA_DAMAGED")
                           : status.code() == absl::StatusCode::kUnavailable
                               ? HubReason("STORAGE_FAILED")
                               : HubReason("INTERNAL");
  SetReason(reason.name(), {}, &status);
  return status;
}

absl::Status FieldError(HubReason reason, absl::string_view field, absl::string_view what) {
  absl::Status status = ReasonError(reason, absl::StrCat(field, ": ", what), {{"field", field}});
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(std::string(what));
  SetDetail(bad_request, &status);
  return status;
}

absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  google::rpc::RetryInfo info;
  const int64_t seconds = absl::IDivDuration(delay, absl::Seconds(1), &delay);
  info.mutable_retry_delay()->set_seconds(seconds);
  info.mutable_retry_delay()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(delay)));
  SetDetail(info, &status);
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  return GetDetail(status, &info) ? info.reason() : "";
}

absl::Duration RetryDelay(const absl::Status& status, absl::Duration otherwise) {
  google::rpc::RetryInfo info;
  if (!GetDetail(status, &info)) return otherwise;
  return absl::Seconds(info.retry_delay().seconds()) +
         absl::Nanoseconds(info.retry_delay().nanos());
}

}  // namespace incidenthub
