#include "clients/cli/printing.h"

#include <algorithm>
#include <cstddef>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cpp/entry.h"
#include "common/error_details.h"
#include "google/protobuf/util/json_util.h"
#include "google/rpc/error_details.pb.h"

namespace incidenthub::client {
namespace {

constexpr absl::string_view kGap = "  ";
// Columns of the parts of an entry's line; longer parts push the rest to the right.
// Of LocalTime.
constexpr size_t kTimeColumns = 19;
constexpr size_t kTypeColumns = 14;
constexpr size_t kStateColumns = 12;
constexpr size_t kStatusColumns = 17;
constexpr size_t kIdColumns = 24;
// A line of a log is read, not scrolled sideways.
constexpr size_t kSummaryColumnsMax = 120;
// Less says nothing, even on a narrow terminal.
constexpr size_t kSummaryColumnsMin = 24;
constexpr size_t kNoteColumnsMax = 120;

// `STATE_OPEN` -> `open`; a value without a name is a number already.
std::string EnumName(absl::string_view full, absl::string_view prefix, int number) {
  if (full.empty()) return absl::StrCat(number);
  return absl::AsciiStrToLower(full.substr(prefix.size()));
}

// The text of the first tag called `name`; empty if there is none.
absl::string_view TagText(const google::protobuf::RepeatedPtrField<v1::Tag>& tags,
                          absl::string_view name) {
  const auto tag =
      std::find_if(tags.begin(), tags.end(), [name](const v1::Tag& t) { return t.name() == name; });
  return tag == tags.end() ? absl::string_view() : absl::string_view(tag->text());
}

// The alert that made the incident as bad as it is, else the first; null if there is none.
const v1::Alert* MainAlert(const v1::Incident& incident) {
  if (incident.alerts().empty()) return nullptr;
  const auto worst = std::find_if(
      incident.alerts().begin(), incident.alerts().end(), [&incident](const v1::Alert& alert) {
        return alert.status() == incident.status() && (!alert.has_active() || alert.active());
      });
  return worst == incident.alerts().end() ? &incident.alerts(0) : &*worst;
}

std::string AlertSubject(const v1::Alert& alert) {
  std::vector<std::string> parts;
  for (const std::string& property : {alert.primary_property(), alert.secondary_property()}) {
    const absl::string_view text = TagText(alert.tags(), property);
    if (!text.empty()) parts.push_back(absl::StrCat(property, "=", text));
  }
  return absl::StrJoin(parts, " ");
}

// Who did it, and how that is painted.
std::string CauseText(const v1::Event& event, Colour* colour) {
  if (event.has_action()) {
    *colour = Colour::kCyan;
    std::string text = absl::StrCat("by ", Printable(event.action().actor()));
    if (!event.action().note().empty()) {
      absl::StrAppend(&text, ": ", Cut(Printable(event.action().note()), kNoteColumnsMax));
    }
    return text;
  }
  *colour = Colour::kDim;
  if (event.has_system()) {
    return event.system().reason() == v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED
               ? "by the hub: the acknowledgement expired"
               : "by the hub";
  }
  if (event.has_upstream_result()) {
    const v1::Upstream& upstream = event.incident().upstream();
    return absl::StrCat("upstream ", UpstreamStateName(upstream.state()),
                        upstream.last_error().empty() ? "" : ": ",
                        Cut(Printable(upstream.last_error()), kNoteColumnsMax));
  }
  if (event.delivery().source().empty()) return "";
  const v1::Upstream& upstream = event.incident().upstream();
  // A delivery may also be the source's word on a resolve that it was told.
  const bool tells = upstream.has_update_time() &&
                     upstream.update_time().seconds() == event.commit_time().seconds() &&
                     upstream.update_time().nanos() == event.commit_time().nanos();
  return absl::StrCat(
      "from ", Printable(event.delivery().source()),
      tells ? absl::StrCat("; upstream ", UpstreamStateName(upstream.state())) : "");
}

// How much of a line's summary is shown beside `others` columns.
size_t SummaryColumns(size_t columns, size_t others) {
  if (columns == 0) return kSummaryColumnsMax;
  return std::clamp(columns - std::min(columns, others), kSummaryColumnsMin, kSummaryColumnsMax);
}

absl::string_view MembershipMark(v1::Membership membership) {
  switch (membership) {
    case v1::MEMBERSHIP_ENTERED:
      return "+";
    case v1::MEMBERSHIP_LEFT:
      return "-";
    default:
      return "~";
  }
}

// One line for an event, with `mark` after its time.
std::string MarkedLine(absl::string_view mark, const v1::Event& event, const Style& style) {
  const v1::Incident& incident = event.incident();
  const std::string head =
      absl::StrCat(LocalTime(event.has_commit_time(), event.commit_time(), style.time_zone), " ",
                   mark, Pad(EventTypeName(event.type()), kTypeColumns), " ");
  const std::string state = Pad(StateName(incident.state()), kStateColumns);
  const std::string status =
      Pad(absl::StrCat(StatusName(incident.severity(), incident.severity_text()), "/",
                       StatusName(incident.status(), incident.status_text())),
          kStatusColumns);
  const std::string id = Pad(Printable(incident.id()), kIdColumns);
  Colour cause_colour = Colour::kNone;
  const std::string cause = CauseText(event, &cause_colour);
  const size_t others = DisplayWidth(head) + DisplayWidth(state) + DisplayWidth(status) +
                        DisplayWidth(id) + DisplayWidth(cause) + 2 + 2 * kGap.size();
  const std::string summary = Cut(Summary(incident), SummaryColumns(style.columns, others));
  return absl::StrCat(head, style.painter.Paint(StateColour(incident.state()), state), " ",
                      style.painter.Paint(StatusColour(incident.status()), status), " ",
                      style.painter.Paint(Colour::kBold, id), summary.empty() ? "" : kGap, summary,
                      cause.empty() ? "" : kGap, style.painter.Paint(cause_colour, cause));
}

// Leaves `detail` empty if `status` has none of its kind.
template <typename Detail>
void GetDetail(const absl::Status& status, Detail* detail) {
  const auto payload =
      status.GetPayload(absl::StrCat("type.googleapis.com/", Detail::descriptor()->full_name()));
  if (!payload.has_value() || !detail->ParseFromString(std::string(*payload))) detail->Clear();
}

absl::string_view Advice(absl::string_view reason, const absl::Status& status) {
  if (reason == "ETAG_MISMATCH") {
    return "it has changed since you read it: look again with `incidentctl get`, then decide";
  }
  if (reason == "MATCHER_INVALID") {
    return "in a shell a matcher stands in single quotes: --match='tag.host=~\"db-.*\"'";
  }
  if (reason == "RESUME_TOKEN_OTHER_MATCHERS") {
    return "give the --match flags of the watch that printed the token, or used the consumer";
  }
  if (reason == "CONSUMER_NOT_FOUND")
    return "`incidentctl consumers` shows the consumers there are";
  if (reason == "QUARANTINED_NOT_FOUND")
    return "`incidentctl quarantine list` shows the bodies there are";
  if (reason == "INCIDENT_NOT_FOUND") return "`incidentctl list` shows the incidents there are";
  if (reason == "REQUEST_ID_REUSED") {
    return "with --expire give a time, not how long: that is another time whenever it is sent";
  }
  if (reason == "CREDENTIAL_MISSING" || reason == "CREDENTIAL_INVALID") {
    return "say who you are by --token_file, or by --cert_file and --key_file";
  }
  if (reason == "INCIDENT_RESOLVED") return "it is over; there is nothing left to acknowledge";
  if (status.code() == absl::StatusCode::kUnimplemented) {
    return "is that address an incident-hub, of this version?";
  }
  return "";
}

// EntryLine for an incident that left without its event.
std::string BriefLine(const v1::Entry& entry, const Style& style) {
  return absl::StrCat(Pad("-", kTimeColumns), " ", MembershipMark(entry.membership()), " ",
                      Pad("-", kTypeColumns), " ",
                      style.painter.Paint(StateColour(StateOf(entry)),
                                          Pad(StateName(StateOf(entry)), kStateColumns)),
                      " ", Pad("-", kStatusColumns), " ",
                      style.painter.Paint(Colour::kBold, Printable(IncidentIdOf(entry))));
}

}  // namespace

std::string StateName(v1::State state) {
  if (state == v1::STATE_UNSPECIFIED) return "-";
  return EnumName(v1::State_Name(state), "STATE_", state);
}

std::string EventTypeName(v1::EventType type) {
  if (type == v1::EVENT_TYPE_UNSPECIFIED) return "-";
  return EnumName(v1::EventType_Name(type), "EVENT_TYPE_", type);
}

std::string UpstreamStateName(v1::Upstream::State state) {
  if (state == v1::Upstream::STATE_UNSPECIFIED) return "-";
  return EnumName(v1::Upstream::State_Name(state), "STATE_", state);
}

std::string StatusName(v1::Status status, absl::string_view text) {
  if (status != v1::STATUS_UNSPECIFIED) return EnumName(v1::Status_Name(status), "STATUS_", status);
  return text.empty() ? "-" : Printable(text);
}

Colour StateColour(v1::State state) {
  switch (state) {
    case v1::STATE_OPEN:
      return Colour::kRed;
    case v1::STATE_ACKNOWLEDGED:
      return Colour::kYellow;
    case v1::STATE_RESOLVED:
      return Colour::kGreen;
    default:
      return Colour::kNone;
  }
}

Colour StatusColour(v1::Status status) {
  switch (status) {
    case v1::STATUS_CRITICAL:
      return Colour::kRed;
    case v1::STATUS_WARNING:
    case v1::STATUS_UNKNOWN:
      return Colour::kYellow;
    case v1::STATUS_OK:
      return Colour::kGreen;
    default:
      return Colour::kNone;
  }
}

std::string LocalTime(bool set, const google::protobuf::Timestamp& time,
                      const absl::TimeZone& time_zone) {
  if (!set) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()), time_zone);
}

