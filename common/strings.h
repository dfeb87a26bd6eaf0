// Bridges between the string views of the libraries in use.
//
// The packaged Abseil is built with C++14, so absl::string_view and std::string_view are different
// types and neither converts to the other. Our signatures say absl::string_view; these two lines
// stand at the seams.

#ifndef INCIDENTHUB_COMMON_STRINGS_H_
#define INCIDENTHUB_COMMON_STRINGS_H_

#include <cstddef>
#include <string_view>

#include "absl/strings/string_view.h"

namespace incidenthub {

inline absl::string_view ToAbsl(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view ToStd(absl::string_view s) { return {s.data(), s.size()}; }

// Longest piece of somebody's input that is echoed in an error, in bytes: gRPC clients refuse a
// status of more than about 8 KB, and the text stands in it up to three times.
inline constexpr size_t kEchoBytesMax = 256;

// `text` cut to kEchoBytesMax, at a UTF-8 boundary.
inline absl::string_view Echo(absl::string_view text) {
  if (text.size() <= kEchoBytesMax) return text;
  size_t size = kEchoBytesMax;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return text.substr(0, size);
}

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_STRINGS_H_
