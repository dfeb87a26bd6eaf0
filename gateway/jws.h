// Public keys (RFC 7517) and whether they signed a text (RFC 7515): RS256 and ES256, nothing else.
// The one seam to cjose.
//
// Threads: a key is immutable; any number may verify with it.

#ifndef INCIDENTHUB_GATEWAY_JWS_H_
#define INCIDENTHUB_GATEWAY_JWS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace incidenthub::gateway {

// Of an RSA key's modulus: RFC 7518 asks for as much.
inline constexpr size_t kRsaKeyBitsMin = 2048;

enum class JwsAlgorithm { kRs256, kEs256 };

// "RS256" or "ES256"; none for any other text, `none` and HS256 among them.
absl::optional<JwsAlgorithm> ParseJwsAlgorithm(absl::string_view name);

class JwsKey {
 public:
  // `json` is one key, an object without repeated keys. INVALID_ARGUMENT: it is no RSA or P-256
  // key, or a weak one. It need not say its algorithm: an RSA key is for RS256, a P-256 key for
  // ES256.
  static absl::StatusOr<std::unique_ptr<const JwsKey>> Import(absl::string_view json,
                                                              JwsAlgorithm algorithm);
  ~JwsKey();
  JwsKey(const JwsKey&) = delete;
  JwsKey& operator=(const JwsKey&) = delete;

  JwsAlgorithm algorithm() const { return algorithm_; }
  // Empty: it has none.
  const std::string& kid() const { return kid_; }

  // Whether this key signed `token` in compact form, by its own algorithm. False for any other
  // text.
  bool Signed(absl::string_view token) const;

 private:
  struct Handle;

  JwsKey(JwsAlgorithm algorithm, std::unique_ptr<Handle> handle);

  const JwsAlgorithm algorithm_;
  const std::unique_ptr<Handle> handle_;
  const std::string kid_;
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_JWS_H_
