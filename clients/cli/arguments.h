// incidentctl's command line: a command, its operands and flags, in any order.
//
// `--name=value` and `--name value` are the same, and so are `--from_now` and `--from-now`; the
// last of a repeated flag counts, but each `--match`. `--` ends the flags. Flag names mean the same
// with every command that takes them.
//
// Threads: any.

#ifndef INCIDENTHUB_CLIENTS_CLI_ARGUMENTS_H_
#define INCIDENTHUB_CLIENTS_CLI_ARGUMENTS_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/hub_credentials.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::client {

inline constexpr absl::string_view kDefaultHub = "127.0.0.1:50051";
// The port of `--hub=name`.
inline constexpr absl::string_view kDefaultPort = "50051";
// Environment variable with the default of `--hub`.
inline constexpr absl::string_view kHubVariable = "INCIDENTHUB_ADDRESS";
// And where the flags of the same names are not given.
inline constexpr absl::string_view kCaFileVariable = "INCIDENTHUB_CA_FILE";
inline constexpr absl::string_view kTokenFileVariable = "INCIDENTHUB_TOKEN_FILE";
inline constexpr absl::string_view kCertFileVariable = "INCIDENTHUB_CERT_FILE";
inline constexpr absl::string_view kKeyFileVariable = "INCIDENTHUB_KEY_FILE";
inline constexpr absl::string_view kServerNameVariable = "INCIDENTHUB_SERVER_NAME";
// `--timeout` of backup, where it is not given.
inline constexpr absl::Duration kBackupTimeout = absl::Minutes(10);
// Longest `--timeout`.
inline constexpr absl::Duration kTimeoutMax = absl::Hours(1);
// Longest `--expire`; the hub takes no more.
inline constexpr absl::Duration kExpireMax = absl::Hours(24 * 31);

enum class Command {
  kHelp,
  kVersion,
  kList,
  kGet,
  kHistory,
  kWatch,
  kAck,
  kUnack,
  kResolve,
  kConsumers,
  kUpstream,
  kQuarantine,
  kBackup,
  kToken,
  kLogLevel
};

// What `consumers` does instead of listing them, if it is its first operand.
inline constexpr absl::string_view kDeleteWord = "delete";

// What `quarantine` does: its first operand, if it has any.
inline constexpr absl::string_view kListWord = "list";
inline constexpr absl::string_view kShowWord = "show";
inline constexpr absl::string_view kReplayWord = "replay";

// What `token` does: its only operand.
inline constexpr absl::string_view kNewWord = "new";
// What `log-level` takes.
inline constexpr absl::string_view kLogLevelWords[] = {"debug", "info", "warning", "error"};

enum class ColourMode { kAuto, kAlways, kNever };

struct Invocation {
  Command command = Command::kHelp;
  // Incident ids; for kHelp at most one command's name, which exists; for kConsumers none, or
  // kDeleteWord and names; for kQuarantine none, or kListWord, or kShowWord and a number, or
  // kReplayWord and numbers; for kBackup at most a name; for kToken kNewWord; for kLogLevel a
  // level.
  std::vector<std::string> operands;

  // Every command. `hub` is what gRPC takes, host and port; not set for kHelp and kVersion.
  std::string hub;
  // What to prove to it, and what it has to prove.
  HubCredentialFiles credentials;
  bool json = false;
  ColourMode colour = ColourMode::kAuto;
  absl::Duration timeout = absl::Seconds(5);
  // list, watch. Empty: every incident. The hub checks them.
  std::vector<std::string> matchers;
  // list. Empty: every state.
  std::vector<v1::State> states;
  // watch.
  bool from_now = false;
  std::string resume_token;
  bool latest_only = false;
  bool require_history = false;
  std::string consumer;
  std::optional<uint64_t> until_sequence;
  // watch, history.
  std::optional<uint64_t> count;
  // ack. At most one of them: from now, or at a time.
  std::optional<absl::Duration> expire_after;
  std::optional<absl::Time> expire_time;
  // ack, unack, resolve.
  std::string note;
  std::string actor;
  std::string etag;
  std::string request_id;
};

// `arguments` without the program's name. INVALID_ARGUMENT: what is wrong and what to do about it,
// in one line that may hold anything that was typed.
absl::StatusOr<Invocation> ParseArguments(
    const std::vector<std::string>& arguments,
    const std::function<std::string(const std::string& name)>& variable);

// The name that is typed for `command`.
absl::string_view CommandName(Command command);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_ARGUMENTS_H_
