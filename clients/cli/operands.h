// What a command line has beside its flags.

#ifndef INCIDENTHUB_CLIENTS_CLI_OPERANDS_H_
#define INCIDENTHUB_CLIENTS_CLI_OPERANDS_H_

#include "absl/status/status.h"
#include "clients/cli/arguments.h"

namespace incidenthub::client {

// INVALID_ARGUMENT: what is missing, or too many, as ParseArguments says it.
absl::Status CheckOperands(const Invocation& invocation);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_OPERANDS_H_
