// What senders prove themselves with: whole values of one header, from a file.
//
// The file has one value a line; blank lines and lines that begin with '#' are skipped, blanks
// around a value are dropped. Several values are valid at once, for rotation. A change of the file
// is noticed within a second of the next request, without a thread; a file that has become
// unreadable or empty changes nothing and is complained about in the log.
//
// Invariants: (1) values are neither kept nor logged, only their SHA-256; (2) a comparison takes
// the
//             same time whatever was sent and whichever value it equals.
// Threads:    any.

#ifndef INCIDENTHUB_GATEWAY_CREDENTIALS_H_
#define INCIDENTHUB_GATEWAY_CREDENTIALS_H_

#include <array>
#include <atomic>
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

namespace incidenthub::gateway {

inline constexpr size_t kSecretFileBytesMax = size_t{64} << 10;
inline constexpr size_t kSecretsMax = 64;
inline constexpr absl::Duration kSecretCheckInterval = absl::Seconds(1);

class Credentials {
 public:
  // NOT_FOUND, PERMISSION_DENIED and so on: the file cannot be read. INVALID_ARGUMENT: it holds no
  // value, or too much. All name the file. `clock` must outlive the result.
  static absl::StatusOr<std::unique_ptr<Credentials>> Load(std::string path,
                                                           const Clock& clock = SystemClock::Get());

  Credentials(const Credentials&) = delete;
  Credentials& operator=(const Credentials&) = delete;

  // Whether `value` is one of the file's.
  bool Accepts(absl::string_view value);

 private:
  using Digest = std::array<uint8_t, 32>;
  using Digests = std::vector<Digest>;
  // What tells one state of the file from another.
  struct FileState {
    int64_t modified_nanos = 0;
    uint64_t inode = 0;
    int64_t size = 0;
    bool operator==(const FileState&) const = default;
  };
  struct Loaded {
    FileState state;
    std::shared_ptr<const Digests> digests;
  };

  Credentials(std::string path, const Clock& clock, Loaded loaded);

  static absl::StatusOr<Loaded> Read(const std::string& path);
  void ReloadIfChanged();

  const std::string path_;
  const Clock& clock_;
  // Unix nanoseconds of the next look at the file; whoever moves it on looks.
  std::atomic<int64_t> next_check_;

  absl::Mutex mu_;
  FileState loaded_ ABSL_GUARDED_BY(mu_);
  // The last state that could not be loaded: each is complained about once.
  FileState refused_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<const Digests> digests_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_CREDENTIALS_H_
