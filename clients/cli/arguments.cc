#include "clients/cli/arguments.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "clients/cli/operands.h"
#include "common/status_macros.h"

namespace incidenthub::client {
namespace {

absl::Status UsageError(absl::string_view what) { return absl::InvalidArgumentError(what); }

struct CommandSpec {
  absl::string_view name;
  Command command;
};
constexpr CommandSpec kCommands[] = {
    {"list", Command::kList},         {"get", Command::kGet},
    {"history", Command::kHistory},   {"watch", Command::kWatch},
    {"ack", Command::kAck},           {"unack", Command::kUnack},
    {"resolve", Command::kResolve},   {"consumers", Command::kConsumers},
    {"upstream", Command::kUpstream}, {"quarantine", Command::kQuarantine},
    {"backup", Command::kBackup},     {"token", Command::kToken},
    {"backup", Command::kBackup},     {"log-level", Command::kLogLevel},
    {"help", Command::kHelp},         {"version", Command::kVersion}};

// What the flags set, before it is known which command they belong to.
struct Parsed {
  Invocation invocation;
  bool help = false;
  bool version = false;
  bool timeout = false;
};

absl::Status SetBool(absl::string_view value, bool* field) {
  if (absl::SimpleAtob(value, field)) return absl::OkStatus();
  return UsageError("is true or false");
}

absl::Status SetNumber(absl::string_view value, std::optional<uint64_t>* field) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(value, &number) || number == 0) {
    return UsageError("is a whole number, 1 or more");
  }
  *field = number;
  return absl::OkStatus();
}

absl::Status SetText(absl::string_view value, std::string* field) {
  *field = std::string(value);
  return absl::OkStatus();
}

absl::Status SetHub(absl::string_view value, Parsed* parsed) {
  if (value.empty() || absl::StrContains(value, "://")) {
    return UsageError(absl::StrCat("is HOST:PORT, like ", kDefaultHub));
  }
  const bool has_port = absl::StrContains(value, ':') && !absl::EndsWith(value, "]");
  parsed->invocation.hub = has_port ? std::string(value) : absl::StrCat(value, ":", kDefaultPort);
  return absl::OkStatus();
}

absl::Status SetColour(absl::string_view value, Parsed* parsed) {
  if (value == "auto") {
    parsed->invocation.colour = ColourMode::kAuto;
  } else if (value == "always") {
    parsed->invocation.colour = ColourMode::kAlways;
  } else if (value == "never") {
    parsed->invocation.colour = ColourMode::kNever;
  } else {
    return UsageError("is auto, always or never");
  }
  return absl::OkStatus();
}

absl::Status SetTimeout(absl::string_view value, Parsed* parsed) {
  absl::Duration timeout;
  double seconds = 0;
  if (absl::SimpleAtod(value, &seconds)) {
    timeout = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(value, &timeout)) {
    timeout = absl::ZeroDuration();
  }
  if (timeout <= absl::ZeroDuration() || timeout > kTimeoutMax) {
    return UsageError("is a time like 5s, 500ms or 1m, at most 1h");
  }
  parsed->invocation.timeout = timeout;
  parsed->timeout = true;
  return absl::OkStatus();
}

absl::Status SetStates(absl::string_view value, Parsed* parsed) {
  std::vector<v1::State> states;
  for (const absl::string_view name : absl::StrSplit(value, ',')) {
    v1::State state = v1::STATE_UNSPECIFIED;
    if (!v1::State_Parse(
            absl::StrCat("STATE_", absl::AsciiStrToUpper(absl::StripAsciiWhitespace(name))),
            &state) ||
        state == v1::STATE_UNSPECIFIED) {
      return UsageError("is some of open, acknowledged, resolved, with commas between");
    }
    states.push_back(state);
  }
  parsed->invocation.states = std::move(states);
  return absl::OkStatus();
}

absl::Status AddMatcher(absl::string_view value, Parsed* parsed) {
  if (value.empty()) return UsageError("is a matcher like state=open");
  parsed->invocation.matchers.emplace_back(value);
  return absl::OkStatus();
}

