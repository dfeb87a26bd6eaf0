// SHA-256. Threads: any.

#ifndef INCIDENTHUB_COMMON_SHA256_H_
#define INCIDENTHUB_COMMON_SHA256_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace incidenthub {

std::array<uint8_t, 32> Sha256(absl::string_view bytes);

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_SHA256_H_
