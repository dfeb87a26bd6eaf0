#include "server/rpc/gate.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/logging.h"
#include "common/strings.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/server_context.h"

namespace incidenthub {
namespace {

constexpr char kAuthorization[] = "authorization";

CallCredentials CredentialsOf(const grpc::CallbackServerContext& context) {
  CallCredentials credentials;
  const auto [first, last] = context.client_metadata().equal_range(kAuthorization);
  for (auto it = first; it != last; ++it) {
    credentials.authorization.emplace_back(it->second.data(), it->second.size());
  }
  const std::shared_ptr<const grpc::AuthContext> peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return credentials;
  credentials.has_certificate = true;
  for (const grpc::string_ref& name : peer->FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME)) {
    credentials.certificate_names.emplace_back(name.data(), name.size());
  }
  return credentials;
}

absl::Status CheckRole(Rpc rpc, const Caller& caller) {
  const RpcRow& row = RowOf(rpc);
  if (caller.roles.HasAnyOf(row.roles)) return absl::OkStatus();
  return ReasonError("ROLE_MISSING",
                     absl::StrCat(row.method, " takes the role ", NamesOf(row.roles),
                                  ", which principal \"", caller.principal,
                                  "\" does not have; whoever runs the hub gives roles in "
                                  "--access_config"));
}

}  // namespace

absl::StatusOr<Caller> Gate::Count(absl::StatusOr<Caller> caller) const {
  if (caller.ok()) return caller;
  const std::string reason = ErrorReason(caller.status());
  for (size_t i = 0; i < kRefusalReasons.size(); ++i) {
    if (kRefusalReasons[i] == reason) refused_[i].fetch_add(1, std::memory_order_relaxed);
  }
  return caller;
}

absl::StatusOr<Caller> Gate::Admit(Rpc rpc, const grpc::CallbackServerContext& context) const {
  if (access_ == nullptr) return Caller();
  absl::StatusOr<Caller> caller = access_->Identify(CredentialsOf(context));
  if (!caller.ok()) return Count(std::move(caller));
  absl::Status status = CheckRole(rpc, *caller);
  if (status.ok()) return caller;
  if (RowOf(rpc).audited) LogAudit(Audited(rpc, *caller, context, ""), status);
  return Count(std::move(status));
}

absl::Status Gate::AdmitAgain(Rpc rpc, const Caller& caller) const {
  if (access_ == nullptr) return absl::OkStatus();
  absl::StatusOr<Caller> now = access_->IdentifyAgain(caller);
  if (now.ok()) {
    if (absl::Status status = CheckRole(rpc, *now); !status.ok()) now = std::move(status);
  }
  return Count(std::move(now)).status();
}

AuditedCall Audited(Rpc rpc, const Caller& caller, const grpc::CallbackServerContext& context,
                    std::string subject, std::string actor) {
  return {rpc, caller.principal, context.peer(), std::move(subject), std::move(actor), ""};
}

void LogAudit(const AuditedCall& call, const absl::Status& outcome, uint64_t sequence,
              bool changed) {
  Log(LogLevel::kAudit, "audit",
      {{"method", RowOf(call.rpc).method},
       {"principal", call.principal},
       {"subject", Echo(call.subject)},
       {"actor", Echo(call.actor)},
       {"outcome", outcome.ok() ? "OK"
                                : absl::StrCat(absl::StatusCodeToString(outcome.code()), " ",
                                               ErrorReason(outcome), ": ", outcome.message())},
       {"sequence", sequence},
       {"changed", changed},
       {"trace_id", call.trace_id},
       {"peer", call.peer}});
}

grpc::ServerUnaryReactor* RefuseCall(grpc::CallbackServerContext* context,
                                     const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace incidenthub
