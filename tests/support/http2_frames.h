// Frames of HTTP/2, RFC 9113, for clients that gRPC's own cannot be made to be.

#ifndef INCIDENTHUB_TESTS_SUPPORT_HTTP2_FRAMES_H_
#define INCIDENTHUB_TESTS_SUPPORT_HTTP2_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace incidenthub::testing::http2 {

// What a client says first.
inline constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Types of frames.
inline constexpr char kData = 0x0;
inline constexpr char kHeaders = 0x1;
inline constexpr char kResetStream = 0x3;
inline constexpr char kSettings = 0x4;
inline constexpr char kPing = 0x6;
inline constexpr char kGoAway = 0x7;
inline constexpr char kWindowUpdate = 0x8;

inline constexpr char kNoFlags = 0x0;
// Of kData and kHeaders.
inline constexpr char kEndStream = 0x1;
// Of kSettings and kPing.
inline constexpr char kAck = 0x1;
// Of kHeaders.
inline constexpr char kEndHeaders = 0x4;

// Length, type, flags, number of the stream.
inline constexpr size_t kFrameHeadBytes = 9;
inline constexpr size_t kPingBytes = 8;

inline std::string BigEndian(uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text += static_cast<char>((value >> static_cast<unsigned>(shift)) & 0xFFU);
  }
  return text;
}

inline std::string Frame(char type, char flags, uint32_t stream, absl::string_view payload) {
  return absl::StrCat(BigEndian(static_cast<uint32_t>(payload.size()), 3), std::string(1, type),
                      std::string(1, flags), BigEndian(stream, 4), payload);
}

}  // namespace incidenthub::testing::http2

#endif  // INCIDENTHUB_TESTS_SUPPORT_HTTP2_FRAMES_H_
