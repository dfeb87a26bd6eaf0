// One way in which a sender proves to be a source, and the way with a secret value in a header;
// the way with signed tokens is gateway/jwt.h.

#ifndef INCIDENTHUB_GATEWAY_AUTHENTICATOR_H_
#define INCIDENTHUB_GATEWAY_AUTHENTICATOR_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "gateway/credentials.h"
#include "gateway/http_head.h"

namespace incidenthub::gateway {

// Threads: any.
class Authenticator {
 public:
  virtual ~Authenticator() = default;

  // OK: the request's head holds a valid credential. UNAUTHENTICATED: why it does not, in words for
  // the gateway's own log, with nothing in them of what was sent. Takes the same time for whatever
  // is wrong with a secret value.
  virtual absl::Status Check(const RequestHead& head) = 0;

  // Where it is looked for, for senders: "the header Authorization".
  virtual std::string Place() const = 0;
  // For WWW-Authenticate: `Bearer realm="incidenthub"`; empty if HTTP has no name for it.
  virtual std::string Challenge() const = 0;
};

// What WWW-Authenticate says of tokens.
inline constexpr char kBearerChallenge[] = "Bearer realm=\"incidenthub\"";

// The value of a header that stands exactly once; otherwise UNAUTHENTICATED, as Check says it.
absl::StatusOr<absl::string_view> OnlyValueOf(const RequestHead& head, absl::string_view name);

// What stands after `scheme` and blanks, if `value` begins with it, whatever its case, and there is
// something.
absl::optional<absl::string_view> AfterScheme(absl::string_view value, absl::string_view scheme);

struct HeaderCredential {
  // What the values of the file are.
  enum class Scheme {
    // The header's whole value.
    kWhole,
    // TOKEN of `Bearer TOKEN`.
    kBearer,
    // USER:PASSWORD, whose base64 is sent after `Basic`.
    kBasic,
  };
  std::string header = "Authorization";
  Scheme scheme = Scheme::kWhole;
  // With kBearer: the token may come as the query parameter `access_token`, percent-encoded,
  // instead. Both at once are not accepted, nor one that stands twice.
  bool takes_query = false;
  std::string values_file;
};

// Errors: of Credentials::Load. `clock` must outlive the result.
absl::StatusOr<std::unique_ptr<Authenticator>> MakeHeaderAuthenticator(
    HeaderCredential credential, const Clock& clock = SystemClock::Get());

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_AUTHENTICATOR_H_
