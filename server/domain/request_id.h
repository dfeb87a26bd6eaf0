// Request ids: what makes a command that was sent before known as the same one.

#ifndef INCIDENTHUB_SERVER_DOMAIN_REQUEST_ID_H_
#define INCIDENTHUB_SERVER_DOMAIN_REQUEST_ID_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub {

// How long a request that made an event is remembered, and how many are: past either the oldest
// leave.
inline constexpr absl::Duration kRequestIdAge = absl::Hours(24);
inline constexpr size_t kRequestIdsMax = 100'000;

// A hash of a command's method and of everything in it but its request id. The same in every
// process and version: it is kept. It tells requests apart by accident, not by intent; who makes
// two that collide deceives nobody else.
uint64_t FingerprintOf(v1::AckRequest request);
uint64_t FingerprintOf(v1::UnackRequest request);
uint64_t FingerprintOf(v1::ResolveRequest request);

// What a request of `principal` is remembered by: ids of one principal are nothing to another.
std::string RequestKey(absl::string_view principal, absl::string_view request_id);

// Whether a request committed at `commit_time` counts no more.
bool IsForgotten(absl::Time commit_time, absl::Time now);

// OK if the request remembered is this very one; else INVALID_ARGUMENT / REQUEST_ID_REUSED.
absl::Status CheckRepeat(const internal::v1::RememberedRequest& remembered,
                         absl::string_view request_id, uint64_t fingerprint);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_REQUEST_ID_H_
