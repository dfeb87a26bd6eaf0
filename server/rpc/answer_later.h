// Unary calls that are answered from the read pool.

#ifndef INCIDENTHUB_SERVER_RPC_ANSWER_LATER_H_
#define INCIDENTHUB_SERVER_RPC_ANSWER_LATER_H_

#include <utility>

#include "absl/time/time.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "grpcpp/support/server_callback.h"
#include "server/rpc/read_pool.h"

namespace incidenthub {

// Runs `answer`, which returns an absl::Status, on the pool, and finishes the call with it.
// RESOURCE_EXHAUSTED / QUEUE_FULL if too many wait there.
template <typename Answer>
grpc::ServerUnaryReactor* AnswerLater(ReadPool* pool, grpc::CallbackServerContext* context,
                                      Answer answer) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (!pool->TryPost([reactor, answer = std::move(answer)]() mutable {
        reactor->Finish(ToGrpcStatus(answer()));
      })) {
    reactor->Finish(ToGrpcStatus(WithRetryDelay(
        ReasonError("QUEUE_FULL", "too many reads wait already; try again"), absl::Seconds(1))));
  }
  return reactor;
}

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_ANSWER_LATER_H_
