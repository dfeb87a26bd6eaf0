// `incidentctl upstream`.

#ifndef INCIDENTHUB_CLIENTS_CLI_UPSTREAM_H_
#define INCIDENTHUB_CLIENTS_CLI_UPSTREAM_H_

#include "clients/cli/commands.h"

namespace incidenthub::client {

// Lists what sources are still to be told, or could not be.
ExitCode RunUpstream(const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_UPSTREAM_H_
