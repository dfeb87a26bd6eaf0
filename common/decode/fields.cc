#include "common/decode/fields.h"

#include "absl/strings/match.h"

namespace incidenthub::decode {

v1::Status StatusOfWord(absl::string_view word) {
  if (absl::EqualsIgnoreCase(word, "ok")) return v1::STATUS_OK;
  if (absl::EqualsIgnoreCase(word, "unknown")) return v1::STATUS_UNKNOWN;
  if (absl::EqualsIgnoreCase(word, "warning")) return v1::STATUS_WARNING;
  if (absl::EqualsIgnoreCase(word, "critical")) return v1::STATUS_CRITICAL;
  if (absl::EqualsIgnoreCase(word, "acknowledged")) return v1::STATUS_ACKNOWLEDGED;
  return v1::STATUS_UNSPECIFIED;
}

}  // namespace incidenthub::decode
