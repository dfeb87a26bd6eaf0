// What every decoder does with what maps to no incident. Pure; any thread.

#ifndef INCIDENTHUB_COMMON_DECODE_UNMAPPED_H_
#define INCIDENTHUB_COMMON_DECODE_UNMAPPED_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/decode/decoder.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::decode {

// A delivery of `raw` as it is, for the quarantine. RESOURCE_EXHAUSTED / EVENT_TOO_LARGE above
// kDeliveryBytesMax.
absl::StatusOr<v1::Delivery> UnmappedDelivery(absl::string_view kind, absl::string_view raw,
                                              absl::string_view source, absl::string_view problem);

// Why `what` is kept instead of carried: its delivery takes `size` bytes.
std::string TooLargeProblem(absl::string_view what, size_t size);

// The item that `delivery` makes: kIncident, or kUnmapped.
Item ItemOf(v1::Delivery delivery, absl::string_view raw);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_UNMAPPED_H_
