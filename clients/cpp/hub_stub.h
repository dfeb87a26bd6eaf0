// The connection that a client and its subscriptions share. For the sources of this folder only: it
// shows gRPC.

#ifndef INCIDENTHUB_CLIENTS_CPP_HUB_STUB_H_
#define INCIDENTHUB_CLIENTS_CPP_HUB_STUB_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/hub_credentials.h"
#include "grpcpp/channel.h"
#include "incidenthub/v1/consumer_service.grpc.pb.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "incidenthub/v1/maintenance_service.grpc.pb.h"
#include "incidenthub/v1/quarantine_service.grpc.pb.h"
#include "incidenthub/v1/upstream_service.grpc.pb.h"

namespace incidenthub::client {

// Threads: any.
struct Connection {
  explicit Connection(std::shared_ptr<grpc::Channel> a_channel)
      : channel(std::move(a_channel)),
        rpc(v1::IncidentService::NewStub(channel)),
        consumers(v1::ConsumerService::NewStub(channel)),
        maintenance(v1::MaintenanceService::NewStub(channel)),
        quarantine(v1::QuarantineService::NewStub(channel)),
        upstream(v1::UpstreamService::NewStub(channel)) {}

  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::IncidentService::Stub> rpc;
  const std::unique_ptr<v1::ConsumerService::Stub> consumers;
  const std::unique_ptr<v1::MaintenanceService::Stub> maintenance;
  const std::unique_ptr<v1::QuarantineService::Stub> quarantine;
  const std::unique_ptr<v1::UpstreamService::Stub> upstream;
};

// Threads: any.
class HubStub {
 public:
  // `credentials` null: plain text, and none.
  HubStub(std::string address, std::shared_ptr<HubCredentials> credentials);

  // Adds to a call who makes it.
  void Authorize(grpc::ClientContext* context) const;

  // For one call: of what is not connected gRPC decides when it tries again, and calls fail at once
  // until then.
  std::shared_ptr<Connection> Current() ABSL_LOCKS_EXCLUDED(mu_);

  // For one attempt of a caller that has waited its own time: a connection that failed is replaced
  // by a new one, so that the attempt is made now, and its error is its own.
  std::shared_ptr<Connection> ForAttempt() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const std::string address_;
  const std::shared_ptr<HubCredentials> credentials_;
  absl::Mutex mu_;
  std::shared_ptr<Connection> connection_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CPP_HUB_STUB_H_