std::string Summary(const v1::Incident& incident) {
  std::string text;
  if (const v1::Alert* alert = MainAlert(incident); alert != nullptr) {
    text = AlertSubject(*alert);
    if (!alert->description().empty()) {
      absl::StrAppend(&text, text.empty() ? "" : ": ", alert->description());
    }
    const int others = incident.alerts_size() - 1;
    if (others > 0) {
      absl::StrAppend(&text, text.empty() ? "" : " ", "(+", others,
                      others == 1 ? " alert)" : " alerts)");
    }
  }
  if (text.empty()) {
    std::vector<std::string> parts;
    for (const v1::Tag& tag : incident.tags()) {
      parts.push_back(absl::StrCat(tag.name(), "=", tag.text()));
    }
    text = absl::StrJoin(parts, " ");
  }
  return Printable(text);
}

std::string Who(const v1::Incident& incident) {
  if (incident.has_resolution()) {
    // The source has no name; who acknowledged it before is no longer on it.
    return Printable(incident.resolution().actor());
  }
  if (incident.has_acknowledgement()) return Printable(incident.acknowledgement().actor());
  const v1::Person& assignee = incident.assignee();
  return Printable(assignee.name().empty() ? assignee.email() : assignee.name());
}

std::string EntryLine(const v1::Entry& entry, const Style& style) {
  if (!entry.has_event()) return BriefLine(entry, style);
  return MarkedLine(absl::StrCat(MembershipMark(entry.membership()), " "), entry.event(), style);
}

