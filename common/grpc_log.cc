#include "common/grpc_log.h"

#include "common/logging.h"
#include "common/repeated_line.h"
#include "grpc/support/log.h"

namespace incidenthub {

void ForwardGrpcLog() {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
  gpr_set_log_function([](gpr_log_func_args* line) {
    // Whoever connects can have the library complain.
    static RepeatedLine lines(kOfCallers);
    if (const auto left_out = lines.Next()) {
      Log(LogLevel::kWarning, "grpc", {{"detail", line->message}, {"more_before", *left_out}});
    }
  });
}

}  // namespace incidenthub
