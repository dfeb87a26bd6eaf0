// TLS on a connection's socket, as a server.
//
// Invariant: no signal; what is sent to a peer that is gone fails.
// A peer that ends its connection without TLS's own end is taken as one that has ended it: where a
// request ends its framing says.

#ifndef INCIDENTHUB_GATEWAY_TLS_TRANSPORT_H_
#define INCIDENTHUB_GATEWAY_TLS_TRANSPORT_H_

#include <openssl/ssl.h>

#include <memory>

#include "gateway/transport.h"

namespace incidenthub::gateway {

// Takes over `fd` in any case. Null: there is no memory. `context` has the modes and options that
// TlsAcceptor gives it.
std::unique_ptr<Transport> NewTlsTransport(SSL_CTX* context, int fd);

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_TLS_TRANSPORT_H_
