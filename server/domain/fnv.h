// FNV-1a of 64 bits: the same on every machine and in every version, since it goes to disk and into
// resume tokens. Good against accidents, not against intent.

#ifndef INCIDENTHUB_SERVER_DOMAIN_FNV_H_
#define INCIDENTHUB_SERVER_DOMAIN_FNV_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace incidenthub {

inline constexpr uint64_t kFnv1aOffset = 0xcbf29ce484222325;

// Of `text`, after what `hash` is of.
inline uint64_t Fnv1a(absl::string_view text, uint64_t hash = kFnv1aOffset) {
  constexpr uint64_t kPrime = 0x100000001b3;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * kPrime;
  return hash;
}

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_FNV_H_
