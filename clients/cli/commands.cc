#include "clients/cli/commands.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cli/backup.h"
#include "clients/cli/consumers.h"
#include "clients/cli/detail_view.h"
#include "clients/cli/help.h"
#include "clients/cli/log_level.h"
#include "clients/cli/quarantine.h"
#include "clients/cli/token.h"
#include "clients/cli/upstream.h"
#include "clients/cli/watch.h"

namespace incidenthub::client {
namespace {

// The name that incidentctl gives itself in the hub's logs.
constexpr absl::string_view kClientName = "incidentctl";

// Rows of `list`, until their widths are known.
class Table {
 public:
  void Add(const v1::Incident& incident, const absl::TimeZone& time_zone) {
    // One that changed while the pages were read comes again, and belongs at the end.
    const auto [seen, is_new] = row_of_.try_emplace(incident.id(), rows_.size());
    if (!is_new) {
      rows_[seen->second].gone = true;
      seen->second = rows_.size();
    }
    rows_.push_back(
        Row{{StateName(incident.state()), StatusName(incident.status(), incident.status_text()),
             StatusName(incident.severity(), incident.severity_text()),
             LocalTime(incident.has_start_time(), incident.start_time(), time_zone),
             Printable(incident.id()), Who(incident), Summary(incident)},
            {StateColour(incident.state()), StatusColour(incident.status()), Colour::kNone,
             Colour::kNone, Colour::kBold, Colour::kCyan, Colour::kNone}});
  }

  // Forgets an incident that no longer belongs in the table.
  void Remove(const std::string& id) {
    const auto seen = row_of_.find(id);
    if (seen == row_of_.end()) return;
    rows_[seen->second].gone = true;
    row_of_.erase(seen);
  }

  bool empty() const { return row_of_.empty(); }

  ExitCode Write(const Style& style, Environment& environment) const {
    const Row header = {{"STATE", "STATUS", "SEVERITY", "STARTED", "ID", "WHO", "SUMMARY"},
                        {Colour::kDim, Colour::kDim, Colour::kDim, Colour::kDim, Colour::kDim,
                         Colour::kDim, Colour::kDim}};
    std::array<size_t, kColumns> widths{};
    Widen(header, &widths);
    for (const Row& row : rows_) {
      if (!row.gone) Widen(row, &widths);
    }
    if (!WriteLine(Line(header, widths, style), environment)) return ExitCode::kOutput;
    for (const Row& row : rows_) {
      if (row.gone) continue;
      if (!WriteLine(Line(row, widths, style), environment)) return ExitCode::kOutput;
    }
    return ExitCode::kOk;
  }

 private:
  static constexpr size_t kColumns = 7;
  static constexpr absl::string_view kGap = "  ";

  struct Row {
    std::array<std::string, kColumns> cells;
    std::array<Colour, kColumns> colours;
    bool gone = false;
  };

  static void Widen(const Row& row, std::array<size_t, kColumns>* widths) {
    for (size_t i = 0; i < kColumns; ++i) {
      (*widths)[i] = std::max((*widths)[i], DisplayWidth(row.cells[i]));
    }
  }

  static std::string Line(const Row& row, const std::array<size_t, kColumns>& widths,
                          const Style& style) {
    std::string line;
    size_t used = 0;
    for (size_t i = 0; i < kColumns; ++i) {
      // The last one is not padded, and is what gives way on a narrow terminal; the id never does.
      const bool last = i + 1 == kColumns;
      std::string cell = last ? row.cells[i] : Pad(row.cells[i], widths[i]);
      if (last && style.columns > 0) {
        cell = style.columns > used ? Cut(cell, style.columns - used) : "";
      }
      absl::StrAppend(&line, style.painter.Paint(row.colours[i], cell), last ? "" : kGap);
      used += widths[i] + kGap.size();
    }
    absl::StripTrailingAsciiWhitespace(&line);
    return line;
  }

