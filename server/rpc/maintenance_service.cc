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
      break;
  }
  return v1::LOG_LEVEL_ERROR;
}

}  // namespace

grpc::ServerUnaryReactor* MaintenanceServiceImpl::CreateBackup(
    grpc::CallbackServerContext* context, const v1::CreateBackupRequest* request,
    v1::CreateBackupResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (busy_.exchange(true)) {
    reactor->Finish(ToGrpcStatus(WithRetryDelay(
        ReasonError("QUEUE_FULL", "a backup is being made already; try again when it is done"),
        kRetryDelay)));
    return reactor;
  }
  // gRPC keeps `request` and `response` until Finish.
  worker_.Post([this, reactor, request, response, peer = context->peer()] {
    const absl::Status status = Create(*request, peer, response);
    busy_ = false;
    reactor->Finish(ToGrpcStatus(status));
  });
  return reactor;
}

absl::Status MaintenanceServiceImpl::Create(const v1::CreateBackupRequest& request,
                                            const std::string& peer,
                                            v1::CreateBackupResponse* response) {
  const absl::Time begin = absl::Now();
  absl::StatusOr<Backup> backup = backups_->Create(request.name());
  absl::Duration duration = absl::Now() - begin;
  if (!backup.ok()) {
    if (const auto left_out = failure_lines_.Next()) {
      Log(LogLevel::kWarning, "no backup was made",
          {{"name", Echo(request.name())},
           {"error", backup.status()},
           {"peer", peer},
           {"more_before", *left_out}});
    }
    return backup.status();
  }
  Log(LogLevel::kInfo, "backup made",
      {{"path", backup->path},
       {"head_sequence", backup->head},
       {"bytes", backup->bytes},
       {"seconds", duration},
       {"peer", peer}});
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
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::StatusOr<LogLevel> level = ReadLevel(request->level());
  if (level.ok()) {
    const LogLevel before = GetLogLevel();
    // While the more talkative of the two is in effect.
    if (*level < before) incidenthub::SetLogLevel(*level);
    Log(LogLevel::kWarning, "log level set",
        {{"log_level", LogLevelName(*level)},
         {"before", LogLevelName(before)},
         {"peer", context->peer()}});
    incidenthub::SetLogLevel(*level);
    response->set_previous_level(ToProto(before));
  }
  reactor->Finish(ToGrpcStatus(level.status()));
  return reactor;
}

}  // namespace incidenthub
