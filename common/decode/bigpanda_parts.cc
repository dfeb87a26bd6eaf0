#include "common/decode/bigpanda_parts.h"

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "common/decode/fields.h"
#include "common/decode/tags.h"
#include "incidenthub/v1/event.pb.h"

namespace incidenthub::decode {
namespace {

// Two names for one field: the first in the body that says something fills it.
bool WakeTime(Extra& extra, const JsonValue& value, const JsonPointer& at, v1::Snooze* snooze) {
  return !snooze->has_wake_time() &&
         EndTime<&v1::Snooze::mutable_wake_time>(extra, value, at, snooze);
}

bool AutoCancel(Extra& extra, const JsonValue& value, const JsonPointer& at, v1::Snooze* snooze) {
  return !snooze->has_auto_cancel() && Flag<&v1::Snooze::set_auto_cancel>(extra, value, at, snooze);
}

constexpr Field<v1::Snooze> kSnoozeFields[] = {
    {"snoozed", Flag<&v1::Snooze::set_snoozed>},
    {"wake", WakeTime},
    {"autoCancel", AutoCancel},
    {"end_time", WakeTime},
    {"cancel_on_incident_updates", AutoCancel},
};

bool AlertTags(Extra& extra, const JsonValue& value, const JsonPointer& at, v1::Alert* alert) {
  return DecodeTags(extra, value, at, "name", alert->mutable_tags());
}

constexpr Field<v1::Alert> kAlertFields[] = {
    {"id", Text<&v1::Alert::mutable_id>},
    {"status", StatusWord<&v1::Alert::mutable_status_text, &v1::Alert::set_status>},
    {"startedOn", Time<&v1::Alert::mutable_start_time>},
    {"changedOn", Time<&v1::Alert::mutable_change_time>},
    {"updatedOn", Time<&v1::Alert::mutable_update_time>},
    {"endedOn", EndTime<&v1::Alert::mutable_end_time>},
    {"active", Flag<&v1::Alert::set_active>},
    {"primaryProperty", Text<&v1::Alert::mutable_primary_property>},
    {"secondaryProperty", Text<&v1::Alert::mutable_secondary_property>},
    {"sourceSystem", Text<&v1::Alert::mutable_source_system>},
    {"description", Text<&v1::Alert::mutable_description>},
    {"tags", AlertTags},
};

constexpr Field<v1::Links> kLinksFields[] = {
    {"landingPage", Text<&v1::Links::mutable_landing_page>},
};

constexpr Field<v1::RelatedChangeRevision> kRevisionFields[] = {
    {"updated_at", Time<&v1::RelatedChangeRevision::mutable_update_time>},
    {"comment", Text<&v1::RelatedChangeRevision::mutable_comment>},
    {"match_certainty", Text<&v1::RelatedChangeRevision::mutable_match_certainty>},
    {"match_type", Text<&v1::RelatedChangeRevision::mutable_match_type>},
    {"suggested_by_bigpanda", Flag<&v1::RelatedChangeRevision::set_suggested_by_bigpanda>},
    {"score", Double<&v1::RelatedChangeRevision::set_score>},
};

bool ChangeTags(Extra& extra, const JsonValue& value, const JsonPointer& at, v1::Change* change) {
  return DecodeTags(extra, value, at, "name", change->mutable_tags());
}

constexpr Field<v1::Change> kChangeFields[] = {
    {"id", Text<&v1::Change::mutable_id>},
    {"identifier", Text<&v1::Change::mutable_identifier>},
    {"source_system", Text<&v1::Change::mutable_source_system>},
    {"summary", Text<&v1::Change::mutable_summary>},
    {"status", Text<&v1::Change::mutable_status>},
    {"start", Time<&v1::Change::mutable_start_time>},
    {"end", EndTime<&v1::Change::mutable_end_time>},
    {"ticket_url", Text<&v1::Change::mutable_ticket_url>},
    {"tags", ChangeTags},
};

bool History(Extra& extra, const JsonValue& value, const JsonPointer& at,
             v1::RelatedChange* related) {
  return DecodeRepeated(extra, value, at, kRevisionFields, related->mutable_history());
}

bool TheChange(Extra& extra, const JsonValue& value, const JsonPointer& at,
               v1::RelatedChange* related) {
  return DecodeNested(extra, value, at, kChangeFields, &v1::RelatedChange::mutable_change, related);
}

constexpr Field<v1::RelatedChange> kRelatedChangeFields[] = {
    {"id", Text<&v1::RelatedChange::mutable_id>},
    {"incident_id", Text<&v1::RelatedChange::mutable_incident_id>},
    {"comment", Text<&v1::RelatedChange::mutable_comment>},
    {"match_certainty", Text<&v1::RelatedChange::mutable_match_certainty>},
    {"match_type", Text<&v1::RelatedChange::mutable_match_type>},
    {"suggested_by_bigpanda", Flag<&v1::RelatedChange::set_suggested_by_bigpanda>},
    {"score", Double<&v1::RelatedChange::set_score>},
    {"match_weight_value", Int64<&v1::RelatedChange::set_match_weight_value>},
    {"created_at", Time<&v1::RelatedChange::mutable_create_time>},
    {"updated_at", Time<&v1::RelatedChange::mutable_update_time>},
    {"history", History},
    {"change", TheChange},
};

constexpr Field<v1::Person> kPersonFields[] = {
    {"name", Text<&v1::Person::mutable_name>},
    {"email", Text<&v1::Person::mutable_email>},
    {"userId", Text<&v1::Person::mutable_user_id>},
};

constexpr Field<v1::Comment> kCommentFields[] = {
    {"comment", Text<&v1::Comment::mutable_text>},
    {"environment", Text<&v1::Comment::mutable_environment>},
};

constexpr Field<v1::SourceEvent> kEventFields[] = {
    {"event", Text<&v1::SourceEvent::mutable_name>},
    {"time", Time<&v1::SourceEvent::mutable_time>},
};

// A string without a character says nothing, and must not make a message of it.
bool IsEmptyText(const JsonValue& value) {
  return value.type() == JsonType::kString && value.raw() == "\"\"";
}

bool IsText(const JsonValue& value) {
  return value.type() == JsonType::kString && !IsEmptyText(value);
}

template <auto kMutable>
bool EnvironmentText(Extra& extra, const JsonValue& value, const JsonPointer& at,
                     v1::Incident* incident) {
  if (!IsText(value)) return IsEmptyText(value);
  return Text<kMutable>(extra, value, at, incident->mutable_environment());
}

}  // namespace

bool DecodeSnooze(Extra& extra, const JsonValue& value, const JsonPointer& at,
                  v1::Incident* incident) {
  return DecodeNested(extra, value, at, kSnoozeFields, &v1::Incident::mutable_snooze, incident);
}

bool DecodeAlerts(Extra& extra, const JsonValue& value, const JsonPointer& at,
                  v1::Incident* incident) {
  if (value.type() != JsonType::kArray) return false;
  size_t index = 0;
  for (const JsonValue element : value.Elements()) {
    const JsonPointer element_at(at, index++);
    if (element.type() == JsonType::kObject) {
      v1::Alert* const alert = incident->add_alerts();
      Extra alert_extra = extra.Of(alert->mutable_extra(), element_at);
      DecodeObject(alert_extra, element, element_at, kAlertFields, alert);
    } else {
      extra.Keep(element_at, element);
    }
    if (extra.refused()) break;
  }
  return true;
}

bool DecodeLinks(Extra& extra, const JsonValue& value, const JsonPointer& at,
                 v1::Incident* incident) {
  if (IsEmptyText(value)) return true;
  if (IsText(value))
    return Text<&v1::Links::mutable_landing_page>(extra, value, at, incident->mutable_links());
  return DecodeNested(extra, value, at, kLinksFields, &v1::Incident::mutable_links, incident);
}

bool DecodeIncidentTags(Extra& extra, const JsonValue& value, const JsonPointer& at,
                        v1::Incident* incident) {
  return DecodeTags(extra, value, at, "id", incident->mutable_tags());
}

bool DecodeRelatedChanges(Extra& extra, const JsonValue& value, const JsonPointer& at,
                          v1::Incident* incident) {
  return DecodeRepeated(extra, value, at, kRelatedChangeFields,
                        incident->mutable_related_changes());
}

bool DecodeSender(Extra& extra, const JsonValue& value, const JsonPointer& at,
                  v1::Incident* incident) {
  return DecodeNested(extra, value, at, kPersonFields, &v1::Incident::mutable_sender, incident);
}

bool DecodeAssignee(Extra& extra, const JsonValue& value, const JsonPointer& at,
                    v1::Incident* incident) {
  return DecodeNested(extra, value, at, kPersonFields, &v1::Incident::mutable_assignee, incident);
}

bool DecodeAssigner(Extra& extra, const JsonValue& value, const JsonPointer& at,
                    v1::Incident* incident) {
  return DecodeNested(extra, value, at, kPersonFields, &v1::Incident::mutable_assigner, incident);
}

bool DecodeEnvironmentName(Extra& extra, const JsonValue& value, const JsonPointer& at,
                           v1::Incident* incident) {
  return EnvironmentText<&v1::Environment::mutable_name>(extra, value, at, incident);
}

bool DecodeEnvironmentId(Extra& extra, const JsonValue& value, const JsonPointer& at,
                         v1::Incident* incident) {
  return EnvironmentText<&v1::Environment::mutable_id>(extra, value, at, incident);
}

bool DecodeComment(Extra& extra, const JsonValue& value, const JsonPointer& at,
                   v1::Incident* incident) {
  if (IsEmptyText(value)) return true;
  if (IsText(value))
    return Text<&v1::Comment::mutable_text>(extra, value, at, incident->mutable_last_comment());
  if (value.type() != JsonType::kObject || !IsText(value.Find("comment"))) return false;
  return DecodeNested(extra, value, at, kCommentFields, &v1::Incident::mutable_last_comment,
                      incident);
}

bool DecodeEventTypes(Extra& extra, const JsonValue& value, const JsonPointer& at,
                      v1::Delivery* delivery) {
  if (value.type() != JsonType::kArray) return false;
  size_t index = 0;
  for (const JsonValue element : value.Elements()) {
    const JsonPointer element_at(at, index++);
    if (IsText(element)) {
      Text<&v1::SourceEvent::mutable_name>(extra, element, element_at, delivery->add_event_types());
    } else if (element.type() == JsonType::kObject && IsText(element.Find("event"))) {
      DecodeObject(extra, element, element_at, kEventFields, delivery->add_event_types());
    } else {
      extra.Keep(element_at, element);
    }
    if (extra.refused()) break;
  }
  return true;
}

}  // namespace incidenthub::decode
