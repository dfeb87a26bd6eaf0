// SHA-256. Threads: any.

#ifndef INCIDENTHUB_GATEWAY_SHA256_H_
#define INCIDENTHUB_GATEWAY_SHA256_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace incidenthub::gateway {

std::array<uint8_t, 32> Sha256(absl::string_view bytes);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_SHA256_H_
