// TLS for the gRPC port, with certificates that change while it serves.
//
// gRPC asks for the newest state of the files at each handshake (its certificate-config fetcher),
// so that a state counts for new connections at once, and only after TlsIdentity has checked it;
// its file watcher would put a broken pair into effect.

#ifndef INCIDENTHUB_SERVER_RPC_TLS_SERVER_CREDENTIALS_H_
#define INCIDENTHUB_SERVER_RPC_TLS_SERVER_CREDENTIALS_H_

#include <memory>

#include "common/tls_identity.h"
#include "grpcpp/security/server_credentials.h"

namespace incidenthub {

enum class ClientCertificates {
  // Clients are not asked.
  kNone,
  // They may have none; with one that is not of the authorities in `identity` they are refused.
  kOptional,
  // They are refused without one, too.
  kRequired,
};

// `identity` must outlive the result, and the result the
// server, which does not keep it.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(TlsIdentity* identity,
                                                              ClientCertificates clients);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_TLS_SERVER_CREDENTIALS_H_