absl::Status SetResumeToken(absl::string_view value, Parsed* parsed) {
  // An empty one would quietly mean another start: a snapshot.
  if (value.empty()) return UsageError("is a token that an earlier watch printed");
  return SetText(value, &parsed->invocation.resume_token);
}

absl::Status SetConsumer(absl::string_view value, Parsed* parsed) {
  // An empty one would quietly mean none.
  if (value.empty()) return UsageError("is a name that the hub keeps a position for");
  return SetText(value, &parsed->invocation.consumer);
}

absl::Status SetEtag(absl::string_view value, Parsed* parsed) {
  // An empty one would quietly mean: act in any case.
  if (value.empty()) return UsageError("is an incident's etag, as `get` prints it");
  return SetText(value, &parsed->invocation.etag);
}

absl::Status SetRequestId(absl::string_view value, Parsed* parsed) {
  // An empty one would quietly mean none.
  if (value.empty()) return UsageError("is a name for this one request, like a UUID");
  return SetText(value, &parsed->invocation.request_id);
}

absl::Status SetExpire(absl::string_view value, Parsed* parsed) {
  Invocation& invocation = parsed->invocation;
  invocation.expire_after.reset();
  invocation.expire_time.reset();
  absl::Duration after;
  absl::Time time;
  std::string error;
  if (absl::ParseDuration(value, &after)) {
    if (after > absl::ZeroDuration() && after <= kExpireMax) {
      invocation.expire_after = after;
      return absl::OkStatus();
    }
  } else if (absl::ParseTime(absl::RFC3339_full, value, &time, &error) &&
             time != absl::InfiniteFuture() && time != absl::InfinitePast()) {
    invocation.expire_time = time;
    return absl::OkStatus();
  }
  return UsageError(
      "is how long, like 2h or 90m, at most 744h, or when, like 2026-01-02T15:04:05Z");
}

absl::Status SetActor(absl::string_view value, Parsed* parsed) {
  if (value.empty()) return UsageError("is who acts; leave it out to act as yourself");
  return SetText(value, &parsed->invocation.actor);
}

// A file that is not named is none.
template <std::string HubCredentialFiles::*kFile>
absl::Status SetFile(absl::string_view value, Parsed* parsed) {
  if (value.empty()) return UsageError("is the name of a file");
  return SetText(value, &(parsed->invocation.credentials.*kFile));
}

absl::Status SetServerName(absl::string_view value, Parsed* parsed) {
  if (value.empty()) return UsageError("is the name that the hub's certificate has");
  return SetText(value, &parsed->invocation.credentials.server_name);
}

constexpr unsigned Bit(Command command) { return 1U << static_cast<unsigned>(command); }
constexpr unsigned kEveryCommand = ~0U;
constexpr unsigned kActions = Bit(Command::kAck) | Bit(Command::kUnack) | Bit(Command::kResolve);

struct FlagSpec {
  absl::string_view name;
  // Whether it stands for `true` without a value.
  bool boolean;
  // The commands that take it.
  unsigned commands;
  // The error's message goes on after "--name ".
  absl::Status (*set)(absl::string_view value, Parsed* parsed);
};

