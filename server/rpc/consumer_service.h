// ConsumerService: for services that keep their position in the hub, and whoever looks after them.

#ifndef INCIDENTHUB_SERVER_RPC_CONSUMER_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_CONSUMER_SERVICE_H_

#include <functional>
#include <memory>

#include "incidenthub/v1/consumer_service.grpc.pb.h"
#include "server/access/access.h"
#include "server/domain/generation.h"
#include "server/fanout/live_subscriptions.h"
#include "server/rpc/commit_queue.h"
#include "server/rpc/gate.h"
#include "server/rpc/read_pool.h"
#include "server/store/consumers.h"
#include "server/store/store.h"

namespace incidenthub {

class ConsumerServiceImpl final : public v1::ConsumerService::CallbackService {
 public:
  struct Environment {
    const Gate* gate = nullptr;
    Consumers* consumers = nullptr;
    LiveSubscriptions* live = nullptr;
    const Store* store = nullptr;
    const Generations* generations = nullptr;
    ReadPool* read_pool = nullptr;
    // The highest sequence at or below which an event was dropped.
    std::function<Sequence()> floor;
  };

  // Everything in `environment` outlives the service and its calls; the consumers also the pool.
  explicit ConsumerServiceImpl(Environment environment);

  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context,
                                   const v1::CommitRequest* request,
                                   v1::CommitResponse* response) override;
  grpc::ServerUnaryReactor* ListConsumers(grpc::CallbackServerContext* context,
                                          const v1::ListConsumersRequest* request,
                                          v1::ListConsumersResponse* response) override;
  grpc::ServerUnaryReactor* DeleteConsumer(grpc::CallbackServerContext* context,
                                           const v1::DeleteConsumerRequest* request,
                                           v1::DeleteConsumerResponse* response) override;

 private:
  absl::StatusOr<ConsumerCommit> ReadCommit(const Caller& caller,
                                            const v1::CommitRequest& request) const;
  absl::Status Delete(const std::string& name, const ConsumerUser& user,
                      const std::string& peer) const;

  const Environment environment_;
  const std::shared_ptr<CommitQueue> commits_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_CONSUMER_SERVICE_H_
