#include "server/access/access.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/error_details.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "common/strings.h"

namespace incidenthub {
namespace {

// Longer than any token that somebody would make; what is hashed is bounded by gRPC as well.
constexpr size_t kTokenBytesMax = 4096;
constexpr absl::string_view kBearer = "Bearer ";

}  // namespace

Access::Access(std::string file, const Clock& clock)
    : clock_(clock), file_(std::move(file), "access list", kAccessFileBytesMax, clock) {}

absl::StatusOr<std::unique_ptr<Access>> Access::Load(std::string file, const Clock& clock) {
  std::unique_ptr<Access> access(new Access(std::move(file), clock));
  RETURN_IF_ERROR(
      access->file_.Load([&access](absl::string_view text) { return access->Use(text); }));
  return access;
}

Access::~Access() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (watcher_.joinable()) watcher_.join();
}

void Access::Watch() {
  watcher_ = std::thread([this] {
    while (true) {
      {
        absl::MutexLock lock(&mu_);
        if (mu_.AwaitWithTimeout(absl::Condition(&stopping_), kFileCheckInterval)) return;
      }
      ReloadIfChanged();
    }
  });
}

void Access::ReloadIfChanged() {
  file_.ReloadIfChanged([this](absl::string_view text) { return Use(text); });
}

absl::Status Access::Use(absl::string_view text) {
  ASSIGN_OR_RETURN(std::shared_ptr<const AccessList> list, AccessList::Parse(text));
  absl::MutexLock lock(&mu_);
  list_ = std::move(list);
  return absl::OkStatus();
}

std::shared_ptr<const AccessList> Access::list() const {
  absl::MutexLock lock(&mu_);
  return list_;
}

absl::StatusOr<Caller> Access::Identify(const CallCredentials& credentials) const {
  if (credentials.authorization.empty()) {
    if (credentials.has_certificate) return FindCertificate(credentials.certificate_names);
    return ReasonError("CREDENTIAL_MISSING",
                       "the call has no credential: send the metadata `authorization: Bearer "
                       "TOKEN`, or a client certificate");
  }
  if (credentials.authorization.size() > 1) {
    return ReasonError("CREDENTIAL_INVALID",
                       "the metadata `authorization` stands more than once; send it once");
  }
  const absl::string_view value = ToAbsl(credentials.authorization[0]);
  const absl::string_view token = value.substr(std::min(value.size(), kBearer.size()));
  if (!absl::StartsWithIgnoreCase(value, kBearer) || token.empty() ||
      token.size() > kTokenBytesMax) {
    return ReasonError("CREDENTIAL_INVALID",
                       "the metadata `authorization` is not `Bearer`, one blank, and a token");
  }
  return FindToken(Sha256(token));
}

absl::StatusOr<Caller> Access::IdentifyAgain(const Caller& caller) const {
  if (caller.token.has_value()) return FindToken(*caller.token);
  return FindCertificate(caller.certificate_names);
}

absl::StatusOr<Caller> Access::FindToken(const TokenDigest& digest) const {
  const std::shared_ptr<const AccessList> known = list();
  const AccessList::Token* const token = known->FindToken(digest);
  if (token == nullptr) {
    return ReasonError("CREDENTIAL_INVALID",
                       "the token is not one of those that the hub was given");
  }
  if (token->expire_time <= clock_.Now()) {
    return ReasonError("CREDENTIAL_EXPIRED",
                       absl::StrCat("the token has expired at ",
                                    absl::FormatTime(token->expire_time, absl::UTCTimeZone()),
                                    "; ask whoever runs the hub for a new one"));
  }
  const Principal& principal = known->principals()[token->principal];
  return Caller{principal.name, principal.roles, digest, {}};
}

absl::StatusOr<Caller> Access::FindCertificate(const std::vector<std::string>& names) const {
  const std::shared_ptr<const AccessList> known = list();
  const Principal* const principal = known->FindCertificate(names);
  if (principal == nullptr) {
    return ReasonError("CREDENTIAL_INVALID",
                       "the hub knows none of the client certificate's subject alternative names");
  }
  return Caller{principal->name, principal->roles, absl::nullopt, names};
}

}  // namespace incidenthub
