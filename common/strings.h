// Texts: bridges between the string views of the libraries in use, and pieces of messages.
//
// The packaged Abseil is built with C++14, so absl::string_view and std::string_view are different
// types and neither converts to the other. Our signatures say absl::string_view; the
// first two lines stand at the seams.

#ifndef INCIDENTHUB_COMMON_STRINGS_H_
#define INCIDENTHUB_COMMON_STRINGS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace incidenthub {

inline absl::string_view ToAbsl(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view ToStd(absl::string_view s) { return {s.data(), s.size()}; }

// Longest piece of somebody's input that is echoed in an error, in bytes: gRPC clients refuse a
// status of more than about 8 KB, and the text stands in it up to three times.
inline constexpr size_t kEchoBytesMax = 256;

// `text` cut to `bytes_max`, at a UTF-8 boundary.
inline absl::string_view CutText(absl::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  size_t size = bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0U) == 0x80U) --size;
  return text.substr(0, size);
}

// `text` cut to kEchoBytesMax.
inline absl::string_view Echo(absl::string_view text) { return CutText(text, kEchoBytesMax); }

// "1 event", "2 events": a number of what `one` is the name of, whose plural ends with an s.
inline std::string Counted(uint64_t count, absl::string_view one) {
  return absl::StrCat(count, " ", one, count == 1 ? "" : "s");
}

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_STRINGS_H_
