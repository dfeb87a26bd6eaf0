#include "common/sha256.h"

#include <openssl/evp.h>

#include "common/check.h"

namespace incidenthub {

std::array<uint8_t, 32> Sha256(absl::string_view bytes) {
  // Fetched once: OpenSSL 3 looks an algorithm up by name whenever it is not.
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<uint8_t, 32> digest;
  unsigned int size = 0;
  INCIDENTHUB_CHECK(
      kAlgorithm != nullptr &&
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, kAlgorithm, nullptr) == 1 &&
      size == digest.size());
  return digest;
}

}  // namespace incidenthub
