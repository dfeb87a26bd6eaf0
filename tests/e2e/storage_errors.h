// Errors that it takes some doing with a hub's files to see. Each makes a client be told of one,
// and returns what grpcurl printed.

#ifndef INCIDENTHUB_TESTS_E2E_STORAGE_ERRORS_H_
#define INCIDENTHUB_TESTS_E2E_STORAGE_ERRORS_H_

#include <string>

#include "tests/e2e/error_hub.h"

namespace incidenthub::testing {

std::string TooManyConsumers(ErrorHub* hub);
std::string QueueFull(ErrorHub* hub);
std::string LogOutcomeUnknown(ErrorHub* hub);
std::string DataDamaged(ErrorHub* hub);
std::string StorageFailed(ErrorHub* hub);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_STORAGE_ERRORS_H_
