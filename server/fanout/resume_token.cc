#include "server/fanout/resume_token.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/error_details.h"

namespace incidenthub {
namespace {

constexpr size_t kChecksumBytes = 4;

std::string Checksum(absl::string_view bytes) {
  const uLong crc =
      crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
  std::string text(kChecksumBytes, '\0');
  for (size_t i = 0; i < kChecksumBytes; ++i)
    text[i] = static_cast<char>((crc >> (8U * i)) & 0xFFU);
  return text;
}

absl::Status Invalid(absl::string_view why) {
  return FieldError("RESUME_TOKEN_INVALID", "resume_token",
                    absl::StrCat(why,
                                 "; send one exactly as a response carried it, or start with "
                                 "a snapshot"));
}

}  // namespace

std::string EncodeResumeToken(const internal::v1::ResumeToken& token) {
  std::string bytes = token.SerializeAsString();
  bytes += Checksum(bytes);
  return absl::WebSafeBase64Escape(bytes);
}

absl::StatusOr<internal::v1::ResumeToken> DecodeResumeToken(absl::string_view text) {
  if (text.empty()) return Invalid("is empty");
  if (text.size() > kResumeTokenBytesMax) {
    return Invalid(absl::StrCat("has ", text.size(), " bytes, more than any token"));
  }
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || bytes.size() <= kChecksumBytes) {
    return Invalid("is no token");
  }
  const std::string checksum = bytes.substr(bytes.size() - kChecksumBytes);
  bytes.resize(bytes.size() - kChecksumBytes);
  if (Checksum(bytes) != checksum) return Invalid("is damaged");
  internal::v1::ResumeToken token;
  if (!token.ParseFromString(bytes)) return Invalid("is no token");
  if (token.version() != kResumeTokenVersion) {
    const uint32_t version = token.version();
    token.Clear();
    token.set_version(version);
  }
  return token;
}

Sequence ReachOf(const internal::v1::ResumeToken& token) {
  return std::max({token.position(), token.cut(), token.settle()});
}

absl::Status CheckMatchersOf(const internal::v1::ResumeToken& token, uint64_t matchers_hash) {
  if (token.version() != kResumeTokenVersion || token.matchers_hash() == matchers_hash) {
    return absl::OkStatus();
  }
  return FieldError("RESUME_TOKEN_OTHER_MATCHERS", "resume_token",
                    absl::StrCat("was made with ", token.matchers_hash() == 0 ? "no" : "other",
                                 " matchers; resume with the ones that its stream had, or start "
                                 "with a snapshot"));
}

}  // namespace incidenthub