constexpr FlagSpec kFlags[] = {
    {"hub", false, kEveryCommand, SetHub},
    {"json", true, kEveryCommand,
     [](absl::string_view v, Parsed* p) { return SetBool(v, &p->invocation.json); }},
    {"ca_file", false, kEveryCommand, SetFile<&HubCredentialFiles::ca_file>},
    {"token_file", false, kEveryCommand, SetFile<&HubCredentialFiles::token_file>},
    {"cert_file", false, kEveryCommand, SetFile<&HubCredentialFiles::cert_file>},
    {"key_file", false, kEveryCommand, SetFile<&HubCredentialFiles::key_file>},
    {"server_name", false, kEveryCommand, SetServerName},
    {"color", false, kEveryCommand, SetColour},
    {"timeout", false, kEveryCommand, SetTimeout},
    {"help", true, kEveryCommand,
     [](absl::string_view v, Parsed* p) { return SetBool(v, &p->help); }},
    {"version", true, kEveryCommand,
     [](absl::string_view v, Parsed* p) { return SetBool(v, &p->version); }},
    {"match", false, Bit(Command::kList) | Bit(Command::kWatch), AddMatcher},
    {"state", false, Bit(Command::kList), SetStates},
    {"from_now", true, Bit(Command::kWatch),
     [](absl::string_view v, Parsed* p) { return SetBool(v, &p->invocation.from_now); }},
    {"resume_token", false, Bit(Command::kWatch), SetResumeToken},
    {"require_history", true, Bit(Command::kWatch),
     [](absl::string_view v, Parsed* p) { return SetBool(v, &p->invocation.require_history); }},
    {"latest_only", true, Bit(Command::kWatch),
     [](absl::string_view v, Parsed* p) { return SetBool(v, &p->invocation.latest_only); }},
    {"consumer", false, Bit(Command::kWatch), SetConsumer},
    {"until_sequence", false, Bit(Command::kWatch),
     [](absl::string_view v, Parsed* p) { return SetNumber(v, &p->invocation.until_sequence); }},
    {"count", false, Bit(Command::kWatch) | Bit(Command::kHistory),
     [](absl::string_view v, Parsed* p) { return SetNumber(v, &p->invocation.count); }},
    {"note", false, kActions,
     [](absl::string_view v, Parsed* p) { return SetText(v, &p->invocation.note); }},
    {"actor", false, kActions, SetActor},
    {"etag", false, kActions, SetEtag},
    {"request_id", false, kActions, SetRequestId},
    {"expire", false, Bit(Command::kAck), SetExpire},
};

// Insertions, deletions and replacements between `a` and `b`.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// "; did you mean <prefix><name>?" for the nearest name of `specs` if it is near.
template <typename Specs>
std::string DidYouMean(absl::string_view typed, absl::string_view prefix, const Specs& specs) {
  constexpr size_t kNear = 2;
  absl::string_view nearest;
  size_t distance = kNear + 1;
  // Longer than any name and its typos: not worth the squares.
  if (typed.size() > 32) return "";
  for (const auto& spec : specs) {
    const size_t d = EditDistance(typed, spec.name);
    if (d < distance && d < spec.name.size()) {
      nearest = spec.name;
      distance = d;
    }
  }
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", prefix, nearest, "?");
}

const CommandSpec* FindCommand(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                   [name](const CommandSpec& spec) { return spec.name == name; });
  return found == std::end(kCommands) ? nullptr : found;
}

absl::Status UnknownCommand(absl::string_view name) {
  return UsageError(absl::StrCat("there is no command \"", name, "\"",
                                 DidYouMean(name, "", kCommands),
                                 "; `incidentctl help` lists them"));
}

struct Given {
  const FlagSpec* spec;
  std::string value;
};

// Sorts `arguments` into flags, as given, and words.
absl::Status Split(const std::vector<std::string>& arguments, std::vector<Given>* flags,
                   std::vector<std::string>* words) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const absl::string_view argument = arguments[i];
    if (argument == "--") {
      words->insert(words->end(), arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    arguments.end());
      break;
    }
    const bool help = argument == "-h";
    if (!help && (argument == "-" || !absl::StartsWith(argument, "-"))) {
      words->push_back(arguments[i]);
      continue;
    }
    const size_t equals = argument.find('=');
    absl::string_view typed = help ? "--help" : argument.substr(0, equals);
    typed.remove_prefix(absl::StartsWith(typed, "--") ? 2 : 1);
    const std::string name = absl::StrReplaceAll(typed, {{"-", "_"}});
    const auto* spec = std::find_if(std::begin(kFlags), std::end(kFlags),
                                    [&name](const FlagSpec& flag) { return flag.name == name; });
    if (spec == std::end(kFlags)) {
      return UsageError(absl::StrCat("there is no flag ", argument.substr(0, equals),
                                     DidYouMean(name, "--", kFlags),
                                     "; `incidentctl help` lists them; an id that begins with - "
                                     "goes after --"));
    }
    if (equals != absl::string_view::npos) {
      flags->push_back({spec, std::string(argument.substr(equals + 1))});
    } else if (spec->boolean) {
      flags->push_back({spec, "true"});
    } else if (i + 1 < arguments.size()) {
      flags->push_back({spec, arguments[++i]});
    } else {
      return UsageError(absl::StrCat("--", spec->name, " needs a value: --", spec->name, "=..."));
    }
  }
  return absl::OkStatus();
}