  std::vector<Row> rows_;
  absl::flat_hash_map<std::string, size_t> row_of_;
};

ExitCode RunList(const Session& session) {
  const Invocation& invocation = session.invocation;
  Environment& environment = session.environment;
  Table table;
  ExitCode code = ExitCode::kOk;
  const absl::Status status =
      session.hub.List(invocation.matchers, [&](const v1::Incident& incident) {
        const std::vector<v1::State>& states = invocation.states;
        const bool wanted = states.empty() || std::find(states.begin(), states.end(),
                                                        incident.state()) != states.end();
        if (invocation.json) {
          if (wanted) code = Worse(code, WriteJson(incident.id(), Json(incident), environment));
          return environment.out.good();
        }
        if (wanted) {
          table.Add(incident, session.style.time_zone);
        } else {
          table.Remove(incident.id());
        }
        return true;
      });
  if (!status.ok()) return Fail("list", status, session);
  if (invocation.json) return code;
  if (table.empty()) {
    environment.err << "incidentctl: no incidents"
                    << (invocation.states.empty() ? "" : " in these states")
                    << (invocation.matchers.empty() ? "" : " that match") << "\n";
    return ExitCode::kOk;
  }
  return table.Write(session.style, environment);
}

ExitCode RunGet(const Session& session) {
  ExitCode worst = ExitCode::kOk;
  bool first = true;
  const std::vector<std::string>& ids = session.invocation.operands;
  for (size_t i = 0; i < ids.size(); ++i) {
    const std::string& id = ids[i];
    const absl::StatusOr<v1::Incident> incident = session.hub.Get(id);
    ExitCode code = ExitCode::kOk;
    if (!incident.ok()) {
      code = Fail(absl::StrCat("get ", id), incident.status(), session);
    } else if (session.invocation.json) {
      code = WriteJson(id, Json(*incident), session.environment);
    } else {
      const std::string page = DetailView(*incident, session.style);
      session.environment.out << (first ? "" : "\n") << page << std::flush;
      if (!session.environment.out.good()) code = ExitCode::kOutput;
      first = false;
    }
    worst = Worse(worst, code);
    // The others would wait just as long for a hub that is not there.
    if (code == ExitCode::kUnreachable) SayNotTried(session, i + 1);
    if (code == ExitCode::kUnreachable || !session.environment.out.good()) break;
  }
  return worst;
}

ExitCode RunHistory(const Session& session) {
  const std::string& id = session.invocation.operands[0];
  Environment& environment = session.environment;
  ExitCode code = ExitCode::kOk;
  uint64_t left = session.invocation.count.value_or(std::numeric_limits<uint64_t>::max());
  const auto print = [&](const v1::Event& event) {
    code =
        Worse(code, session.invocation.json ? WriteJson(id, Json(event), environment)
                    : WriteLine(EventLine(event, session.style), environment) ? ExitCode::kOk
                                                                              : ExitCode::kOutput);
    return --left > 0 && environment.out.good();
  };
  bool truncated = false;
  const absl::Status status = session.hub.History(id, print, &truncated);
  if (truncated) environment.err << "incidentctl: what happened before, the hub has dropped\n";
  return status.ok() ? code : Fail(absl::StrCat("history ", id), status, session);
}

// What an Ack, an Unack or a Resolve came to, in words.
std::string OutcomeText(const v1::Incident& incident, bool changed, const Style& style) {
  if (incident.state() == v1::STATE_OPEN) {
    const std::string open = style.painter.Paint(StateColour(incident.state()), "open");
    return changed
               ? absl::StrCat(Printable(incident.id()), ": ", open, " (sequence ",
                              incident.sequence(), ")")
               : absl::StrCat(Printable(incident.id()), ": already ", open, "; nothing changed");
  }
  const bool resolved = incident.state() == v1::STATE_RESOLVED;
  const std::string actor =
      resolved ? incident.resolution().actor() : incident.acknowledgement().actor();
  const bool has_time =
      resolved ? incident.resolution().has_time() : incident.acknowledgement().has_time();
  const auto& time = resolved ? incident.resolution().time() : incident.acknowledgement().time();
  std::string text =
      absl::StrCat(Printable(incident.id()), ": ", changed ? "" : "already ",
                   style.painter.Paint(StateColour(incident.state()), StateName(incident.state())),
                   " by ", actor.empty() ? "its source" : Printable(actor));
  if (!resolved && incident.acknowledgement().has_expire_time()) {
    absl::StrAppend(&text, " until ",
                    LocalTime(true, incident.acknowledgement().expire_time(), style.time_zone));
  }
  if (changed) return absl::StrCat(text, " (sequence ", incident.sequence(), ")");
  if (has_time) absl::StrAppend(&text, " at ", LocalTime(true, time, style.time_zone));
  return absl::StrCat(text, "; nothing changed");
}

template <typename Response>
ExitCode WriteOutcome(const std::string& id, const Response& response, const Session& session) {
  if (session.invocation.json) {
    // Spelled out, because protobuf JSON leaves out a `false`, which is what a script asks for
    // here.
    absl::StatusOr<std::string> json = Json(response);
    if (json.ok() && !response.changed()) AddMember("changed", "false", &*json);
    return WriteJson(id, json, session.environment);
  }
  return WriteLine(OutcomeText(response.incident(), response.changed(), session.style),
                   session.environment)
             ? ExitCode::kOk
             : ExitCode::kOutput;
}

// The time that `--expire` stands for; unset without it.
void SetExpireTime(const Invocation& invocation, v1::AckRequest* request) {
  if (!invocation.expire_after.has_value() && !invocation.expire_time.has_value()) return;
  const absl::Time time = invocation.expire_time.has_value()
                              ? *invocation.expire_time
                              : absl::Now() + *invocation.expire_after;
  const int64_t seconds = absl::ToUnixSeconds(time);
  request->mutable_expire_time()->set_seconds(seconds);
  request->mutable_expire_time()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

// Ack, Unack or Resolve of every id; `call` is the client's method.
template <typename Request, typename Response>
ExitCode RunAction(const Session& session,
                   absl::StatusOr<Response> (IncidentClient::*call)(const Request&) const) {
  const Invocation& invocation = session.invocation;
  Environment& environment = session.environment;
  std::string actor = invocation.actor;
  if (actor.empty()) actor = environment.variable("USER");
  if (actor.empty()) actor = environment.account_name();
  if (actor.empty()) {
    environment.err << "incidentctl: your account has no name; say who acts with --actor=NAME\n";
    return ExitCode::kUsage;
  }
  ExitCode worst = ExitCode::kOk;
  for (size_t i = 0; i < invocation.operands.size(); ++i) {
    const std::string& id = invocation.operands[i];
    Request request;
    request.set_incident_id(id);
    request.set_actor(actor);
    request.set_note(invocation.note);
    request.set_etag(invocation.etag);
    request.set_request_id(invocation.request_id);
    if constexpr (std::is_same_v<Request, v1::AckRequest>) SetExpireTime(invocation, &request);
    const absl::StatusOr<Response> response = (session.hub.*call)(request);
    const ExitCode code = response.ok()
                              ? WriteOutcome(id, *response, session)
                              : Fail(absl::StrCat(CommandName(invocation.command), " ", id),
                                     response.status(), session);
    worst = Worse(worst, code);
    // A hub that is not there is not there for the others either. An output that is gone is no
    // reason to leave them.
    if (code == ExitCode::kUnreachable) {
      SayNotTried(session, i + 1);
      break;
    }
  }
  return worst;
}

bool WantsColour(const Invocation& invocation, const Environment& environment) {
  switch (invocation.colour) {
    case ColourMode::kAlways:
      return true;
    case ColourMode::kNever:
      return false;
    case ColourMode::kAuto:
      break;
  }
  return environment.out_is_terminal && environment.variable("NO_COLOR").empty() &&
         environment.variable("TERM") != "dumb";
}

ExitCode RunPage(const Invocation& invocation, Environment& environment) {
  if (invocation.command == Command::kVersion) {
    return WriteLine("incidentctl " INCIDENTHUB_VERSION, environment) ? ExitCode::kOk
                                                                      : ExitCode::kOutput;
  }
  Command about = Command::kHelp;
  for (const Command command :
       {Command::kList, Command::kGet, Command::kHistory, Command::kWatch, Command::kAck,
        Command::kUnack, Command::kResolve, Command::kConsumers, Command::kUpstream,
        Command::kQuarantine, Command::kBackup, Command::kLogLevel}) {
    if (!invocation.operands.empty() && invocation.operands[0] == CommandName(command)) {
      about = command;
    }
  }
  environment.out << HelpText(about) << std::flush;
  return environment.out.good() ? ExitCode::kOk : ExitCode::kOutput;
}

ExitCode RunCommand(const Session& session) {
  switch (session.invocation.command) {
    case Command::kList:
      return RunList(session);
    case Command::kGet:
      return RunGet(session);
    case Command::kHistory:
      return RunHistory(session);
    case Command::kWatch:
      return RunWatch(session);
    case Command::kAck:
      return RunAction(session, &IncidentClient::Ack);
    case Command::kUnack:
      return RunAction(session, &IncidentClient::Unack);
    case Command::kResolve:
      return RunAction(session, &IncidentClient::Resolve);
    case Command::kConsumers:
      return RunConsumers(session);
    case Command::kUpstream:
      return RunUpstream(session);
    case Command::kQuarantine:
      return RunQuarantine(session);
    case Command::kBackup:
      return RunBackup(session);
    case Command::kLogLevel:
      return RunLogLevel(session);
    case Command::kHelp:
    case Command::kVersion:
    case Command::kToken:
      break;
  }
  return RunPage(session.invocation, session.environment);
}

}  // namespace

bool WriteLine(absl::string_view line, Environment& environment) {
  // Lines are followed as they come, by people and by pipes.
  environment.out << line << "\n" << std::flush;
  return environment.out.good();
}

ExitCode WriteJson(absl::string_view what, const absl::StatusOr<std::string>& json,
                   Environment& environment) {
  if (json.ok()) return WriteLine(*json, environment) ? ExitCode::kOk : ExitCode::kOutput;
  environment.err << "incidentctl: " << Printable(what) << ": "
                  << Printable(json.status().message()) << "\n";
  return ExitCode::kOutput;
}

ExitCode Fail(absl::string_view what, const absl::Status& status, const Session& session) {
  session.environment.err << ErrorText(what, session.invocation.hub, status);
  return ExitCodeOf(status);
}

ExitCode Worse(ExitCode a, ExitCode b) { return std::max(a, b); }

void SayNotTried(const Session& session, size_t next) {
  const std::vector<std::string>& operands = session.invocation.operands;
  if (next >= operands.size()) return;
  session.environment.err << "  Not tried:";
  for (; next < operands.size(); ++next) {
    session.environment.err << " " << Printable(operands[next]);
  }
  session.environment.err << "\n";
}

ExitCode RunIncidentctl(const std::vector<std::string>& arguments, Environment& environment) {
  const absl::StatusOr<Invocation> invocation = ParseArguments(arguments, environment.variable);
  if (!invocation.ok()) {
    environment.err << "incidentctl: " << Printable(invocation.status().message()) << "\n";
    return ExitCode::kUsage;
  }
  ExitCode code = ExitCode::kOk;
  if (invocation->command == Command::kHelp || invocation->command == Command::kVersion) {
    code = RunPage(*invocation, environment);
  } else if (invocation->command == Command::kToken) {
    code = RunToken(*invocation, environment);
  } else {
    absl::StatusOr<std::shared_ptr<HubCredentials>> credentials =
        HubCredentials::Load(invocation->credentials);
    if (!credentials.ok()) {
      environment.err << "incidentctl: --ca_file, --token_file, --cert_file, --key_file, "
                         "--server_name: "
                      << Printable(credentials.status().message()) << "\n";
      return ExitCode::kUsage;
    }
    const IncidentClient hub({.address = invocation->hub,
                              .credentials = *std::move(credentials),
                              .timeout = invocation->timeout,
                              .name = std::string(kClientName)});
    const Style style{environment.time_zone, Painter(WantsColour(*invocation, environment)),
                      environment.out_is_terminal ? environment.out_columns : 0};
    code = RunCommand({*invocation, environment, hub, style});
  }
  if (!environment.out.good()) {
    environment.err << "incidentctl: the output could not be written\n";
    return ExitCode::kOutput;
  }
  return code;
}

}  // namespace incidenthub::client
