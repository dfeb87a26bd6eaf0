#include "clients/cli/detail_view.h"

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/text.h"

namespace incidenthub::client {
namespace {

// Columns of a label, and of what stands before a list's lines.
constexpr size_t kLabelColumns = 15;
constexpr absl::string_view kIndent = "  ";

// Collects lines.
class Page {
 public:
  explicit Page(const Style& style) : style_(style) {}

  // `value` is printable; a field without one has no line.
  void Field(absl::string_view label, absl::string_view value) {
    if (value.empty()) return;
    absl::StrAppend(&text_, kIndent, Pad(absl::StrCat(label, ":"), kLabelColumns), " ", value,
                    "\n");
  }

  void Time(absl::string_view label, bool set, const google::protobuf::Timestamp& time) {
    if (set) Field(label, LocalTime(true, time, style_.time_zone));
  }

  void Heading(absl::string_view heading) {
    absl::StrAppend(&text_, style_.painter.Paint(Colour::kBold, heading), "\n");
  }

  // A line of a list, `depth` steps in.
  void Item(int depth, absl::string_view line) {
    for (int i = 0; i < depth; ++i) absl::StrAppend(&text_, kIndent);
    absl::StrAppend(&text_, line, "\n");
  }

  void Tags(int depth, const google::protobuf::RepeatedPtrField<v1::Tag>& tags) {
    for (const v1::Tag& tag : tags) {
      Item(depth, absl::StrCat(Printable(tag.name()), " = ", Printable(tag.text())));
    }
  }

  void Extra(int depth, const google::protobuf::Map<std::string, std::string>& extra) {
    // In an order that stays.
    for (const auto& [pointer, json] :
         std::map<std::string, std::string>(extra.begin(), extra.end())) {
      Item(depth, absl::StrCat(Printable(pointer), " = ", Printable(json)));
    }
  }

  const Style& style() const { return style_; }
  std::string Take() { return std::move(text_); }

