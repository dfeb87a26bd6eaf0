#include "common/decode/decoder.h"

#include <array>
#include <cstdint>

#include "common/sha256.h"

namespace incidenthub::decode {

std::string ItemDigest(absl::string_view raw) {
  const std::array<uint8_t, 32> hash = Sha256(raw);
  return {hash.begin(), hash.begin() + kItemDigestBytes};
}

}  // namespace incidenthub::decode
