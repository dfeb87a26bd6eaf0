// What incidentctl takes from its process, as values and functions, so that tests run it whole in
// theirs.

#ifndef INCIDENTHUB_CLIENTS_CLI_ENVIRONMENT_H_
#define INCIDENTHUB_CLIENTS_CLI_ENVIRONMENT_H_

#include <cstddef>
#include <functional>
#include <ostream>
#include <string>

#include "absl/time/time.h"

namespace incidenthub::client {

// What incidentctl exits with; `incidentctl help` says the same.
enum class ExitCode : int {
  kOk = 0,
  // The hub answered, and refused.
  kRefused = 1,
  // The command line makes no sense.
  kUsage = 2,
  // The hub could not be reached, or did not answer in time.
  kUnreachable = 3,
  // The output could not be written.
  kOutput = 4,
};

// Threads: one; what `set_interrupt_action` was given runs on any.
struct Environment {
  // What was asked for.
  std::ostream& out;
  // Everything else: errors, notes.
  std::ostream& err;
  // Whether `out` is a terminal, and its width; 0: unknown, don't cut.
  bool out_is_terminal = false;
  size_t out_columns = 0;
  // Times are shown in this zone.
  absl::TimeZone time_zone;
  // The value of an environment variable; empty if it is not set.
  std::function<std::string(const std::string& name)> variable;
  // The name of the account that runs this; empty if it has none.
  std::function<std::string()> account_name;
  // From now on SIGINT and SIGTERM call `action` instead of ending the process. Null: as before;
  // when this returns no action runs any more.
  std::function<void(std::function<void()> action)> set_interrupt_action;
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_ENVIRONMENT_H_
