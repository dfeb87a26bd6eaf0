#include "server/rpc/maintenance_service.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/logging.h"
#include "common/strings.h"
#include "server/domain/validate.h"

namespace incidenthub {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::StatusOr<LogLevel> ReadLevel(v1::LogLevel level) {
  switch (level) {
    case v1::LOG_LEVEL_DEBUG:
      return LogLevel::kDebug;
    case v1::LOG_LEVEL_INFO:
      return LogLevel::kInfo;
    case v1::LOG_LEVEL_WARNING:
      return LogLevel::kWarning;
    case v1::LOG_LEVEL_ERROR:
      return LogLevel::kError;
    default:
      return FieldError(kFieldInvalid, "level",
                        absl::StrCat("is ", level,
                                     "; it must be LOG_LEVEL_DEBUG, INFO, WARNING or "
                                     "ERROR"));
  }
}

v1::LogLevel ToProto(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return v1::LOG_LEVEL_DEBUG;
    case LogLevel::kInfo:
      return v1::LOG_LEVEL_INFO;
    case LogLevel::kWarning:
      return v1::LOG_LEVEL_WARNING;
    case LogLevel::kError:
    case LogLevel::kAudit:
      break;
  }
  return v1::LOG_LEVEL_ERROR;
}

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
    if (const auto left_out = failure_lines_.Next()) {
      Log(LogLevel::kWarning, "no backup was made",
          {{"name", Echo(request.name())}, {"error", backup.status()}, {"more_before", *left_out}});
    }
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

grpc::ServerUnaryReactor* MaintenanceServiceImpl::SetLogLevel(grpc::CallbackServerContext* context,
                                                              const v1::SetLogLevelRequest* request,
                                                              v1::SetLogLevelResponse* response) {
  const absl::StatusOr<Caller> caller = gate_->Admit(Rpc::kSetLogLevel, *context);
  if (!caller.ok()) return RefuseCall(context, caller.status());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<LogLevel> level = ReadLevel(request->level());
  if (level.ok()) {
    response->set_previous_level(ToProto(GetLogLevel()));
    incidenthub::SetLogLevel(*level);
  }
  LogAudit(Audited(Rpc::kSetLogLevel, *caller, *context,
                   level.ok() ? std::string(LogLevelName(*level)) : ""),
           level.status(), 0, level.ok());
  reactor->Finish(ToGrpcStatus(level.status()));
  return reactor;
}

}  // namespace incidenthub
