// MaintenanceService: for whoever runs the hub.

#ifndef INCIDENTHUB_SERVER_RPC_MAINTENANCE_SERVICE_H_
#define INCIDENTHUB_SERVER_RPC_MAINTENANCE_SERVICE_H_

#include <atomic>

#include "common/repeated_line.h"
#include "incidenthub/v1/maintenance_service.grpc.pb.h"
#include "server/backup/backup.h"
#include "server/rpc/gate.h"
#include "server/rpc/read_pool.h"

namespace incidenthub {

class MaintenanceServiceImpl final
    : public v1::MaintenanceService::WithCallbackMethod_CreateBackup<
          v1::MaintenanceService::WithCallbackMethod_SetLogLevel<v1::MaintenanceService::Service>> {
 public:
  // Both outlive the service and its calls.
  MaintenanceServiceImpl(const Gate* gate, Backups* backups) : gate_(gate), backups_(backups) {}

  grpc::ServerUnaryReactor* CreateBackup(grpc::CallbackServerContext* context,
                                         const v1::CreateBackupRequest* request,
                                         v1::CreateBackupResponse* response) override;
  grpc::ServerUnaryReactor* SetLogLevel(grpc::CallbackServerContext* context,
                                        const v1::SetLogLevelRequest* request,
                                        v1::SetLogLevelResponse* response) override;

 private:
  absl::Status Create(const v1::CreateBackupRequest& request, v1::CreateBackupResponse* response);

  const Gate* const gate_;
  Backups* const backups_;
  std::atomic<bool> busy_{false};
  RepeatedLine failure_lines_;
  // For what takes long.
  ReadPool worker_{1, 1};
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_RPC_MAINTENANCE_SERVICE_H_
