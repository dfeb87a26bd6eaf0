#include "common/decode/alert_incident.h"

#include <cstddef>
#include <initializer_list>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/types/optional.h"
#include "common/decode/app_keys.h"
#include "common/decode/decoder.h"
#include "common/decode/fields.h"
#include "common/decode/json_pointer.h"
#include "common/decode/tags.h"
#include "common/decode/wire_time.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::decode {
namespace {

constexpr absl::string_view kIdentifier = "incident_identifier";

// The values of the keys that are no tags.
struct Parts {
  JsonValue app_key;
  JsonValue status;
  JsonValue primary_property;
  JsonValue secondary_property;
  JsonValue incident_identifier;
  JsonValue timestamp;
  JsonValue description;
  JsonValue source_system;
};

struct Part {
  absl::string_view key;
  JsonValue Parts::*value;
};

constexpr Part kParts[] = {
    {kAppKey, &Parts::app_key},
    {"status", &Parts::status},
    {"timestamp", &Parts::timestamp},
    {"description", &Parts::description},
    {"primary_property", &Parts::primary_property},
    {"secondary_property", &Parts::secondary_property},
    {kIdentifier, &Parts::incident_identifier},
    {"source_system", &Parts::source_system},
};

bool Says(const JsonValue& value) {
  return value.type() != JsonType::kAbsent && value.type() != JsonType::kNull;
}

// The time that `value` says; zero is what senders say that know none.
absl::optional<EpochTime> TimeOf(const JsonValue& value) {
  if (!Says(value)) return absl::nullopt;
  const absl::optional<EpochTime> time = ReadTime(value);
  if (time.has_value() && time->seconds == 0 && time->nanos == 0) return absl::nullopt;
  return time;
}

class AlertDecoder {
 public:
  AlertDecoder(const JsonValue& root, Extra& extra, v1::Delivery* delivery)
      : root_(root),
        extra_(extra),
        delivery_(*delivery),
        incident_(*delivery->mutable_incident()),
        alert_(*incident_.add_alerts()) {}

  void Run() {
    ReadMembers();
    if (extra_.refused()) return;
    if (!Status()) return;
    const v1::Tag* const primary =
        Property(kPrimaryProperty, parts_.primary_property,
                 {"host", "service", "application", "device"}, alert_.mutable_primary_property());
    if (primary == nullptr) {
      return extra_.Refuse(JsonPointer(root_at_, "host"),
                           "is missing or says nothing, and so do service, application, device, "
                           "and what primary_property names; one of them says what is affected");
    }
    const v1::Tag* const secondary =
        Property(kSecondaryProperty, parts_.secondary_property, {"check", "sensor"},
                 alert_.mutable_secondary_property());
    Identity(*primary, secondary);
    Text("description", parts_.description, alert_.mutable_description());
    Text("source_system", parts_.source_system, alert_.mutable_source_system());
    Times();
  }

 private:
  static constexpr absl::string_view kPrimaryProperty = "primary_property";
  static constexpr absl::string_view kSecondaryProperty = "secondary_property";

  void ReadMembers() {
    std::string scratch;
    for (const JsonMember& member : root_.Members()) {
      const absl::string_view key = member.key.String(&scratch);
      JsonValue* part = nullptr;
      for (const Part& known : kParts) {
        if (key == known.key) part = &(parts_.*known.value);
      }
      if (part == nullptr) {
        if (key == "_time" && event_time_.type() == JsonType::kAbsent) event_time_ = member.value;
        AddTag(key, member.value, alert_.mutable_tags());
        continue;
      }
      if (part->type() != JsonType::kAbsent) {
        return extra_.RefuseDuplicate(JsonPointer(root_at_, key));
      }
      *part = member.value;
    }
  }

  void Keep(absl::string_view key, const JsonValue& value) {
    extra_.Keep(JsonPointer(root_at_, key), value);
  }

  void Text(absl::string_view key, const JsonValue& value, std::string* text) {
    if (!Says(value)) return;
    if (value.type() != JsonType::kString) return Keep(key, value);
    std::string scratch;
    const absl::string_view sent = value.String(&scratch);
    text->assign(sent.data(), sent.size());
  }

