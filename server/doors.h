// Who gets in: the gRPC port's TLS, and the list of who may call, as the flags ask for them.

#ifndef INCIDENTHUB_SERVER_DOORS_H_
#define INCIDENTHUB_SERVER_DOORS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "common/tls_identity.h"
#include "grpcpp/security/server_credentials.h"
#include "server/access/access.h"
#include "server/options.h"

namespace incidenthub {

struct Doors {
  // Null: plain text.
  std::unique_ptr<TlsIdentity> tls;
  // Never null. Outlives the gRPC server, which asks it for certificates and does not keep it.
  std::shared_ptr<grpc::ServerCredentials> credentials;
  // Null: everybody may do everything.
  std::unique_ptr<Access> access;
};

// Errors: of TlsIdentity and Access; they name the flag and the file.
absl::StatusOr<Doors> OpenDoors(const HubOptions& options);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOORS_H_
