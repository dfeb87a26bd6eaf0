// UpstreamService: what sources are still to be told, for whoever runs the hub.

#ifndef INCIDENTHUB_SERVER_RPC_UPSTREAM_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_UPSTREAM_SERVICE_H_

#include "absl/status/status.h"
#include "incidenthub/v1/upstream_service.grpc.pb.h"
#include "server/rpc/gate.h"
#include "server/rpc/read_pool.h"
#include "server/store/store.h"
#include "server/upstream/worker.h"

namespace incidenthub {

// One page. Threads: any; may wait for a disk. Errors: INVALID_ARGUMENT; of Store.
absl::Status ReadUpstreamPage(const Store& store, const UpstreamWorker& worker,
                              const v1::ListUpstreamRequest& request,
                              v1::ListUpstreamResponse* response);

class UpstreamServiceImpl final : public v1::UpstreamService::CallbackService {
 public:
  // All of these outlive the service and its calls.
  UpstreamServiceImpl(const Gate* gate, const Store* store, const UpstreamWorker* worker,
                      ReadPool* read_pool)
      : gate_(gate), store_(store), worker_(worker), read_pool_(read_pool) {}

  grpc::ServerUnaryReactor* ListUpstream(grpc::CallbackServerContext* context,
                                         const v1::ListUpstreamRequest* request,
                                         v1::ListUpstreamResponse* response) override;

 private:
  const Gate* const gate_;
  const Store* const store_;
  const UpstreamWorker* const worker_;
  ReadPool* const read_pool_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_UPSTREAM_SERVICE_H_
