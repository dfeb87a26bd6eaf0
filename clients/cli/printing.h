// Incidents, events and errors as lines of text or JSON. What comes from outside is made safe to
// print here.
//
// Threads: any.

#ifndef INCIDENTHUB_CLIENTS_CLI_PRINTING_H_
#define INCIDENTHUB_CLIENTS_CLI_PRINTING_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cli/environment.h"
#include "clients/cli/text.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::client {

// How people see things: where they are, and whether their terminal has colours.
struct Style {
  absl::TimeZone time_zone;
  Painter painter = Painter(false);
  // Width of the terminal; 0: none.
  size_t columns = 0;
};

// `open`, `critical`, `acknowledged`, ... of an enum value; a number for a value that this program
// does not know.
std::string StateName(v1::State state);
std::string EventTypeName(v1::EventType type);
std::string UpstreamStateName(v1::Upstream::State state);
// The word for a status: the enum's, or else the source's own word for it; `-` if it reported none.
std::string StatusName(v1::Status status, absl::string_view text);

Colour StateColour(v1::State state);
Colour StatusColour(v1::Status status);

// `2026-01-02 03:04:05`; `-` if unset.
std::string LocalTime(bool set, const google::protobuf::Timestamp& time,
                      const absl::TimeZone& time_zone);

// What the incident is about, in a few words: what is affected and the description of the alert
// that says most. Empty if it says nothing.
std::string Summary(const v1::Incident& incident);

// Who is on it: the resolver, else the acknowledger, else the assignee. Empty if nobody is.
std::string Who(const v1::Incident& incident);

// One line for one entry of a subscription, which on a terminal gives way in its summary.
std::string EntryLine(const v1::Entry& entry, const Style& style);

// One line for one event of an incident's history, as EntryLine.
std::string EventLine(const v1::Event& event, const Style& style);

// Protobuf JSON in one line, with the field names of the protos. INVALID_ARGUMENT: a value has no
// JSON form (a time past the year 9999).
absl::StatusOr<std::string> Json(const google::protobuf::Message& message);

// Adds a member at the end of `object`, a JSON object. `json` is its value as JSON.
void AddMember(absl::string_view name, absl::string_view json, std::string* object);

// What was asked, why the hub said no or could not be reached, and what helps; several lines, each
// ends in a newline. `what` is made safe to print here.
std::string ErrorText(absl::string_view what, absl::string_view hub, const absl::Status& status);

// kUnreachable for what says that no hub answered, else kRefused.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_CLIENTS_CLI_PRINTING_H_
