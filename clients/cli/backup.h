// incidentctl backup.

#ifndef INCIDENTHUB_CLIENTS_CLI_BACKUP_H_
#define INCIDENTHUB_CLIENTS_CLI_BACKUP_H_

#include "clients/cli/commands.h"

namespace incidenthub::client {

ExitCode RunBackup(const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_BACKUP_H_
