#include "common/decode/bigpanda.h"

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "common/decode/bigpanda_parts.h"
#include "common/decode/extra.h"
#include "common/decode/fields.h"
#include "common/decode/json.h"
#include "common/decode/json_pointer.h"
#include "common/decode/unmapped.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "google/protobuf/timestamp.pb.h"
#include "incidenthub/v1/event.pb.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::decode {
namespace {

// Five parts stand beside `incident` in BigPanda's sample and inside it in BigPanda's table of
// attributes.
struct Places {
  JsonValue links;
  JsonValue incident_tags;
  JsonValue related_changes;
  JsonValue metadata;
  JsonValue event_types;
};

struct RootParts : Places {
  JsonValue incident;
};

struct IncidentParts : Places {
  v1::Incident* incident = nullptr;
  absl::optional<bool> resolved;
};

struct MetadataParts {
  v1::Incident* incident = nullptr;
  const JsonPointer* at = nullptr;
  JsonValue event_types;
};

// What is kept in extra is part of the delivery: whatever Extra refuses would have been too large.
static_assert(Extra::kBytesMax == kDeliveryBytesMax);

// Puts a value aside, to be decoded once all places of its part are known.
template <auto kPlace, typename T>
bool PutAside(Extra&, const JsonValue& value, const JsonPointer&, T* parts) {
  parts->*kPlace = value;
  return true;
}

template <FieldDecoder<v1::Incident> kDecode, typename T>
bool OfIncident(Extra& extra, const JsonValue& value, const JsonPointer& at, T* parts) {
  return kDecode(extra, value, at, parts->incident);
}

bool Id(Extra& extra, const JsonValue& value, const JsonPointer& at, v1::Incident* incident) {
  constexpr absl::string_view kExpected = "; an incident's id is a string of 1 to 512 bytes";
  static_assert(kIncidentIdBytesMax == 512);
  if (value.type() != JsonType::kString) {
    extra.Refuse(at, absl::StrCat("is ", DescribeJsonType(value.type()), kExpected));
    return true;
  }
  Text<&v1::Incident::mutable_id>(extra, value, at, incident);
  if (incident->id().empty()) extra.Refuse(at, absl::StrCat("is empty", kExpected));
  if (incident->id().size() > kIncidentIdBytesMax) {
    extra.Refuse(at, absl::StrCat("has ", incident->id().size(), " bytes", kExpected));
  }
  return true;
}

// Decides the activity, and has no field.
bool Resolved(Extra&, const JsonValue& value, const JsonPointer&, IncidentParts* parts) {
  if (value.type() == JsonType::kBool) parts->resolved = value.Bool();
  return false;
}

constexpr Field<RootParts> kRootFields[] = {
    {"incident", PutAside<&RootParts::incident>},
    {"links", PutAside<&Places::links>},
    {"incidentTags", PutAside<&Places::incident_tags>},
    {"relatedChanges", PutAside<&Places::related_changes>},
    {"metadata", PutAside<&Places::metadata>},
    {"event_types", PutAside<&Places::event_types>},
};

constexpr Field<IncidentParts> kIncidentFields[] = {
    {"id", OfIncident<Id>},
    {"status",
     OfIncident<StatusWord<&v1::Incident::mutable_status_text, &v1::Incident::set_status>>},
    {"active", OfIncident<Flag<&v1::Incident::set_active>>},
    {"severity",
     OfIncident<StatusWord<&v1::Incident::mutable_severity_text, &v1::Incident::set_severity>>},
    {"flapping", OfIncident<Flag<&v1::Incident::set_flapping>>},
    {"resolved", Resolved},
    {"snooze", OfIncident<DecodeSnooze>},
    {"startedOn", OfIncident<Time<&v1::Incident::mutable_start_time>>},
    {"changedOn", OfIncident<Time<&v1::Incident::mutable_change_time>>},
    {"updatedOn", OfIncident<Time<&v1::Incident::mutable_update_time>>},
    {"endedOn", OfIncident<EndTime<&v1::Incident::mutable_end_time>>},
    {"alerts", OfIncident<DecodeAlerts>},
    {"links", PutAside<&Places::links>},
    {"incidentTags", PutAside<&Places::incident_tags>},
    {"relatedChanges", PutAside<&Places::related_changes>},
    {"metadata", PutAside<&Places::metadata>},
    {"event_types", PutAside<&Places::event_types>},
};

constexpr Field<MetadataParts> kMetadataFields[] = {
    {"sender", OfIncident<DecodeSender>},
    {"environment", OfIncident<DecodeEnvironmentName>},
    {"environment_id", OfIncident<DecodeEnvironmentId>},
    {"comment", OfIncident<DecodeComment>},
    {"assignee", OfIncident<DecodeAssignee>},
    {"assigner", OfIncident<DecodeAssigner>},
    {"event_types", PutAside<&MetadataParts::event_types>},
};

bool Metadata(Extra& extra, const JsonValue& value, const JsonPointer& at, MetadataParts* parts) {
  if (value.type() != JsonType::kObject) return false;
  parts->at = &at;
  DecodeObject(extra, value, at, kMetadataFields, parts);
  return true;
}

// A place where a part may stand.
struct Place {
  JsonValue value;
  const JsonPointer& at;
};

// Decodes a part from the first of its places that holds something of it, and keeps what stands at
// the others.
template <typename T>
void DecodeFirst(Extra& extra, std::initializer_list<Place> places, FieldDecoder<T> decode,
                 T* target) {
  bool filled = false;
  for (const Place& place : places) {
    if (place.value.type() == JsonType::kAbsent) continue;
    if (filled || !decode(extra, place.value, place.at, target)) {
      extra.Keep(place.at, place.value);
      continue;
    }
    const bool is_container =
        place.value.type() == JsonType::kArray || place.value.type() == JsonType::kObject;
    filled = !is_container || !place.value.IsEmptyContainer();
  }
}

bool IsBefore(const google::protobuf::Timestamp& a, const google::protobuf::Timestamp& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

// What the newest of the events that open or close an incident says; of several at one time, the
// last.
v1::Activity ReadEventActivity(const v1::Delivery& delivery) {
  const v1::SourceEvent* newest = nullptr;
  for (const v1::SourceEvent& event : delivery.event_types()) {
    if (event.name() != "incident#new" && event.name() != "incident#reopen" &&
        event.name() != "incident#closed") {
      continue;
    }
    const bool is_older = newest != nullptr && event.has_time() && newest->has_time() &&
                          IsBefore(event.time(), newest->time());
    if (!is_older) newest = &event;
  }
  if (newest == nullptr) return v1::ACTIVITY_UNCHANGED;
  return newest->name() == "incident#closed" ? v1::ACTIVITY_INACTIVE : v1::ACTIVITY_ACTIVE;
}

v1::Activity ReadActivity(const v1::Delivery& delivery, absl::optional<bool> resolved) {
  const v1::Incident& incident = delivery.incident();
  if (incident.has_active()) return incident.active() ? v1::ACTIVITY_ACTIVE : v1::ACTIVITY_INACTIVE;
  if (resolved.has_value()) return *resolved ? v1::ACTIVITY_INACTIVE : v1::ACTIVITY_ACTIVE;
  if (incident.status() == v1::STATUS_OK) return v1::ACTIVITY_INACTIVE;
  if (incident.status() != v1::STATUS_UNSPECIFIED) return v1::ACTIVITY_ACTIVE;
  if (incident.has_end_time()) return v1::ACTIVITY_INACTIVE;
  return ReadEventActivity(delivery);
}

// Decodes into `delivery`; whether it is an incident at all, `findings` say.
void DecodeRoot(const JsonValue& root, v1::Delivery* delivery, Findings* findings) {
  const JsonPointer root_at;
  IncidentParts inside;
  inside.incident = delivery->mutable_incident();
  Extra extra(inside.incident->mutable_extra(), root_at, findings);
  if (root.type() != JsonType::kObject) {
    return extra.Refuse(root_at,
                        absl::StrCat("is ", DescribeJsonType(root.type()), "; expected an object"));
  }
  const JsonType wrapped = root.Find("incident").type();
  const bool is_wrapped = wrapped != JsonType::kAbsent && wrapped != JsonType::kNull;

  // Without the wrapper the root is the incident, and there is nothing beside it.
  RootParts beside;
  const JsonPointer wrapper_at(root_at, "incident");
  const JsonPointer& incident_at = is_wrapped ? wrapper_at : root_at;
  if (is_wrapped) {
    if (wrapped != JsonType::kObject) {
      return extra.Refuse(wrapper_at,
                          absl::StrCat("is ", DescribeJsonType(wrapped), "; expected an object"));
    }
    DecodeObject(extra, root, root_at, kRootFields, &beside);
    if (extra.refused()) return;
    DecodeObject(extra, beside.incident, incident_at, kIncidentFields, &inside);
  } else {
    DecodeObject(extra, root, root_at, kIncidentFields, &inside);
  }
  if (extra.refused()) return;
  if (inside.incident->id().empty()) {
    const absl::string_view hint = is_wrapped ? "" : ", and so is /incident, which would hold one";
    return extra.Refuse(JsonPointer(incident_at, "id"), absl::StrCat("is missing or null", hint));
  }

  DecodeFirst(extra,
              {{beside.links, JsonPointer(root_at, "links")},
               {inside.links, JsonPointer(incident_at, "links")}},
              DecodeLinks, inside.incident);
  DecodeFirst(extra,
              {{beside.incident_tags, JsonPointer(root_at, "incidentTags")},
               {inside.incident_tags, JsonPointer(incident_at, "incidentTags")}},
              DecodeIncidentTags, inside.incident);
  DecodeFirst(extra,
              {{beside.related_changes, JsonPointer(root_at, "relatedChanges")},
               {inside.related_changes, JsonPointer(incident_at, "relatedChanges")}},
              DecodeRelatedChanges, inside.incident);
  MetadataParts metadata;
  metadata.incident = inside.incident;
  const JsonPointer metadata_beside(root_at, "metadata");
  const JsonPointer metadata_inside(incident_at, "metadata");
  DecodeFirst(extra, {{beside.metadata, metadata_beside}, {inside.metadata, metadata_inside}},
              Metadata, &metadata);
  DecodeFirst(extra,
              {{beside.event_types, JsonPointer(root_at, "event_types")},
               {inside.event_types, JsonPointer(incident_at, "event_types")},
               {metadata.event_types,
                JsonPointer(metadata.at == nullptr ? root_at : *metadata.at, "event_types")}},
              DecodeEventTypes, delivery);
  delivery->set_activity(ReadActivity(*delivery, inside.resolved));
}

constexpr absl::string_view kKind = "bigpanda";

}  // namespace

absl::StatusOr<v1::Delivery> DecodeBigPanda(std::string* body, absl::string_view source) {
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(body);
  if (!document.ok()) {
    if (ErrorReason(document.status()) != "TOO_MANY_VALUES") return document.status();
    return UnmappedDelivery(kKind, *body, source, document.status().message());
  }

  v1::Delivery delivery;
  delivery.set_source(source.data(), source.size());
  Findings findings;
  DecodeRoot(document->root(), &delivery, &findings);
  if (!findings.problem.empty()) return UnmappedDelivery(kKind, *body, source, findings.problem);

  v1::Incident* const incident = delivery.mutable_incident();
  incident->set_source(source.data(), source.size());
  if (incident->has_last_comment()) *delivery.mutable_comment() = incident->last_comment();
  const size_t size = delivery.ByteSizeLong();
  if (size > kDeliveryBytesMax) {
    return UnmappedDelivery(kKind, *body, source, TooLargeProblem("the body", size));
  }
  return delivery;
}

absl::Status DecodeBigPandaBody(std::string* body, const SourceContext& context, ItemSink sink) {
  ASSIGN_OR_RETURN(v1::Delivery delivery, DecodeBigPanda(body, context.source));
  sink(ItemOf(std::move(delivery), *body));
  return absl::OkStatus();
}

}  // namespace incidenthub::decode
