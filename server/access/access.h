// Who calls: credentials made principals, by a list that is read again when its file changes.
//
// Threads: any.

#ifndef INCIDENTHUB_SERVER_ACCESS_ACCESS_H_
#define INCIDENTHUB_SERVER_ACCESS_ACCESS_H_

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "common/watched_file.h"
#include "server/access/access_list.h"
#include "server/access/rpcs.h"

namespace incidenthub {

// What came with a call.
struct CallCredentials {
  // Values of `authorization`, as sent.
  std::vector<std::string> authorization;
  // Whether there was a client certificate that the hub's authorities vouch for, and its names.
  bool has_certificate = false;
  std::vector<std::string> certificate_names;
};

// Who calls. Where the hub asks for no credentials: nobody by name, who may do everything.
struct Caller {
  std::string principal;
  Roles roles = Roles::All();
  // What it was known by, to be looked up again; neither: it was not asked.
  absl::optional<TokenDigest> token;
  std::vector<std::string> certificate_names;
};

class Access {
 public:
  // Errors: of AccessList and WatchedFile; they name the file. `clock` must outlive the result.
  static absl::StatusOr<std::unique_ptr<Access>> Load(std::string file, const Clock& clock);
  ~Access();
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  // Reads the file again when it changes, on a thread of its own, until this goes. Call once.
  void Watch();
  // As that thread does, now; the file is looked at once in kFileCheckInterval.
  void ReloadIfChanged() ABSL_LOCKS_EXCLUDED(mu_);

  // A token counts rather than a certificate: one that is wrong is not made good by the other.
  // UNAUTHENTICATED / CREDENTIAL_MISSING, CREDENTIAL_INVALID, CREDENTIAL_EXPIRED. Nothing in the
  // error is what was sent.
  absl::StatusOr<Caller> Identify(const CallCredentials& credentials) const
      ABSL_LOCKS_EXCLUDED(mu_);

  // Who a caller of this hub is by now: its roles may have changed, its credential may have ended.
  // Errors as above.
  absl::StatusOr<Caller> IdentifyAgain(const Caller& caller) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  Access(std::string file, const Clock& clock);

  absl::Status Use(absl::string_view text) ABSL_LOCKS_EXCLUDED(mu_);
  std::shared_ptr<const AccessList> list() const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<Caller> FindToken(const TokenDigest& digest) const;
  absl::StatusOr<Caller> FindCertificate(const std::vector<std::string>& names) const;

  const Clock& clock_;
  WatchedFile file_;

  mutable absl::Mutex mu_;
  std::shared_ptr<const AccessList> list_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread watcher_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_ACCESS_ACCESS_H_
