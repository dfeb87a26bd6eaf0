// Early return on an error.

#ifndef INCIDENTHUB_COMMON_STATUS_MACROS_H_
#define INCIDENTHUB_COMMON_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define INCIDENTHUB_CONCAT_INNER(a, b) a##b
#define INCIDENTHUB_CONCAT(a, b) INCIDENTHUB_CONCAT_INNER(a, b)

// Evaluates an absl::Status once and returns it from the function unless it is OK.
#define RETURN_IF_ERROR(expression) \
  RETURN_IF_ERROR_INNER(INCIDENTHUB_CONCAT(status_value_, __LINE__), expression)
#define RETURN_IF_ERROR_INNER(status, expression) \
  do {                                            \
    absl::Status status = (expression);           \
    if (!(status).ok()) return status;            \
  } while (false)

// Evaluates an absl::StatusOr once; returns its error, or moves its value into `lhs`.
#define ASSIGN_OR_RETURN(lhs, expression) \
  ASSIGN_OR_RETURN_INNER(INCIDENTHUB_CONCAT(status_or_value_, __LINE__), lhs, expression)
#define ASSIGN_OR_RETURN_INNER(value, lhs, expression) \
  auto value = (expression);                           \
  if (!(value).ok()) return (value).status();          \
  lhs = *std::move(value)

#endif  // INCIDENTHUB_COMMON_STATUS_MACROS_H_
