// What senders prove themselves with: secret values, from a file.
//
// The file has one value a line; blank lines and lines that begin with '#' are skipped, blanks
// around a value are dropped. Several values are valid at once, for rotation. A change is noticed
// as common/watched_file.h says.
//
// Invariants: (1) values are neither kept nor logged, only their SHA-256; (2) a comparison takes
//             the same time whatever was sent and whichever value it equals: what is compared are
//             hashes, whose beginning tells nothing of a value's, all of them and in constant time.
// Threads:    any.

#ifndef INCIDENTHUB_GATEWAY_CREDENTIALS_H_
#define INCIDENTHUB_GATEWAY_CREDENTIALS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/watched_file.h"

namespace incidenthub::gateway {

inline constexpr size_t kSecretFileBytesMax = size_t{64} << 10;
inline constexpr size_t kSecretsMax = 64;
inline constexpr absl::Duration kSecretCheckInterval = kFileCheckInterval;

class Credentials {
 public:
  // Whether a value may be in the file: empty, or words why not, without the value.
  using ValueCheck = absl::string_view (*)(absl::string_view value);

  // NOT_FOUND, PERMISSION_DENIED and so on: the file cannot be read. INVALID_ARGUMENT: it holds no
  // value, too much, or what `check` refuses. All name the file. `clock` must outlive the result.
  static absl::StatusOr<std::unique_ptr<Credentials>> Load(std::string path,
                                                           const Clock& clock = SystemClock::Get(),
                                                           ValueCheck check = nullptr);

  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Whether `value` is one of the file's.
  bool Accepts(absl::string_view value) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Digest = std::array<uint8_t, 32>;
  using Digests = std::vector<Digest>;

  Credentials(std::string path, const Clock& clock, ValueCheck check);

  absl::Status Use(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);

  const ValueCheck check_;
  WatchedFile file_;

  absl::Mutex mu_;
  std::shared_ptr<const Digests> digests_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_CREDENTIALS_H_
