// gMock matchers for absl::Status and absl::StatusOr, which the packaged Abseil does not have.

#ifndef INCIDENTHUB_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define INCIDENTHUB_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& status_or) {
  return status_or.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

MATCHER_P(HasCode, code, "has code " + absl::StatusCodeToString(code)) {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code;
}

// An error with this ErrorInfo reason.
MATCHER_P(HasReason, reason, std::string("has reason ") + reason) {
  *result_listener << StatusOf(arg).ToString() << " with reason \"" << ErrorReason(StatusOf(arg))
                   << '"';
  return ErrorReason(StatusOf(arg)) == reason;
}

#define EXPECT_OK(expression) EXPECT_THAT(expression, ::incidenthub::testing::IsOk())
#define ASSERT_OK(expression) ASSERT_THAT(expression, ::incidenthub::testing::IsOk())

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_STATUS_MATCHERS_H_
