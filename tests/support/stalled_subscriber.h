// A subscriber whose machine hangs: it opens a Subscribe stream over a bare socket, tells the hub
// that it may send without bound, and then reads nothing, not even from the socket.
//
// A client on gRPC cannot be this bad: its library goes on reading into its flow-control window.

#ifndef INCIDENTHUB_TESTS_SUPPORT_STALLED_SUBSCRIBER_H_
#define INCIDENTHUB_TESTS_SUPPORT_STALLED_SUBSCRIBER_H_

#include "absl/status/statusor.h"
#include "tests/support/tcp.h"

namespace incidenthub::testing {

// The open socket; closing it ends the stream. Errors as of ConnectTcp.
absl::StatusOr<OwnedFd> OpenStalledSubscriber(int port);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_STALLED_SUBSCRIBER_H_
