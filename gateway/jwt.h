// Signed tokens (RFC 7519) as senders' credentials: `Authorization: Bearer TOKEN`, as OAuth's
// client credentials give them.
//
// A token is accepted if a key of the file signed it by RS256 or ES256, and its claims are about
// us. Keys are chosen by the token's `kid`; a token without one may be signed by any.

#ifndef INCIDENTHUB_GATEWAY_JWT_H_
#define INCIDENTHUB_GATEWAY_JWT_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "gateway/authenticator.h"
#include "gateway/jws.h"

namespace incidenthub::gateway {

// A token in compact form.
inline constexpr size_t kJwtBytesMax = size_t{8} << 10;
// A key set's file, and the keys in it, those that are not for us included.
inline constexpr size_t kJwksBytesMax = size_t{256} << 10;
inline constexpr size_t kJwksKeysMax = 64;
// How far the issuer's clock may be ahead of ours, for `nbf` and `iat`. `exp` has no leeway.
inline constexpr absl::Duration kJwtLeeway = absl::Seconds(60);

// What a token's claims must be; see JwtCredentialConfig in
// proto/incidenthub/internal/v1/gateway_config.proto.
struct JwtRules {
  std::string issuer;
  std::string audience;
  // Empty: anyone.
  std::string subject;
};

using JwsKeys = std::vector<std::unique_ptr<const JwsKey>>;

// The keys of a JSON Web Key Set that signatures by RS256 or ES256 can be checked with. Keys of
// other kinds, or for other uses, are passed over.
//
// INVALID_ARGUMENT, in words that go on after the file's name: it is no key set, has too many keys
// or none for us, or one that is broken, weak, or private.
absl::StatusOr<JwsKeys> ParseJwks(absl::string_view json);

// OK: the claims, a JSON text, are valid now. UNAUTHENTICATED: why not, without their values.
absl::Status CheckJwtClaims(absl::string_view claims, const JwtRules& rules, absl::Time now);

// `jwks_file` is read again when it changes, as common/watched_file.h says. Errors name it.
// `clock` must outlive the result.
absl::StatusOr<std::unique_ptr<Authenticator>> MakeJwtAuthenticator(
    std::string jwks_file, JwtRules rules, const Clock& clock = SystemClock::Get());

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_JWT_H_
