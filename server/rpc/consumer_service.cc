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
    const Caller& caller, const v1::CommitRequest& request) const {
  RETURN_IF_ERROR(ValidateConsumer(request.consumer()));
  ConsumerCommit commit;
  commit.name = request.consumer();
  commit.user = {caller.principal};
  ASSIGN_OR_RETURN(commit.token, DecodeResumeToken(request.resume_token()));
  commit.of_this_log = environment_.generations->Covers(
      commit.token.generation(), ReachOf(commit.token), environment_.store->applied());
  return commit;
}

grpc::ServerUnaryReactor* ConsumerServiceImpl::Commit(grpc::CallbackServerContext* context,
                                                      const v1::CommitRequest* request,
                                                      v1::CommitResponse* response) {
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(Rpc::kCommit, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  const AuditedCall call = Audited(Rpc::kCommit, *caller, *context, request->consumer());
  absl::StatusOr<ConsumerCommit> commit = ReadCommit(*caller, *request);
  if (!commit.ok()) {
    LogAudit(call, commit.status());
    return RefuseCall(context, commit.status());
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const Sequence position = commit->token.position();
  // A caller that hangs up cancels nothing; gRPC keeps `response` until Finish.
  const absl::Status added = commits_->Add(
      *std::move(commit), [call, position, reactor, response](const absl::StatusOr<bool>& changed) {
        LogAudit(call, changed.status(), position, changed.value_or(false));
        if (changed.ok()) response->set_changed(*changed);
        reactor->Finish(ToGrpcStatus(changed.status()));
      });
  if (!added.ok()) {
    LogAudit(call, added);
    reactor->Finish(ToGrpcStatus(added));
  }
  return reactor;
}

grpc::ServerUnaryReactor* ConsumerServiceImpl::ListConsumers(
    grpc::CallbackServerContext* context, const v1::ListConsumersRequest* request,
    v1::ListConsumersResponse* response) {
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(Rpc::kListConsumers, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
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
  const absl::StatusOr<Caller> caller = environment_.gate->Admit(Rpc::kDeleteConsumer, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  return AnswerLater(
      environment_.read_pool, context,
      [this, request, user = ConsumerUser{caller->principal, caller->roles.Has(Role::kAdmin)},
       call = Audited(Rpc::kDeleteConsumer, *caller, *context, request->consumer())] {
        absl::Status status = Delete(request->consumer(), user, call.peer);
        LogAudit(call, status, 0, status.ok());
        return status;
      });
}

absl::Status ConsumerServiceImpl::Delete(const std::string& name, const ConsumerUser& user,
                                         const std::string& peer) const {
  RETURN_IF_ERROR(ValidateConsumer(name));
  RETURN_IF_ERROR(environment_.consumers->Delete(name, user));
  environment_.live->End(name, ConsumerDeleted(name, peer));
  return absl::OkStatus();
}

}  // namespace incidenthub
