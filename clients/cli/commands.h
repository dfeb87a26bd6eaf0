// incidentctl as a function.

#ifndef INCIDENTHUB_CLIENTS_CLI_COMMANDS_H_
#define INCIDENTHUB_CLIENTS_CLI_COMMANDS_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "clients/cli/arguments.h"
#include "clients/cli/environment.h"
#include "clients/cli/printing.h"
#include "clients/cpp/incident_client.h"

namespace incidenthub::client {

// Does what `arguments` (without the program's name) say, and returns what to exit with. Nothing is
// thrown, and whatever went wrong was written to `environment.err`.
ExitCode RunIncidentctl(const std::vector<std::string>& arguments, Environment& environment);

// What the commands work with.
struct Session {
  const Invocation& invocation;
  Environment& environment;
  const IncidentClient& hub;
  const Style& style;
};

// Writes `line` and a newline, at once. False: the output does not take it.
bool WriteLine(absl::string_view line, Environment& environment);

// WriteLine of `json`; an error of it goes to the error output, with `what` that was about, made
// safe to print here.
ExitCode WriteJson(absl::string_view what, const absl::StatusOr<std::string>& json,
                   Environment& environment);

// Several operands are several calls; the worst answer is the one to exit with.
ExitCode Worse(ExitCode a, ExitCode b);

// Says which of the operands from `next` on were not tried, after a hub did not answer for the one
// before.
void SayNotTried(const Session& session, size_t next);

// Writes ErrorText(`what`, ...) to the error output and returns the code to exit with.
ExitCode Fail(absl::string_view what, const absl::Status& status, const Session& session);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_COMMANDS_H_
