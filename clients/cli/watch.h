// `incidentctl watch`.

#ifndef INCIDENTHUB_CLIENTS_CLI_WATCH_H_
#define INCIDENTHUB_CLIENTS_CLI_WATCH_H_

#include "clients/cli/commands.h"

namespace incidenthub::client {

// With a consumer it commits what it has printed, about each second and at the end.
//
// Prints entries until the process is interrupted (kOk), a limit of the invocation is reached
// (kOk), the output takes no more, the hub refuses, or cannot be reached at the beginning.
ExitCode RunWatch(const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_WATCH_H_
