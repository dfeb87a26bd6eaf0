// Lets calls in: whose they are, by their credentials, and whether those may make them; and the log
// of what was done with that.
//
// Threads: any.

#ifndef INCIDENTHUB_SERVER_RPC_GATE_H_
#define INCIDENTHUB_SERVER_RPC_GATE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/support/server_callback.h"
#include "server/access/access.h"
#include "server/access/rpcs.h"

namespace incidenthub {

// Why calls were refused here, as the reasons of their errors.
inline constexpr std::array<absl::string_view, 4> kRefusalReasons = {
    "CREDENTIAL_MISSING", "CREDENTIAL_INVALID", "CREDENTIAL_EXPIRED", "ROLE_MISSING"};

class Gate {
 public:
  // Null: the hub asks for no credentials, and everybody may do everything. `access` outlives it.
  explicit Gate(const Access* access) : access_(access) {}

  // Errors of Access::Identify; PERMISSION_DENIED / ROLE_MISSING. They are counted, and of audited
  // rpcs logged where the principal is known.
  absl::StatusOr<Caller> Admit(Rpc rpc, const grpc::CallbackServerContext& context) const;

  // Whether a call that was admitted may go on: its credential may have been taken away since, or
  // have expired. Errors as above.
  absl::Status AdmitAgain(Rpc rpc, const Caller& caller) const;

  // Calls refused since the start, by kRefusalReasons.
  uint64_t refused(size_t reason) const { return refused_[reason].load(std::memory_order_relaxed); }

 private:
  absl::StatusOr<Caller> Count(absl::StatusOr<Caller> caller) const;

  const Access* const access_;
  mutable std::array<std::atomic<uint64_t>, kRefusalReasons.size()> refused_{};
};

// A call as the audit log has it.
struct AuditedCall {
  Rpc rpc;
  std::string principal;
  std::string peer;
  // What it is about: the id of an incident, the name of a consumer or a backup, a number.
  std::string subject;
  // Who the caller says acted; empty: the rpc has no such field.
  std::string actor;
  // Of the event that it becomes; empty: the call has no trace.
  std::string trace_id{};
};
AuditedCall Audited(Rpc rpc, const Caller& caller, const grpc::CallbackServerContext& context,
                    std::string subject, std::string actor = "");

// One line, whatever came of the call. `sequence`: of the event that it is about; 0: none.
void LogAudit(const AuditedCall& call, const absl::Status& outcome, uint64_t sequence = 0,
              bool changed = false);

// Ends a call that does not begin.
grpc::ServerUnaryReactor* RefuseCall(grpc::CallbackServerContext* context,
                                     const absl::Status& status);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_GATE_H_
