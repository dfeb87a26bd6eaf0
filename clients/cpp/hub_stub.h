// The connection that a client and its subscriptions share. For the sources of this folder only: it
// shows gRPC.

#ifndef INCIDENTHUB_CLIENTS_CPP_HUB_STUB_H_
#define INCIDENTHUB_CLIENTS_CPP_HUB_STUB_H_

#include <memory>

#include "grpcpp/channel.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"

namespace incidenthub::client {

// Threads: any.
struct HubStub {
  explicit HubStub(const std::shared_ptr<grpc::Channel>& channel)
      : rpc(v1::IncidentService::NewStub(channel)) {}

  const std::unique_ptr<v1::IncidentService::Stub> rpc;
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_HUB_STUB_H_
