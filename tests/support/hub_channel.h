// How tests connect to a hub.

#ifndef INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_
#define INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_

#include <memory>

#include "grpcpp/channel.h"

namespace incidenthub::testing {

// A connection of its own to 127.0.0.1:`port`: not shared with other channels of the process,
// without a proxy, and quick to come back when the hub does. With `lookahead_bytes` it takes no
// more than about that from a hub before the program reads; 0: as much as gRPC finds good.
std::shared_ptr<grpc::Channel> ConnectToHub(int port, int lookahead_bytes = 0);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_