  bool Status() {
    const JsonType type = parts_.status.type();
    const JsonPointer at(root_at_, "status");
    if (type != JsonType::kString || parts_.status.raw() == "\"\"") {
      const absl::string_view what = type == JsonType::kString ? "empty" : DescribeJsonType(type);
      extra_.Refuse(at, absl::StrCat("is ", what,
                                     "; a status is a word: ok, critical, warning, unknown, "
                                     "acknowledged"));
      return false;
    }
    Text("status", parts_.status, incident_.mutable_status_text());
    const v1::Status status = StatusOfWord(incident_.status_text());
    is_over_ = status == v1::STATUS_OK;
    incident_.set_status(status);
    if (!is_over_) incident_.set_severity(status);
    incident_.set_active(!is_over_);
    incident_.set_source(delivery_.source());
    alert_.set_status_text(incident_.status_text());
    alert_.set_status(status);
    alert_.set_active(!is_over_);
    delivery_.set_activity(is_over_ ? v1::ACTIVITY_INACTIVE : v1::ACTIVITY_ACTIVE);
    delivery_.set_ignore_unless_known(true);
    return true;
  }

  // The first tag of this name that has a text, or null.
  const v1::Tag* FindTag(absl::string_view name) const {
    for (const v1::Tag& tag : alert_.tags()) {
      if (tag.name() == name && !tag.text().empty() && tag.json() != "null") return &tag;
    }
    return nullptr;
  }

  // The tag that the value of `key` names, or one of the usual ones. `*name` becomes its name.
  const v1::Tag* Property(absl::string_view key, const JsonValue& named,
                          std::initializer_list<absl::string_view> usual, std::string* name) {
    const v1::Tag* tag = nullptr;
    if (Says(named)) {
      std::string scratch;
      if (named.type() == JsonType::kString) tag = FindTag(named.String(&scratch));
      if (tag == nullptr) Keep(key, named);
    }
    for (const absl::string_view usual_name : usual) {
      if (tag == nullptr) tag = FindTag(usual_name);
    }
    if (tag != nullptr) *name = tag->name();
    return tag;
  }

  static std::string EscapePart(absl::string_view value) {
    return absl::StrReplaceAll(value, {{"%", "%25"}, {"/", "%2F"}});
  }

  void Identity(const v1::Tag& primary, const v1::Tag* secondary) {
    const JsonValue& identifier = parts_.incident_identifier;
    std::string& identity = *alert_.mutable_id();
    if (identifier.type() == JsonType::kNumber) {
      const absl::string_view number = identifier.raw();
      identity.assign(number.data(), number.size());
    } else {
      Text(kIdentifier, identifier, &identity);
    }
    const bool is_sent = !identity.empty();
    if (!is_sent) {
      identity = EscapePart(primary.text());
      if (secondary != nullptr) absl::StrAppend(&identity, "/", EscapePart(secondary->text()));
    }
    incident_.set_id(absl::StrCat(delivery_.source(), "/", identity));
    if (incident_.id().size() > kIncidentIdBytesMax) {
      extra_.Refuse(JsonPointer(root_at_, is_sent ? kIdentifier : primary.name()),
                    absl::StrCat("makes an incident's id, <source>/<identity>, of ",
                                 incident_.id().size(), " bytes, more than ", kIncidentIdBytesMax));
    }
  }

  void Times() {
    absl::optional<EpochTime> time = TimeOf(parts_.timestamp);
    if (Says(parts_.timestamp) && (!time.has_value() || !time->exact))
      Keep("timestamp", parts_.timestamp);
    if (!time.has_value()) time = TimeOf(event_time_);
    if (!time.has_value()) return;
    SetTimestamp(*time, incident_.mutable_update_time());
    *incident_.mutable_change_time() = incident_.update_time();
    *alert_.mutable_update_time() = incident_.update_time();
    *alert_.mutable_change_time() = incident_.update_time();
    if (!is_over_) return;
    *incident_.mutable_end_time() = incident_.update_time();
    *alert_.mutable_end_time() = incident_.update_time();
  }

  const JsonValue root_;
  const JsonPointer root_at_;
  Extra& extra_;
  v1::Delivery& delivery_;
  v1::Incident& incident_;
  v1::Alert& alert_;
  Parts parts_;
  // Cribl's time of the event, which is a tag as well.
  JsonValue event_time_;
  bool is_over_ = false;
};

}  // namespace

void DecodeAlert(const JsonValue& alert, Extra& extra, v1::Delivery* delivery) {
  if (extra.refused()) return;
  AlertDecoder(alert, extra, delivery).Run();
}

}  // namespace incidenthub::decode
