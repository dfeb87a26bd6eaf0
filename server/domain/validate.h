// Bounds of what callers may send, and the errors for what is outside.

#ifndef INCIDENTHUB_SERVER_DOMAIN_VALIDATE_H_
#define INCIDENTHUB_SERVER_DOMAIN_VALIDATE_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/error_reasons.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub {

inline constexpr size_t kIncidentIdBytesMax = 512;
inline constexpr size_t kActorBytesMax = 256;
inline constexpr size_t kNoteBytesMax = 4096;
inline constexpr size_t kRequestIdBytesMax = 64;
inline constexpr size_t kSourceBytesMax = 64;
inline constexpr size_t kSourceKindBytesMax = 64;
inline constexpr size_t kConsumerBytesMax = 128;
inline constexpr size_t kDigestBytesMin = 16;
inline constexpr size_t kDigestBytesMax = 32;
// An encoded event: gRPC clients accept messages of 4 MiB by default, and it travels with a little
// around it.
inline constexpr size_t kEventBytesMax = size_t{3} << 20U;

// Reason of every error about a field's value.
inline constexpr HubReason kFieldInvalid = "FIELD_INVALID";

// Each: OK, or INVALID_ARGUMENT / FIELD_INVALID naming the field. Whether a time is in the future
// is for the decision to say.
absl::Status ValidateIncidentId(absl::string_view id);
absl::Status ValidateConsumer(absl::string_view name);
absl::Status Validate(const v1::AckRequest& request);
absl::Status Validate(const v1::UnackRequest& request);
absl::Status Validate(const v1::ResolveRequest& request);
absl::Status Validate(const v1::Delivery& delivery);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_VALIDATE_H_
