// What can be called, and with which role: one table, which proto/ACCESS.md is written from.
//
// An rpc without a row does not pass the gate (server/rpc/gate.h); tests/access/rpcs_test.cc
// compares the rows with the services that there are. gRPC's health service has no row: everybody
// may ask it, since probes have no credentials.

#ifndef INCIDENTHUB_SERVER_ACCESS_RPCS_H_
#define INCIDENTHUB_SERVER_ACCESS_RPCS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace incidenthub {

// What a principal may do. None includes another.
enum class Role : uint8_t {
  // Hand over deliveries.
  kIngest = 1,
  // Follow and read incidents; keep a position.
  kViewer = 2,
  // Act on incidents.
  kResponder = 4,
  // Look after the hub: quarantine, backups, others' consumers.
  kAdmin = 8,
};
inline constexpr Role kRoles[] = {Role::kIngest, Role::kViewer, Role::kResponder, Role::kAdmin};

// As in files and error texts: "viewer".
absl::string_view NameOf(Role role);
absl::optional<Role> ParseRole(absl::string_view name);

class Roles {
 public:
  constexpr Roles() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): one role is a set of roles.
  constexpr Roles(Role role) : bits_(static_cast<uint8_t>(role)) {}
  static constexpr Roles All() {
    return Roles(Role::kIngest) | Role::kViewer | Role::kResponder | Role::kAdmin;
  }

  constexpr bool Has(Role role) const { return (bits_ & static_cast<uint8_t>(role)) != 0; }
  constexpr bool HasAnyOf(Roles roles) const { return (bits_ & roles.bits_) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  friend constexpr Roles operator|(Roles a, Roles b) {
    Roles both;
    both.bits_ = static_cast<uint8_t>(a.bits_ | b.bits_);
    return both;
  }
  friend constexpr bool operator==(Roles a, Roles b) { return a.bits_ == b.bits_; }

 private:
  uint8_t bits_ = 0;
};

// "viewer or admin".
std::string NamesOf(Roles roles);

enum class Rpc : uint8_t {
  kSubscribe,
  kGetIncident,
  kListIncidents,
  kListEvents,
  kAck,
  kUnack,
  kResolve,
  kIngest,
  kCommit,
  kListConsumers,
  kDeleteConsumer,
  kListUpstream,
  kListQuarantined,
  kGetQuarantined,
  kReplayQuarantined,
  kCreateBackup,
  kSetLogLevel,
  kServerReflectionInfo,
};

struct RpcRow {
  Rpc rpc;
  absl::string_view service;
  absl::string_view method;
  // Any of these is enough.
  Roles roles;
  // Whether each call is a line of the audit log.
  bool audited;
  // Markdown: what else is asked. Empty: nothing.
  absl::string_view note;
};

// In the order of Rpc.
inline constexpr RpcRow kRpcs[] = {
    {Rpc::kSubscribe, "incidenthub.v1.IncidentService", "Subscribe", Role::kViewer, false,
     "A `consumer` has to be the principal's own, or nobody's yet."},
    {Rpc::kGetIncident, "incidenthub.v1.IncidentService", "GetIncident", Role::kViewer, false, ""},
    {Rpc::kListIncidents, "incidenthub.v1.IncidentService", "ListIncidents", Role::kViewer, false,
     ""},
    {Rpc::kListEvents, "incidenthub.v1.IncidentService", "ListEvents", Role::kViewer, false, ""},
    {Rpc::kAck, "incidenthub.v1.IncidentService", "Ack", Role::kResponder, true, ""},
    {Rpc::kUnack, "incidenthub.v1.IncidentService", "Unack", Role::kResponder, true, ""},
    {Rpc::kResolve, "incidenthub.v1.IncidentService", "Resolve", Role::kResponder, true, ""},
    {Rpc::kIngest, "incidenthub.v1.IngestService", "Ingest", Role::kIngest, false, ""},
    {Rpc::kCommit, "incidenthub.v1.ConsumerService", "Commit", Role::kViewer, true,
     "The principal's own consumers only."},
    {Rpc::kListConsumers, "incidenthub.v1.ConsumerService", "ListConsumers", Role::kViewer, false,
     ""},
    {Rpc::kDeleteConsumer, "incidenthub.v1.ConsumerService", "DeleteConsumer",
     Roles(Role::kViewer) | Role::kAdmin, true,
     "With `viewer` the principal's own consumers, with `admin` everybody's."},
    {Rpc::kListUpstream, "incidenthub.v1.UpstreamService", "ListUpstream", Role::kViewer, false,
     ""},
    {Rpc::kListQuarantined, "incidenthub.v1.QuarantineService", "ListQuarantined", Role::kAdmin,
     true, ""},
    {Rpc::kGetQuarantined, "incidenthub.v1.QuarantineService", "GetQuarantined", Role::kAdmin, true,
     ""},
    {Rpc::kReplayQuarantined, "incidenthub.v1.QuarantineService", "ReplayQuarantined", Role::kAdmin,
     true, ""},
    {Rpc::kCreateBackup, "incidenthub.v1.MaintenanceService", "CreateBackup", Role::kAdmin, true,
     ""},
    {Rpc::kSetLogLevel, "incidenthub.v1.MaintenanceService", "SetLogLevel", Role::kAdmin, true, ""},
    {Rpc::kServerReflectionInfo, "grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo",
     Roles::All(), false, "What `grpcurl` asks for names and fields."},
};

constexpr const RpcRow& RowOf(Rpc rpc) { return kRpcs[static_cast<size_t>(rpc)]; }

namespace rpcs_internal {
constexpr bool AreInOrder() {
  size_t i = 0;
  for (const RpcRow& row : kRpcs) {
    if (static_cast<size_t>(row.rpc) != i++) return false;
  }
  return true;
}
static_assert(AreInOrder(), "RowOf goes by the place in the table");
}  // namespace rpcs_internal

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_ACCESS_RPCS_H_
