#include "server/domain/validate.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "google/protobuf/timestamp.pb.h"

namespace incidenthub {
namespace {

absl::Status CheckSize(absl::string_view field, size_t size, size_t min, size_t max) {
  if (size >= min && size <= max) return absl::OkStatus();
  if (size == 0) return FieldError(kFieldInvalid, field, "is required");
  return FieldError(
      kFieldInvalid, field,
      absl::StrCat("has ", Counted(size, "byte"), "; allowed are ", min, " to ", max));
}

template <typename Request>
absl::Status ValidateAction(const Request& request) {
  RETURN_IF_ERROR(ValidateIncidentId(request.incident_id()));
  RETURN_IF_ERROR(CheckSize("actor", request.actor().size(), 1, kActorBytesMax));
  RETURN_IF_ERROR(CheckSize("note", request.note().size(), 0, kNoteBytesMax));
  RETURN_IF_ERROR(CheckSize("request_id", request.request_id().size(), 0, kRequestIdBytesMax));
  const std::string& id = request.request_id();
  if (!std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; })) {
    return FieldError(kFieldInvalid, "request_id", "is not printable ASCII");
  }
  return absl::OkStatus();
}

// Of google.protobuf.Timestamp: the years 1 to 9999.
absl::Status CheckTime(absl::string_view field, const google::protobuf::Timestamp& time) {
  constexpr int64_t kSecondsMin = -62'135'596'800;
  constexpr int64_t kSecondsMax = 253'402'300'799;
  constexpr int32_t kNanosMax = 999'999'999;
  if (time.seconds() >= kSecondsMin && time.seconds() <= kSecondsMax && time.nanos() >= 0 &&
      time.nanos() <= kNanosMax) {
    return absl::OkStatus();
  }
  return FieldError(kFieldInvalid, field,
                    absl::StrCat("is no time: seconds are ", kSecondsMin, " to ", kSecondsMax,
                                 ", nanos 0 to ", kNanosMax));
}

}  // namespace

absl::Status ValidateIncidentId(absl::string_view id) {
  return CheckSize("incident_id", id.size(), 1, kIncidentIdBytesMax);
}

absl::Status ValidateConsumer(absl::string_view name) {
  constexpr absl::string_view kMarks = "-._/";
  RETURN_IF_ERROR(CheckSize("consumer", name.size(), 1, kConsumerBytesMax));
  if (std::all_of(name.begin(), name.end(), [kMarks](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains(kMarks, c);
      })) {
    return absl::OkStatus();
  }
  return FieldError(kFieldInvalid, "consumer",
                    absl::StrCat("is a name of letters, digits and ", kMarks));
}

absl::Status Validate(const v1::AckRequest& request) {
  RETURN_IF_ERROR(ValidateAction(request));
  return request.has_expire_time() ? CheckTime("expire_time", request.expire_time())
                                   : absl::OkStatus();
}
absl::Status Validate(const v1::UnackRequest& request) { return ValidateAction(request); }
absl::Status Validate(const v1::ResolveRequest& request) { return ValidateAction(request); }

absl::Status Validate(const v1::Delivery& delivery) {
  RETURN_IF_ERROR(CheckSize("source", delivery.source().size(), 1, kSourceBytesMax));
  if (delivery.has_unmapped()) {
    RETURN_IF_ERROR(
        CheckSize("unmapped.kind", delivery.unmapped().kind().size(), 0, kSourceKindBytesMax));
    return CheckSize("unmapped.raw", delivery.unmapped().raw().size(), 0, kEventBytesMax);
  }
  if (!delivery.has_incident()) {
    return FieldError(kFieldInvalid, "payload", "neither incident nor unmapped is set");
  }
  RETURN_IF_ERROR(CheckSize("digest", delivery.digest().size(), kDigestBytesMin, kDigestBytesMax));
  RETURN_IF_ERROR(
      CheckSize("incident.id", delivery.incident().id().size(), 1, kIncidentIdBytesMax));
  switch (delivery.activity()) {
    case v1::ACTIVITY_ACTIVE:
    case v1::ACTIVITY_INACTIVE:
    case v1::ACTIVITY_UNCHANGED:
      return absl::OkStatus();
    default:
      return FieldError(kFieldInvalid, "activity", "is required with an incident");
  }
}

}  // namespace incidenthub