absl::Status SetDefaultHub(const std::function<std::string(const std::string& name)>& variable,
                           Parsed* parsed) {
  const std::string hub = variable(std::string(kHubVariable));
  if (hub.empty()) return SetHub(kDefaultHub, parsed);
  absl::Status status = SetHub(hub, parsed);
  if (status.ok()) return status;
  return UsageError(absl::StrCat("the environment variable ", kHubVariable, " ", status.message(),
                                 "; it is \"", hub, "\""));
}

void SetDefaultFiles(const std::function<std::string(const std::string& name)>& variable,
                     HubCredentialFiles* files) {
  for (const auto& [file, name] : {std::pair{&files->ca_file, kCaFileVariable},
                                   std::pair{&files->token_file, kTokenFileVariable},
                                   std::pair{&files->cert_file, kCertFileVariable},
                                   std::pair{&files->key_file, kKeyFileVariable},
                                   std::pair{&files->server_name, kServerNameVariable}}) {
    if (file->empty()) *file = variable(std::string(name));
  }
}

}  // namespace

absl::string_view CommandName(Command command) {
  for (const CommandSpec& spec : kCommands) {
    if (spec.command == command) return spec.name;
  }
  return "";
}

absl::StatusOr<Invocation> ParseArguments(
    const std::vector<std::string>& arguments,
    const std::function<std::string(const std::string& name)>& variable) {
  std::vector<Given> flags;
  std::vector<std::string> words;
  RETURN_IF_ERROR(Split(arguments, &flags, &words));

  Parsed parsed;
  for (const Given& flag : flags) {
    const absl::Status status = flag.spec->set(flag.value, &parsed);
    if (!status.ok()) {
      return UsageError(absl::StrCat("--", flag.spec->name, " ", status.message(), "; it is \"",
                                     flag.value, "\""));
    }
  }

  Invocation& invocation = parsed.invocation;
  if (parsed.version) {
    invocation.command = Command::kVersion;
    return std::move(invocation);
  }
  if (words.empty()) {
    if (parsed.help) return std::move(invocation);
    return UsageError("no command was given; `incidentctl help` lists them");
  }
  const CommandSpec* spec = FindCommand(words[0]);
  if (spec == nullptr) return UnknownCommand(words[0]);
  if (parsed.help) {
    invocation.operands = {words[0]};
    return std::move(invocation);
  }
  invocation.command = spec->command;
  invocation.operands.assign(words.begin() + 1, words.end());
  if (invocation.command == Command::kBackup && !parsed.timeout) {
    invocation.timeout = kBackupTimeout;
  }
  for (const Given& flag : flags) {
    if ((flag.spec->commands & Bit(spec->command)) != 0) continue;
    return UsageError(absl::StrCat("--", flag.spec->name, " is no flag of ", spec->name,
                                   "; `incidentctl help ", spec->name, "` lists its flags"));
  }
  if (invocation.command == Command::kHelp && !invocation.operands.empty() &&
      FindCommand(invocation.operands[0]) == nullptr) {
    return UnknownCommand(invocation.operands[0]);
  }
  RETURN_IF_ERROR(CheckOperands(invocation));
  if (invocation.hub.empty() && invocation.command != Command::kHelp &&
      invocation.command != Command::kVersion) {
    RETURN_IF_ERROR(SetDefaultHub(variable, &parsed));
  }
  SetDefaultFiles(variable, &invocation.credentials);
  return std::move(invocation);
}

}  // namespace incidenthub::client
