// incidentctl token new: a bearer token for somebody who calls the hub. Asks no hub.

#ifndef INCIDENTHUB_CLIENTS_CLI_TOKEN_H_
#define INCIDENTHUB_CLIENTS_CLI_TOKEN_H_

#include <string>

#include "clients/cli/arguments.h"
#include "clients/cli/environment.h"
#include "clients/cli/printing.h"

namespace incidenthub::client {

// Random bytes of a token: more than anybody guesses, so that a hash without salt hides it.
inline constexpr size_t kTokenRandomBytes = 32;

struct NewToken {
  // "ih_", which tells scanners for secrets what it is, and letters, digits, `-` and `_`.
  std::string token;
  // Of it, in lower-case hexadecimal: what the hub gets.
  std::string sha256;
};
// INTERNAL: the machine has no randomness.
absl::StatusOr<NewToken> MakeToken();

ExitCode RunToken(const Invocation& invocation, Environment& environment);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_TOKEN_H_
