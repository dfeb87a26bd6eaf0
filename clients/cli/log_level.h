// incidentctl log-level.

#ifndef INCIDENTHUB_CLIENTS_CLI_LOG_LEVEL_H_
#define INCIDENTHUB_CLIENTS_CLI_LOG_LEVEL_H_

#include "clients/cli/commands.h"

namespace incidenthub::client {

ExitCode RunLogLevel(const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_LOG_LEVEL_H_