std::string EventLine(const v1::Event& event, const Style& style) {
  return MarkedLine("", event, style);
}

absl::StatusOr<std::string> Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no JSON form: ", std::string(status.message().data(), status.message().size())));
  }
  return json;
}

void AddMember(absl::string_view name, absl::string_view json, std::string* object) {
  object->pop_back();
  absl::StrAppend(object, *object == "{" ? "" : ",", "\"", name, "\":", json, "}");
}

std::string ErrorText(absl::string_view what, absl::string_view hub, const absl::Status& status) {
  const std::string message = Printable(status.message());
  const std::string prefix = absl::StrCat("incidentctl: ", Printable(what), ": ");
  const std::string reason = ErrorReason(status);
  const std::string code = absl::StatusCodeToString(status.code());
  if (ExitCodeOf(status) == ExitCode::kUnreachable) {
    return absl::StrCat(
        prefix, "no answer from a hub at ", Printable(hub), ": ", code, ": ", message,
        "\n  Is the address right (--hub, INCIDENTHUB_ADDRESS), and the hub up? One that "
        "speaks TLS wants --ca_file.\n");
  }
  std::string text = absl::StrCat(prefix, "the hub refused: ", code,
                                  reason.empty() ? "" : absl::StrCat(" (", Printable(reason), ")"),
                                  ": ", message, "\n");
  // Details say in part what the message says, for programs; what it says is not said again.
  google::rpc::BadRequest bad_request;
  GetDetail(status, &bad_request);
  for (const auto& violation : bad_request.field_violations()) {
    const std::string line =
        absl::StrCat(Printable(violation.field()), ": ", Printable(violation.description()));
    if (!absl::StrContains(message, line)) absl::StrAppend(&text, "  ", line, "\n");
  }
  google::rpc::ErrorInfo info;
  GetDetail(status, &info);
  // In an order that stays.
  for (const auto& [key, value] :
       std::map<std::string, std::string>(info.metadata().begin(), info.metadata().end())) {
    if (key == "incident_id" || (key == "field" && bad_request.field_violations_size() > 0))
      continue;
    absl::StrAppend(&text, "  ", Printable(key), " = ", Printable(value), "\n");
  }
  const absl::Duration delay = RetryDelay(status, absl::ZeroDuration());
  if (delay > absl::ZeroDuration()) {
    absl::StrAppend(&text, "  Try again in ", absl::FormatDuration(delay), ".\n");
  }
  const absl::string_view advice = Advice(reason, status);
  if (!advice.empty()) absl::StrAppend(&text, "  Hint: ", advice, ".\n");
  return text;
}

ExitCode ExitCodeOf(const absl::Status& status) {
  // A hub that answers says why; these codes without a reason come from the library, about one that
  // did not.
  const bool silent = status.code() == absl::StatusCode::kUnavailable ||
                      status.code() == absl::StatusCode::kDeadlineExceeded;
  return silent && ErrorReason(status).empty() ? ExitCode::kUnreachable : ExitCode::kRefused;
}

}  // namespace incidenthub::client
