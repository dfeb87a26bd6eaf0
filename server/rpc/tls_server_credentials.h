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

// With authorities of clients in `identity` a client is asked for a certificate, may have none, and
// is refused with one that is not theirs. `identity` must outlive the result, and the result the
// server, which does not keep it.
std::shared_ptr<grpc::ServerCredentials> TlsServerCredentials(TlsIdentity* identity,
                                                              bool asks_for_certificate);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_TLS_SERVER_CREDENTIALS_H_
