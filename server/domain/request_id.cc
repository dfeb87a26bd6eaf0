#include "server/domain/request_id.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/strings.h"
#include "server/domain/fnv.h"

namespace incidenthub {
namespace {

// Protobuf writes a message without maps the same way each time.
template <typename Request>
uint64_t Fingerprint(absl::string_view method, Request* request) {
  request->clear_request_id();
  return Fnv1a(absl::StrCat(method, " ", request->SerializeAsString()));
}

}  // namespace

uint64_t FingerprintOf(v1::AckRequest request) { return Fingerprint("Ack", &request); }
uint64_t FingerprintOf(v1::UnackRequest request) { return Fingerprint("Unack", &request); }
uint64_t FingerprintOf(v1::ResolveRequest request) { return Fingerprint("Resolve", &request); }

std::string RequestKey(absl::string_view principal, absl::string_view request_id) {
  // Neither has this byte. Without a principal it is the id, as hubs without credentials keep it.
  constexpr absl::string_view kEndOfPrincipal = "\x01";
  if (principal.empty()) return std::string(request_id);
  return absl::StrCat(principal, kEndOfPrincipal, request_id);
}

bool IsForgotten(absl::Time commit_time, absl::Time now) {
  return now - commit_time >= kRequestIdAge;
}

absl::Status CheckRepeat(const internal::v1::RememberedRequest& remembered,
                         absl::string_view request_id, uint64_t fingerprint) {
  if (remembered.fingerprint() == fingerprint) return absl::OkStatus();
  return FieldError(
      "REQUEST_ID_REUSED", "request_id",
      absl::StrCat("\"", Echo(request_id), "\" was the id of another command in the last ",
                   absl::ToInt64Hours(kRequestIdAge),
                   " hours; give every command an id of its own"));
}

}  // namespace incidenthub
