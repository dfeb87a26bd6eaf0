#include "common/grpc_log.h"

#include "common/logging.h"
#include "grpc/support/log.h"

namespace incidenthub {

void ForwardGrpcLog() {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function([](gpr_log_func_args* line) {
    Log(LogLevel::kWarning, "grpc", {{"detail", line->message}});
  });
}

}  // namespace incidenthub
