// What `incidentctl help` says.

#ifndef INCIDENTHUB_CLIENTS_CLI_HELP_H_
#define INCIDENTHUB_CLIENTS_CLI_HELP_H_

#include "absl/strings/string_view.h"
#include "clients/cli/arguments.h"

namespace incidenthub::client {

// The page of one command; of the program for kHelp and kVersion.
absl::string_view HelpText(Command command);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_HELP_H_
