// What goes to the log while something runs.

#ifndef INCIDENTHUB_TESTS_GATEWAY_SUPPORT_LOG_CAPTURE_H_
#define INCIDENTHUB_TESTS_GATEWAY_SUPPORT_LOG_CAPTURE_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "common/logging.h"
#include "gtest/gtest.h"

namespace incidenthub::gateway::testing {

// The lines that `f` logs.
inline std::string LogOf(absl::FunctionRef<void()> f) {
  // From here on lines are written at once, to standard error.
  FlushLogs();
  ::testing::internal::CaptureStderr();
  f();
  return ::testing::internal::GetCapturedStderr();
}

}  // namespace incidenthub::gateway::testing

#endif  // INCIDENTHUB_TESTS_GATEWAY_SUPPORT_LOG_CAPTURE_H_
