// IncidentService: for services that follow incidents and people who act on them.

#ifndef INCIDENTHUB_SERVER_RPC_INCIDENT_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_INCIDENT_SERVICE_H_

#include <atomic>
#include <cstddef>

#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "server/access/rpcs.h"
#include "server/core/sequencer.h"
#include "server/rpc/gate.h"
#include "server/rpc/read_pool.h"
#include "server/rpc/subscribe_reactor.h"
#include "server/store/store.h"

namespace incidenthub {

// Subscribe is raw, so that its messages can share their bytes; the others are generated code's.
using IncidentServiceBase = v1::IncidentService::WithRawCallbackMethod_Subscribe<
    v1::IncidentService::WithCallbackMethod_Ack<v1::IncidentService::WithCallbackMethod_Unack<
        v1::IncidentService::WithCallbackMethod_Resolve<
            v1::IncidentService::WithCallbackMethod_GetIncident<
                v1::IncidentService::WithCallbackMethod_ListIncidents<
                    v1::IncidentService::WithCallbackMethod_ListEvents<
                        v1::IncidentService::Service>>>>>>>;

class IncidentServiceImpl final : public IncidentServiceBase {
 public:
  struct Environment {
    const Gate* gate = nullptr;
    Sequencer* sequencer = nullptr;
    const Store* store = nullptr;
    ReadPool* read_pool = nullptr;
    SubscribeReactor::Environment subscribe;
    // Subscribe streams open at once; more are refused.
    size_t max_streams = 0;
  };

  // Everything in `environment` outlives the service and its calls.
  explicit IncidentServiceImpl(const Environment& environment) : environment_(environment) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* Ack(grpc::CallbackServerContext* context, const v1::AckRequest* request,
                                v1::AckResponse* response) override;
  grpc::ServerUnaryReactor* Unack(grpc::CallbackServerContext* context,
                                  const v1::UnackRequest* request,
                                  v1::UnackResponse* response) override;
  grpc::ServerUnaryReactor* Resolve(grpc::CallbackServerContext* context,
                                    const v1::ResolveRequest* request,
                                    v1::ResolveResponse* response) override;
  grpc::ServerUnaryReactor* GetIncident(grpc::CallbackServerContext* context,
                                        const v1::GetIncidentRequest* request,
                                        v1::GetIncidentResponse* response) override;
  grpc::ServerUnaryReactor* ListIncidents(grpc::CallbackServerContext* context,
                                          const v1::ListIncidentsRequest* request,
                                          v1::ListIncidentsResponse* response) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override;

 private:
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* Submit(Rpc rpc, grpc::CallbackServerContext* context,
                                   const Request& request, Response* response);
  // Runs `read` on the read pool, and finishes with what it returns.
  template <typename Read>
  grpc::ServerUnaryReactor* ReadLater(Rpc rpc, grpc::CallbackServerContext* context, Read read);
  absl::Status Get(const v1::GetIncidentRequest& request, v1::GetIncidentResponse* response) const;
  absl::Status List(const v1::ListIncidentsRequest& request,
                    v1::ListIncidentsResponse* response) const;

  const Environment environment_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_INCIDENT_SERVICE_H_
