// How tests connect to a hub.

#ifndef INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_
#define INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_

#include <memory>

#include "grpcpp/channel.h"

namespace incidenthub::testing {

// A connection of its own to 127.0.0.1:`port`: not shared with other channels of the process,
// without a proxy, and quick to come back when the hub does.
std::shared_ptr<grpc::Channel> ConnectToHub(int port);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_HUB_CHANNEL_H_
