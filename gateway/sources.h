// Who may send, and as which source: from a sources configuration
// (proto/incidenthub/internal/v1/gateway_config.proto), or from the flags for the one source
// `bigpanda`.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_SOURCES_H_
#define INCIDENTHUB_GATEWAY_SOURCES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/clock.h"
#include "common/decode/source_kinds.h"
#include "gateway/authenticator.h"
#include "gateway/credentials.h"
#include "gateway/options.h"

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

  // Whether the request proves to be from this source.
  bool Admits(const RequestHead& head) const;
  // Why the request was not admitted, as the value of WWW-Authenticate; empty: there is none to
  // give.
  std::string Challenge() const;
};

// The sources of `options.sources_config`; without one `bigpanda` by its flags, and if that accepts
// everybody, so do `alerts` and `apono`. Errors name the file and the source: NOT_FOUND and so on,
// INVALID_ARGUMENT. `clock` must outlive the result.
absl::StatusOr<std::vector<Source>> LoadSources(const Options& options,
                                                const Clock& clock = SystemClock::Get());

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_SOURCES_H_
