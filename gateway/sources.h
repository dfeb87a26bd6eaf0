// Who may send, and as which source: from a sources configuration
// (proto/incidenthub/internal/v1/gateway_config.proto), or from the flags for the one source
// `bigpanda`.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_SOURCES_H_
#define INCIDENTHUB_GATEWAY_SOURCES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "common/decode/source_kinds.h"
#include "gateway/authenticator.h"
#include "gateway/credentials.h"
#include "gateway/http_head.h"
#include "gateway/options.h"
#include "gateway/refusal_log.h"

namespace incidenthub::gateway {

inline constexpr size_t kSourcesMax = 64;
inline constexpr size_t kSourceNameBytesMax = 64;
inline constexpr size_t kCredentialsPerSourceMax = 8;
inline constexpr size_t kSourcesConfigBytesMax = size_t{256} << 10;
struct Source {
  std::string name;
  const decode::SourceKind* kind = nullptr;
  // Where it posts to.
  std::string path;
  // Any one of them is enough; none: every sender is accepted.
  std::vector<std::unique_ptr<Authenticator>> authenticators;
  // Of kinds with app keys: those that mean this source. Null: any does.
  std::unique_ptr<Credentials> app_keys;
  // Null: why senders are not admitted is not logged.
  std::unique_ptr<RefusalLog> refusals;

  // OK: the request proves to be from this source. UNAUTHENTICATED: why it does not, for the log
  // and not for senders.
  absl::Status Check(const RequestHead& head) const;
  bool Admits(const RequestHead& head) const { return Check(head).ok(); }
  // Says so in the log, for a request that no source of its path admits.
  void LogRefusal(const absl::Status& why) const;
  // For senders that were not admitted: where credentials are looked for, as in "the header
  // Authorization".
  std::string Places() const;
  // For them, the value of WWW-Authenticate; empty: there is none to give.
  std::string Challenge() const;
};

// The sources of `options.sources_config`; without one `bigpanda` by its flags, and if that accepts
// everybody, so does one source of every other kind. Errors name the file, the source and the
// field, the first mistake of each source: NOT_FOUND and so on, INVALID_ARGUMENT. `clock` and
// `kinds` must outlive the result. REQUIRES: options.Validate() is OK.
absl::StatusOr<std::vector<Source>> LoadSources(
    const Options& options, const Clock& clock = SystemClock::Get(),
    absl::Span<const decode::SourceKind> kinds = decode::SourceKinds());

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_SOURCES_H_
