// TLS for those who connect: 1.2 and 1.3, with the certificate that its files hold now.
//
// A renewed certificate (common/tls_identity.h) counts for connections that come after it; open
// ones go on as they are. Sessions are not resumed: nothing of a connection outlives it, so neither
// does a client's certificate, once its authority is taken out of the file.
//
// Threads: any.

#ifndef INCIDENTHUB_GATEWAY_TLS_ACCEPTOR_H_
#define INCIDENTHUB_GATEWAY_TLS_ACCEPTOR_H_

#include <openssl/ssl.h>

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/tls_identity.h"
#include "gateway/transport.h"

namespace incidenthub::gateway {

class TlsAcceptor {
 public:
  // Errors as TlsIdentity::Load(); also INVALID_ARGUMENT: OpenSSL will not use the certificate, or
  // the key, as too weak. `clock` must outlive the result.
  static absl::StatusOr<std::unique_ptr<TlsAcceptor>> Load(TlsFiles files,
                                                           const Clock& clock = SystemClock::Get());

  TlsAcceptor(const TlsAcceptor&) = delete;
  TlsAcceptor& operator=(const TlsAcceptor&) = delete;

  // TLS over a fresh socket, which it takes over; the handshake is still to come. May read the
  // files. Null: there is no memory.
  std::unique_ptr<Transport> Accept(int fd) ABSL_LOCKS_EXCLUDED(mu_);

  // Of the certificate that the next connection gets.
  absl::Time expire_time() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Context = std::shared_ptr<SSL_CTX>;

  explicit TlsAcceptor(std::unique_ptr<TlsIdentity> identity);

  absl::Status Start() ABSL_LOCKS_EXCLUDED(mu_);
  // Looks at the files first.
  Context Current() ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Use(std::shared_ptr<const TlsMaterial> material) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::unique_ptr<TlsIdentity> identity_;
  absl::Mutex mu_;
  // The last that was tried.
  std::shared_ptr<const TlsMaterial> tried_ ABSL_GUARDED_BY(mu_);
  Context context_ ABSL_GUARDED_BY(mu_);
  // Of the certificate in `context_`.
  absl::Time expire_time_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_TLS_ACCEPTOR_H_
