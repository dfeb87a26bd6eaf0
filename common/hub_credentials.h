// How a client of the hub and the hub prove to each other who they are: what gateways, the C++
// client and incidentctl dial with.
//
// Files are read again when they change: the token for the next call, certificates for the next
// connection.
//
// Threads: any.

#ifndef INCIDENTHUB_COMMON_HUB_CREDENTIALS_H_
#define INCIDENTHUB_COMMON_HUB_CREDENTIALS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/watched_file.h"

namespace grpc {
class ChannelArguments;
class ChannelCredentials;
class ClientContext;
}  // namespace grpc

namespace incidenthub {

inline constexpr size_t kTokenFileBytesMax = 4096;
inline constexpr size_t kPemFileBytesMax = size_t{256} << 10U;

// Paths; empty: without.
struct HubCredentialFiles {
  // PEM, authorities that the hub's certificate is verified with. Without it the connection is
  // plain text, and whoever is on the way can read what is said, the token too.
  std::string ca_file{};
  // Holds one bearer token, and nothing else.
  std::string token_file{};
  // PEM, the client's certificate and its key. Both or neither, and with `ca_file`.
  std::string cert_file{};
  std::string key_file{};
  // The name that the hub's certificate has to have; empty: that of the address. For whoever dials
  // through a tunnel. With `ca_file`.
  std::string server_name{};
};

class HubCredentials {
 public:
  // INVALID_ARGUMENT: files that do not go together, or hold something else. NOT_FOUND,
  // PERMISSION_DENIED and so on: a file cannot be read; the error names it. `clock` must outlive
  // the result.
  static absl::StatusOr<std::shared_ptr<HubCredentials>> Load(
      HubCredentialFiles files, const Clock& clock = SystemClock::Get());

  // For a new channel, with its arguments.
  std::shared_ptr<grpc::ChannelCredentials> ForChannel(grpc::ChannelArguments* arguments) const;

  // For one call.
  void AddTo(grpc::ClientContext* context) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  HubCredentials(HubCredentialFiles files, const Clock& clock);

  absl::Status UseToken(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);

  const HubCredentialFiles files_;
  WatchedFile token_file_;

  absl::Mutex mu_;
  // "Bearer ..."; empty: there is none.
  std::string authorization_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_HUB_CREDENTIALS_H_