 private:
  const Style& style_;
  std::string text_;
};

std::string YesNo(bool set, bool value) { return !set ? "" : value ? "yes" : "no"; }

std::string PersonText(const v1::Person& person) {
  std::vector<std::string> parts;
  if (!person.name().empty()) parts.push_back(Printable(person.name()));
  if (!person.email().empty()) parts.push_back(absl::StrCat("<", Printable(person.email()), ">"));
  if (parts.empty()) parts.push_back(Printable(person.user_id()));
  return absl::StrJoin(parts, " ");
}

std::string Quoted(absl::string_view note) {
  return note.empty() ? "" : absl::StrCat(": ", Printable(note));
}

std::string SnoozeText(const v1::Snooze& snooze, const Style& style) {
  if (!snooze.has_snoozed()) return "";
  if (!snooze.snoozed()) return "no";
  std::string text = "yes";
  if (snooze.has_wake_time()) {
    absl::StrAppend(&text, ", until ", LocalTime(true, snooze.wake_time(), style.time_zone));
  }
  if (snooze.auto_cancel()) absl::StrAppend(&text, ", or until it changes");
  return text;
}

std::string AcknowledgementText(const v1::Incident& incident, const Style& style) {
  if (!incident.has_acknowledgement()) return "";
  const v1::Acknowledgement& ack = incident.acknowledgement();
  std::string text = absl::StrCat("by ", Printable(ack.actor()), " at ",
                                  LocalTime(ack.has_time(), ack.time(), style.time_zone));
  if (ack.has_expire_time()) {
    absl::StrAppend(&text, ", until ", LocalTime(true, ack.expire_time(), style.time_zone));
  }
  return absl::StrCat(text, Quoted(ack.note()));
}

std::string ResolutionText(const v1::Incident& incident, const Style& style) {
  if (!incident.has_resolution()) return "";
  const v1::Resolution& resolution = incident.resolution();
  const std::string who = resolution.origin() == v1::Resolution::ORIGIN_SOURCE
                              ? "its source"
                              : Printable(resolution.actor());
  return absl::StrCat("by ", who, " at ",
                      LocalTime(resolution.has_time(), resolution.time(), style.time_zone),
                      Quoted(resolution.note()));
}

std::string UpstreamText(const v1::Incident& incident) {
  if (!incident.has_upstream()) return "";
  const std::string& error = incident.upstream().last_error();
  return absl::StrCat(UpstreamStateName(incident.upstream().state()), error.empty() ? "" : ": ",
                      Printable(error));
}

void AddHead(const v1::Incident& incident, Page* page) {
  const Style& style = page->style();
  const std::string status = StatusName(incident.status(), incident.status_text());
  const std::string severity = StatusName(incident.severity(), incident.severity_text());
  page->Heading(absl::StrCat("Incident ", Printable(incident.id())));
  page->Field("Summary", Summary(incident));
  page->Field("State",
              style.painter.Paint(StateColour(incident.state()), StateName(incident.state())));
  page->Field("Status", absl::StrCat(style.painter.Paint(StatusColour(incident.status()), status),
                                     ", at worst ", severity));
  page->Field("Acknowledged", AcknowledgementText(incident, style));
  page->Field("Resolved", ResolutionText(incident, style));
  page->Field("Upstream", UpstreamText(incident));
  page->Field("Active", YesNo(incident.has_active(), incident.active()));
  page->Field("Flapping", YesNo(incident.has_flapping(), incident.flapping()));
  page->Field("Snoozed", SnoozeText(incident.snooze(), style));
  page->Time("Started", incident.has_start_time(), incident.start_time());
  page->Time("Changed", incident.has_change_time(), incident.change_time());
  page->Time("Updated", incident.has_update_time(), incident.update_time());
  page->Time("Ended", incident.has_end_time(), incident.end_time());
  page->Field("Source", Printable(incident.source()));
  page->Field("Environment",
              Printable(incident.environment().name().empty() ? incident.environment().id()
                                                              : incident.environment().name()));
  page->Field("Shared by", PersonText(incident.sender()));
  page->Field("Assigned to", PersonText(incident.assignee()));
  page->Field("Assigned by", PersonText(incident.assigner()));
  page->Field("Link", Printable(incident.links().landing_page()));
  page->Field("Comment", Printable(incident.last_comment().text()));
  page->Field("Sequence", absl::StrCat(incident.sequence()));
  page->Field("Etag", Printable(incident.etag()));
}

void AddAlert(const v1::Alert& alert, Page* page) {
  const Style& style = page->style();
  std::string line = absl::StrCat(
      style.painter.Paint(StatusColour(alert.status()),
                          StatusName(alert.status(), alert.status_text())),
      alert.has_active() && !alert.active() ? " (over)" : "", "  ", Printable(alert.id()));
  if (alert.has_start_time()) {
    absl::StrAppend(&line, "  since ", LocalTime(true, alert.start_time(), style.time_zone));
  }
  if (alert.has_end_time()) {
    absl::StrAppend(&line, " to ", LocalTime(true, alert.end_time(), style.time_zone));
  }
  if (!alert.source_system().empty()) {
    absl::StrAppend(&line, "  from ", Printable(alert.source_system()));
  }
  page->Item(1, line);
  if (!alert.description().empty()) page->Item(2, Printable(alert.description()));
  page->Tags(2, alert.tags());
  page->Extra(2, alert.extra());
}

void AddChange(const v1::RelatedChange& related, Page* page) {
  const v1::Change& change = related.change();
  std::vector<std::string> parts;
  for (const std::string& part : {related.match_certainty(), change.identifier(), change.status(),
                                  change.summary(), related.comment(), change.ticket_url()}) {
    if (!part.empty()) parts.push_back(Printable(part));
  }
  if (parts.empty()) parts.push_back(Printable(related.id()));
  page->Item(1, absl::StrJoin(parts, "  "));
}

}  // namespace

std::string DetailView(const v1::Incident& incident, const Style& style) {
  Page page(style);
  AddHead(incident, &page);
  if (!incident.tags().empty()) page.Heading("Tags");
  page.Tags(1, incident.tags());
  if (!incident.alerts().empty())
    page.Heading(absl::StrCat("Alerts (", incident.alerts_size(), ")"));
  for (const v1::Alert& alert : incident.alerts()) AddAlert(alert, &page);
  if (!incident.related_changes().empty()) {
    page.Heading(absl::StrCat("Related changes (", incident.related_changes_size(), ")"));
  }
  for (const v1::RelatedChange& related : incident.related_changes()) AddChange(related, &page);
  if (!incident.extra().empty()) page.Heading("Also sent");
  page.Extra(1, incident.extra());
  return page.Take();
}

}  // namespace incidenthub::client
