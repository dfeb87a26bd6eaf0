// The resume token: where a subscription stands, as opaque text.
//
// Text: base64url, without padding, of an encoded internal.v1.ResumeToken and 4 bytes of CRC-32
// over it. The checksum tells a mangled token from one that merely is of another hub.

#ifndef INCIDENTHUB_SERVER_FANOUT_RESUME_TOKEN_H_
#define INCIDENTHUB_SERVER_FANOUT_RESUME_TOKEN_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/domain/ids.h"

namespace incidenthub {

inline constexpr uint32_t kResumeTokenVersion = 1;
inline constexpr size_t kResumeTokenBytesMax = 512;

std::string EncodeResumeToken(const internal::v1::ResumeToken& token);

// INVALID_ARGUMENT / RESUME_TOKEN_INVALID: no hub made this text. A token of another version is OK,
// with nothing but its version.
absl::StatusOr<internal::v1::ResumeToken> DecodeResumeToken(absl::string_view text);

// The highest sequence that the token says its hub had.
Sequence ReachOf(const internal::v1::ResumeToken& token);

// INVALID_ARGUMENT / RESUME_TOKEN_OTHER_MATCHERS, unless the token was made with the matchers of
// this hash: what it says was passed may be what these want. One of another version is OK, since it
// is answered with a reset.
absl::Status CheckMatchersOf(const internal::v1::ResumeToken& token, uint64_t matchers_hash);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_RESUME_TOKEN_H_
