#include "server/rpc/consumer_service.h"

#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "grpcpp/server_context.h"
#include "server/domain/validate.h"
#include "server/fanout/resume_token.h"
#include "server/rpc/answer_later.h"
#include "server/rpc/consumer_page.h"

namespace incidenthub {

ConsumerServiceImpl::ConsumerServiceImpl(Environment environment)
    : environment_(std::move(environment)),
      commits_(std::make_shared<CommitQueue>(environment_.consumers, environment_.read_pool)) {}

absl::StatusOr<ConsumerCommit> ConsumerServiceImpl::ReadCommit(
    const v1::CommitRequest& request) const {
  RETURN_IF_ERROR(ValidateConsumer(request.consumer()));
  ConsumerCommit commit;
  commit.name = request.consumer();
  ASSIGN_OR_RETURN(commit.token, DecodeResumeToken(request.resume_token()));
  commit.of_this_log = environment_.generations->Covers(
      commit.token.generation(), ReachOf(commit.token), environment_.store->applied());
  return commit;
}

grpc::ServerUnaryReactor* ConsumerServiceImpl::Commit(grpc::CallbackServerContext* context,
                                                      const v1::CommitRequest* request,
                                                      v1::CommitResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::StatusOr<ConsumerCommit> commit = ReadCommit(*request);
  if (!commit.ok()) {
    reactor->Finish(ToGrpcStatus(commit.status()));
    return reactor;
  }
  // A caller that hangs up cancels nothing; gRPC keeps `response` until Finish.
  const absl::Status added =
      commits_->Add(*std::move(commit), [reactor, response](const absl::StatusOr<bool>& changed) {
        if (changed.ok()) response->set_changed(*changed);
        reactor->Finish(ToGrpcStatus(changed.status()));
      });
  if (!added.ok()) reactor->Finish(ToGrpcStatus(added));
  return reactor;
}

grpc::ServerUnaryReactor* ConsumerServiceImpl::ListConsumers(
    grpc::CallbackServerContext* context, const v1::ListConsumersRequest* request,
    v1::ListConsumersResponse* response) {
  return AnswerLater(environment_.read_pool, context, [this, request, response] {
    return ReadConsumerPage({.consumers = environment_.consumers,
                             .live = environment_.live,
                             .store = environment_.store,
                             .generations = environment_.generations,
                             .floor = environment_.floor()},
                            *request, absl::Now(), response);
  });
}

grpc::ServerUnaryReactor* ConsumerServiceImpl::DeleteConsumer(
    grpc::CallbackServerContext* context, const v1::DeleteConsumerRequest* request,
    v1::DeleteConsumerResponse* /*response*/) {
  return AnswerLater(
      environment_.read_pool, context, [this, request, peer = context->peer()]() -> absl::Status {
        const std::string& name = request->consumer();
        RETURN_IF_ERROR(ValidateConsumer(name));
        RETURN_IF_ERROR(environment_.consumers->Delete(name));
        environment_.live->End(name, ConsumerDeleted(name, peer));
        Log(LogLevel::kInfo, "consumer deleted", {{"consumer", name}, {"peer", peer}});
        return absl::OkStatus();
      });
}

}  // namespace incidenthub
