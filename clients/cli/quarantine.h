// `incidentctl quarantine`.

#ifndef INCIDENTHUB_CLIENTS_CLI_QUARANTINE_H_
#define INCIDENTHUB_CLIENTS_CLI_QUARANTINE_H_

#include "clients/cli/commands.h"

namespace incidenthub::client {

// Lists the bodies that map to no incident, shows one, or has some read again.
ExitCode RunQuarantine(const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_QUARANTINE_H_
