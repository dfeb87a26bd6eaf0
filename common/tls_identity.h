// Who a server is to its clients: its certificate and key, and the authorities whose clients it
// takes, from PEM files that are read again when they change.
//
// The files change one after the other, whoever renews them. A state that does not fit together is
// refused as common/watched_file.h says, the one before stays in effect, and the next is tried.
//
// An expired certificate is served, and logged as an error: a client that checks it is told exactly
// what is wrong, where a server that does not start tells nobody anything, and those that do not
// check are no worse off.
//
// Threads: any. Keys are wiped with their material, and are never logged.

#ifndef INCIDENTHUB_COMMON_TLS_IDENTITY_H_
#define INCIDENTHUB_COMMON_TLS_IDENTITY_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "common/watched_file.h"

namespace incidenthub {

// Of each file.
inline constexpr size_t kTlsFileBytesMax = size_t{256} << 10;

struct TlsFiles {
  // The server's own certificate first, then those that lead to its authority.
  std::string certificate_file;
  // The first certificate's, not encrypted.
  std::string key_file;
  // The authorities of clients. Empty: clients are asked for no certificate.
  std::string client_ca_file;
};

// One state of the files, checked: everything parses, and the key is the first certificate's.
// Immutable.
struct TlsMaterial {
  TlsMaterial() = default;
  ~TlsMaterial();
  TlsMaterial(const TlsMaterial&) = delete;
  TlsMaterial& operator=(const TlsMaterial&) = delete;

  std::string certificate_pem;
  std::string key_pem;
  // Empty: clients are asked for no certificate.
  std::string client_ca_pem;
  // Of the first certificate.
  absl::Time expire_time;
};

class TlsIdentity {
 public:
  // NOT_FOUND, PERMISSION_DENIED and so on: a file cannot be read. INVALID_ARGUMENT: one is of no
  // use, or they do not fit together. All name the file and say what is wrong. `clock` must outlive
  // the result.
  static absl::StatusOr<std::unique_ptr<TlsIdentity>> Load(TlsFiles files,
                                                           const Clock& clock = SystemClock::Get());

  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  // The newest state that is of use, never null. The same object as long as nothing has changed.
  std::shared_ptr<const TlsMaterial> Current() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  TlsIdentity(TlsFiles files, const Clock& clock);

  absl::Status Use(absl::Span<const std::string> texts) ABSL_LOCKS_EXCLUDED(mu_);
  // Complains about a certificate that does not count now.
  void LogValidity(absl::Time start_time, absl::Time expire_time) const;

  const TlsFiles names_;
  const Clock& clock_;
  WatchedFiles files_;

  absl::Mutex mu_;
  std::shared_ptr<const TlsMaterial> current_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_TLS_IDENTITY_H_
