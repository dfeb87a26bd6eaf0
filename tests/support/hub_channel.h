// How tests connect to a hub.

#ifndef INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_
#define INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_

#include <memory>

#include "common/hub_credentials.h"
#include "grpcpp/channel.h"

namespace incidenthub::testing {

// A connection of its own to 127.0.0.1:`port`: not shared with other channels of the process,
// without a proxy, and quick to come back when the hub does. With `lookahead_bytes` it takes no
// more than about that from a hub before the program reads; 0: as much as gRPC finds good.
// `credentials` null: plain text.
std::shared_ptr<grpc::Channel> ConnectToHub(int port, int lookahead_bytes = 0,
                                            const HubCredentials* credentials = nullptr);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_
