#include "server/rpc/maintenance_service.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/logging.h"
#include "common/strings.h"

namespace incidenthub {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

}  // namespace

grpc::ServerUnaryReactor* MaintenanceServiceImpl::CreateBackup(
    grpc::CallbackServerContext* context, const v1::CreateBackupRequest* request,
    v1::CreateBackupResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(Rpc::kCreateBackup, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  const AuditedCall call = Audited(Rpc::kCreateBackup, *caller, *context, request->name());
  if (busy_.exchange(true)) {
    const absl::Status busy = WithRetryDelay(
        ReasonError("QUEUE_FULL", "a backup is being made already; try again when it is done"),
        kRetryDelay);
    LogAudit(call, busy);
    return RefuseCall(context, busy);
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  // gRPC keeps `request` and `response` until Finish.
  worker_.Post([this, reactor, request, response, call] {
    const absl::Status status = Create(*request, response);
    LogAudit(call, status, 0, status.ok());
    busy_ = false;
    reactor->Finish(ToGrpcStatus(status));
  });
  return reactor;
}

absl::Status MaintenanceServiceImpl::Create(const v1::CreateBackupRequest& request,
                                            v1::CreateBackupResponse* response) {
  const absl::Time begin = absl::Now();
  absl::StatusOr<Backup> backup = backups_->Create(request.name());
  absl::Duration duration = absl::Now() - begin;
  if (!backup.ok()) {
    Log(LogLevel::kWarning, "no backup was made",
        {{"name", Echo(request.name())}, {"error", backup.status()}});
    return backup.status();
  }
  Log(LogLevel::kInfo, "backup made",
      {{"path", backup->path},
       {"head_sequence", backup->head},
       {"bytes", backup->bytes},
       {"seconds", duration}});
  response->set_name(std::move(backup->name));
  response->set_path(std::move(backup->path));
  response->set_head_sequence(backup->head);
  response->set_bytes(backup->bytes);
  response->mutable_duration()->set_seconds(
      absl::IDivDuration(duration, absl::Seconds(1), &duration));
  response->mutable_duration()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
  return absl::OkStatus();
}

}  // namespace incidenthub
