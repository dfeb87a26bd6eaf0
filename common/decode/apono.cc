#include "common/decode/apono.h"

#include <cstddef>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "common/decode/extra.h"
#include "common/decode/fields.h"
#include "common/decode/json.h"
#include "common/decode/json_pointer.h"
#include "common/decode/tags.h"
#include "common/decode/unmapped.h"
#include "common/decode/wire_time.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::decode {
namespace {

constexpr absl::string_view kKind = "apono";

// What a body says, on its way into a delivery.
struct Event {
  v1::Delivery* delivery = nullptr;
  v1::Incident* incident = nullptr;
  bool has_data = false;
  // data.id as text.
  std::string id;
  // Decoded once the id is known.
  JsonValue issues;
};

// Apono's words, and those of others.
v1::Status StatusOfAponoWord(absl::string_view word) {
  if (absl::EqualsIgnoreCase(word, "error")) return v1::STATUS_CRITICAL;
  if (absl::EqualsIgnoreCase(word, "active")) return v1::STATUS_OK;
  if (absl::EqualsIgnoreCase(word, "warning")) return v1::STATUS_WARNING;
  return v1::STATUS_UNSPECIFIED;
}

bool EventType(Extra& extra, const JsonValue& value, const JsonPointer& at, Event* event) {
  if (value.type() != JsonType::kString) return false;
  if (value.raw() == "\"\"") return true;
  return Text<&v1::SourceEvent::mutable_name>(extra, value, at, event->delivery->add_event_types());
}

bool EventTime(Extra&, const JsonValue& value, const JsonPointer&, Event* event) {
  const absl::optional<EpochTime> time = ReadTime(value);
  if (!time.has_value() || (time->seconds == 0 && time->nanos == 0)) return false;
  SetTimestamp(*time, event->incident->mutable_update_time());
  *event->incident->mutable_change_time() = event->incident->update_time();
  return time->exact;
}

bool Id(Extra&, const JsonValue& value, const JsonPointer&, Event* event) {
  std::string scratch;
  if (value.type() == JsonType::kNumber) {
    event->id = std::string(value.raw());
  } else if (value.type() == JsonType::kString) {
    event->id = std::string(value.String(&scratch));
  }
  // Of another type: then there is no id, and the body is no incident.
  return true;
}

template <const char* kName>
bool Tag(Extra&, const JsonValue& value, const JsonPointer&, Event* event) {
  AddTag(kName, value, event->incident->mutable_tags());
  return true;
}

bool Status(Extra& extra, const JsonValue& value, const JsonPointer& at, Event* event) {
  if (!Text<&v1::Incident::mutable_status_text>(extra, value, at, event->incident)) return false;
  event->incident->set_status(StatusOfAponoWord(event->incident->status_text()));
  return true;
}

bool Issues(Extra&, const JsonValue& value, const JsonPointer&, Event* event) {
  event->issues = value;
  return true;
}

constexpr char kNameTag[] = "integration_name";
constexpr char kTypeTag[] = "integration_type";

constexpr Field<Event> kDataFields[] = {
    {"id", Id},         {"name", Tag<kNameTag>}, {"type", Tag<kTypeTag>},
    {"status", Status}, {"issues", Issues},
};

bool Data(Extra& extra, const JsonValue& value, const JsonPointer& at, Event* event) {
  if (value.type() != JsonType::kObject) return false;
  event->has_data = true;
  DecodeObject(extra, value, at, kDataFields, event);
  return true;
}

constexpr Field<Event> kRootFields[] = {
    {"event_type", EventType},
    {"event_time", EventTime},
    {"data", Data},
};

bool IssueStatus(Extra& extra, const JsonValue& value, const JsonPointer& at, v1::Alert* alert) {
  if (!Text<&v1::Alert::mutable_status_text>(extra, value, at, alert)) return false;
  const v1::Status own = StatusOfAponoWord(alert->status_text());
  alert->set_status(own != v1::STATUS_UNSPECIFIED ? own : StatusOfWord(alert->status_text()));
  return true;
}

constexpr Field<v1::Alert> kIssueFields[] = {
    {"status", IssueStatus},
    {"message", Text<&v1::Alert::mutable_description>},
};

// One issue: an object, or its message alone.
void Issue(Extra& extra, const JsonValue& value, const JsonPointer& at, size_t place,
           Event* event) {
  v1::Alert alert;
  if (value.type() == JsonType::kObject) {
    Extra alert_extra = extra.Of(alert.mutable_extra(), at);
    DecodeObject(alert_extra, value, at, kIssueFields, &alert);
  } else if (!Text<&v1::Alert::mutable_description>(extra, value, at, &alert)) {
    return extra.Keep(at, value);
  }
  if (alert.ByteSizeLong() == 0) return;
  if (alert.status() != v1::STATUS_UNSPECIFIED) alert.set_active(alert.status() != v1::STATUS_OK);
  alert.set_id(absl::StrCat(event->id, "/", place));
  event->incident->add_alerts()->Swap(&alert);
}

void DecodeIssues(Extra& extra, const JsonPointer& at, Event* event) {
  const JsonValue& issues = event->issues;
  if (issues.type() == JsonType::kArray) {
    size_t place = 0;
    for (const JsonValue element : issues.Elements()) {
      Issue(extra, element, JsonPointer(at, place), place, event);
      ++place;
      if (extra.refused()) return;
    }
  } else if (issues.type() != JsonType::kAbsent) {
    Issue(extra, issues, at, 0, event);
  }
  v1::Incident& incident = *event->incident;
  if (incident.alerts_size() > 0 || extra.refused()) return;
  v1::Alert* const alert = incident.add_alerts();
  alert->set_id(event->id);
  alert->set_status(incident.status());
  alert->set_status_text(incident.status_text());
  if (incident.has_active()) alert->set_active(incident.active());
}

void SetActivity(Event* event) {
  v1::Incident& incident = *event->incident;
  event->delivery->set_ignore_unless_known(true);
  if (incident.status() == v1::STATUS_UNSPECIFIED) {
    event->delivery->set_activity(v1::ACTIVITY_UNCHANGED);
    return;
  }
  const bool is_over = incident.status() == v1::STATUS_OK;
  event->delivery->set_activity(is_over ? v1::ACTIVITY_INACTIVE : v1::ACTIVITY_ACTIVE);
  incident.set_active(!is_over);
  if (!is_over) incident.set_severity(incident.status());
  if (is_over && incident.has_update_time()) *incident.mutable_end_time() = incident.update_time();
}

// Decodes into `delivery`, which has its source; whether it is an incident at all, `findings` say.
void DecodeEvent(const JsonValue& root, v1::Delivery* delivery, Findings* findings) {
  const JsonPointer root_at;
  Event event;
  event.delivery = delivery;
  event.incident = delivery->mutable_incident();
  Extra extra(event.incident->mutable_extra(), root_at, findings);
  if (root.type() != JsonType::kObject) {
    return extra.Refuse(root_at,
                        absl::StrCat("is ", DescribeJsonType(root.type()), "; expected an object"));
  }
  const JsonPointer data_at(root_at, "data");
  const JsonPointer id_at(data_at, "id");
  DecodeObject(extra, root, root_at, kRootFields, &event);
  if (!event.has_data) {
    return extra.Refuse(data_at, absl::StrCat("is ", DescribeJsonType(root.Find("data").type()),
                                              "; expected an object that has an id"));
  }
  if (event.id.empty()) {
    return extra.Refuse(id_at, "says nothing; an integration's id is a string or a number");
  }
  event.incident->set_source(delivery->source());
  event.incident->set_id(absl::StrCat(delivery->source(), "/", event.id));
  if (event.incident->id().size() > kIncidentIdBytesMax) {
    return extra.Refuse(id_at, absl::StrCat("makes an incident's id, <source>/<data.id>, of ",
                                            event.incident->id().size(), " bytes, more than ",
                                            kIncidentIdBytesMax));
  }
  SetActivity(&event);
  DecodeIssues(extra, JsonPointer(data_at, "issues"), &event);
  if (event.incident->has_update_time()) {
    for (v1::SourceEvent& type : *delivery->mutable_event_types())
      *type.mutable_time() = event.incident->update_time();
  }
}

bool HasBrackets(absl::string_view text, absl::string_view begin, absl::string_view end) {
  const size_t at = text.find(begin);
  return at != absl::string_view::npos &&
         text.find(end, at + begin.size()) != absl::string_view::npos;
}

bool IsPlaceholder(const JsonValue& value) {
  if (value.type() != JsonType::kString) return false;
  std::string scratch;
  const absl::string_view text = value.String(&scratch);
  return HasBrackets(text, "{{", "}}") || HasBrackets(text, "${", "}") ||
         (text.size() > 2 && text.front() == '<' && text.back() == '>');
}

bool IsTest(const JsonValue& root) {
  if (root.type() != JsonType::kObject) return false;
  const JsonValue data = root.Find("data");
  return data.type() == JsonType::kObject &&
         (IsPlaceholder(data.Find("id")) || IsPlaceholder(data.Find("status")));
}

absl::StatusOr<Item> DecodeApono(std::string* body, absl::string_view source) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(body);
  std::string problem;
  if (!document.ok()) {
    if (ErrorReason(document.status()) != "TOO_MANY_VALUES") return document.status();
    problem = std::string(document.status().message());
  } else {
    Item item;
    item.raw = *body;
    item.delivery.set_source(source.data(), source.size());
    if (IsTest(document->root())) {
      item.outcome = Item::Outcome::kTest;
      return item;
    }
    Findings findings;
    DecodeEvent(document->root(), &item.delivery, &findings);
    problem = std::move(findings.problem);
    const size_t size = item.delivery.ByteSizeLong();
    if (problem.empty() && size > kDeliveryBytesMax) problem = TooLargeProblem("the body", size);
    if (problem.empty()) {
      item.outcome = Item::Outcome::kIncident;
      return item;
    }
  }
  ASSIGN_OR_RETURN(v1::Delivery delivery, UnmappedDelivery(kKind, *body, source, problem));
  return ItemOf(std::move(delivery), *body);
}

}  // namespace

absl::Status DecodeAponoBody(std::string* body, const SourceContext& context, ItemSink sink) {
  ASSIGN_OR_RETURN(Item item, DecodeApono(body, context.source));
  sink(std::move(item));
  return absl::OkStatus();
}

}  // namespace incidenthub::decode
