// `incidentctl consumers`.

#ifndef INCIDENTHUB_CLIENTS_CLI_CONSUMERS_H_
#define INCIDENTHUB_CLIENTS_CLI_CONSUMERS_H_

#include "clients/cli/commands.h"

namespace incidenthub::client {

// Lists who follows the hub, or deletes the consumers that the invocation names.
ExitCode RunConsumers(const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_CONSUMERS_H_
