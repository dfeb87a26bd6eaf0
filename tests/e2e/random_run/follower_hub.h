// How subscribers of a random run are connected to the hub.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FOLLOWER_HUB_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FOLLOWER_HUB_H_

#include <memory>

#include "grpcpp/channel.h"
#include "incidenthub/v1/consumer_service.grpc.pb.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/e2e/random_run/followers.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::testing {

class RandomFollower::Hub {
 public:
  explicit Hub(int port)
      : channel_(ConnectToHub(port, kLookaheadBytes)),
        rpc(v1::IncidentService::NewStub(channel_)),
        consumers(v1::ConsumerService::NewStub(channel_)) {}

 private:
  // So small that a program which does not read is felt by the hub at once.
  static constexpr int kLookaheadBytes = 16 << 10;
  const std::shared_ptr<grpc::Channel> channel_;

 public:
  const std::unique_ptr<v1::IncidentService::Stub> rpc;
  const std::unique_ptr<v1::ConsumerService::Stub> consumers;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FOLLOWER_HUB_H_
