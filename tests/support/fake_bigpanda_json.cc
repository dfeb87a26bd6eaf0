#include "tests/support/fake_bigpanda_json.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "common/logging.h"
#include "google/protobuf/util/json_util.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

// Of epoch seconds that are read: the year 9999.
constexpr double kTimeMax = 253402300799;

using google::protobuf::Struct;
using google::protobuf::Value;

Value& At(Struct* object, const std::string& name) { return (*object->mutable_fields())[name]; }
Struct* ObjectAt(Struct* object, const std::string& name) {
  return At(object, name).mutable_struct_value();
}

void SetTime(Struct* object, const std::string& name, int64_t seconds) {
  Value& value = At(object, name);
  if (seconds == 0) {
    value.set_null_value(google::protobuf::NULL_VALUE);
  } else {
    value.set_number_value(static_cast<double>(seconds));
  }
}

void SetTimes(const BigPandaIncident& incident, Struct* object) {
  SetTime(object, "startedOn", incident.started_on);
  SetTime(object, "changedOn", incident.changed_on);
  SetTime(object, "updatedOn", incident.updated_on);
  SetTime(object, "endedOn", incident.ended_on);
}

void SetAlerts(const BigPandaIncident& incident, Struct* object) {
  int number = 0;
  for (Value& value : *At(object, "alerts").mutable_list_value()->mutable_values()) {
    Struct* const alert = value.mutable_struct_value();
    At(alert, "id").set_string_value(absl::StrCat(incident.id, "-alert-", ++number));
    At(alert, "active").set_bool_value(!incident.resolved);
    if (incident.resolved) At(alert, "status").set_string_value("Ok");
    SetTimes(incident, alert);
  }
}

// Epoch seconds; 0: there is none.
int64_t TimeMember(const Struct& object, const std::string& name) {
  return static_cast<int64_t>(std::clamp(NumberMember(object, name), 0.0, kTimeMax));
}

// Empty: there is none.
Struct ObjectMember(const Struct& object, const std::string& name) {
  const auto it = object.fields().find(name);
  return it == object.fields().end() ? Struct() : it->second.struct_value();
}

std::string Join(const std::vector<std::string>& texts) {
  return absl::StrCat("[",
                      absl::StrJoin(texts, ",",
                                    [](std::string* out, const std::string& text) {
                                      absl::StrAppend(out, JsonQuote(text));
                                    }),
                      "]");
}

absl::string_view JsonBool(bool value) { return value ? "true" : "false"; }

}  // namespace

std::optional<Struct> ParseJsonObject(absl::string_view text) {
  Struct object;
  if (!google::protobuf::util::JsonStringToMessage(std::string(text), &object).ok()) {
    return std::nullopt;
  }
  return object;
}

std::optional<std::string> StringMember(const Struct& object, const std::string& name) {
  const auto it = object.fields().find(name);
  if (it == object.fields().end() || it->second.kind_case() != Value::kStringValue) {
    return std::nullopt;
  }
  return it->second.string_value();
}

double NumberMember(const Struct& object, const std::string& name) {
  const auto it = object.fields().find(name);
  return it == object.fields().end() ? 0 : it->second.number_value();
}

std::optional<BigPandaIncident> IncidentOfWebhook(const Struct& body) {
  const Struct object = ObjectMember(body, "incident");
  BigPandaIncident incident;
  incident.id = StringMember(object, "id").value_or("");
  if (incident.id.empty()) return std::nullopt;
  incident.environment_id =
      StringMember(ObjectMember(body, "metadata"), "environment_id").value_or("");
  incident.status = StringMember(object, "status").value_or("");
  incident.severity = StringMember(object, "severity").value_or("");
  const auto resolved = object.fields().find("resolved");
  incident.resolved = resolved != object.fields().end() && resolved->second.bool_value();
  incident.started_on = TimeMember(object, "startedOn");
  incident.changed_on = TimeMember(object, "changedOn");
  incident.updated_on = TimeMember(object, "updatedOn");
  incident.ended_on = TimeMember(object, "endedOn");
  return incident;
}

std::string ErrorJson(int status, absl::string_view error) {
  return absl::StrCat("{\"status\":", status, ",\"errors\":[", JsonQuote(error), "]}");
}

std::string IncidentJson(const BigPandaIncident& incident) {
  return absl::StrCat(
      "{\"id\":", JsonQuote(incident.id),
      ",\"environment_id\":", JsonQuote(incident.environment_id),
      ",\"status\":", JsonQuote(incident.status), ",\"severity\":", JsonQuote(incident.severity),
      ",\"resolved\":", JsonBool(incident.resolved), ",\"started_on\":", incident.started_on,
      ",\"changed_on\":", incident.changed_on, ",\"updated_on\":", incident.updated_on,
      ",\"ended_on\":", incident.ended_on, ",\"comments\":", Join(incident.comments),
      ",\"locked\":", JsonBool(incident.locked), ",\"held_back\":", incident.held_back, "}");
}

std::string RequestJson(const BigPandaRequest& request) {
  return absl::StrCat(
      "{\"time\":", JsonQuote(absl::FormatTime(request.time, absl::UTCTimeZone())),
      ",\"endpoint\":", JsonQuote(BigPandaEndpointName(request.endpoint)),
      ",\"method\":", JsonQuote(request.method), ",\"path\":", JsonQuote(request.path),
      ",\"environment_id\":", JsonQuote(request.environment_id),
      ",\"incident_id\":", JsonQuote(request.incident_id),
      ",\"comment\":", JsonQuote(request.comment),
      ",\"event_type\":", JsonQuote(request.event_type), ",\"body\":", JsonQuote(request.body),
      ",\"status\":", request.status, ",\"faulty\":", JsonBool(request.faulty), "}");
}

std::string WebhookJson(const BigPandaWebhook& webhook) {
  return absl::StrCat("{\"incident_id\":", JsonQuote(webhook.incident_id),
                      ",\"event\":", JsonQuote(webhook.event), ",\"answers\":[",
                      absl::StrJoin(webhook.answers, ","), "],\"taken\":", JsonBool(webhook.taken),
                      "}");
}

std::string WebhookBody(const BigPandaIncident& incident, const BigPandaEnvironment& environment,
                        absl::string_view event, const std::optional<std::string>& comment) {
  static const auto* const kSample = new Struct(*ParseJsonObject(DocumentedSample()));
  Struct body = *kSample;
  Struct* const object = ObjectAt(&body, "incident");
  At(object, "id").set_string_value(incident.id);
  At(object, "status").set_string_value(incident.status);
  At(object, "severity").set_string_value(incident.severity);
  At(object, "active").set_bool_value(!incident.resolved);
  At(object, "resolved").set_bool_value(incident.resolved);
  SetTimes(incident, object);
  SetAlerts(incident, object);

  At(ObjectAt(&body, "links"), "landingPage")
      .set_string_value(
          absl::StrCat("http://bigp.example.com/",
                       absl::Hex(std::hash<std::string>{}(incident.id), absl::kZeroPad16)));
  Struct* const metadata = ObjectAt(&body, "metadata");
  At(metadata, "environment").set_string_value(environment.name);
  At(metadata, "environment_id").set_string_value(environment.id);
  if (comment.has_value()) {
    Struct* const commented = ObjectAt(metadata, "comment");
    At(commented, "comment").set_string_value(*comment);
    At(commented, "environment").set_string_value(environment.name);
  }

  google::protobuf::ListValue* const events = At(&body, "event_types").mutable_list_value();
  events->clear_values();
  Struct* const first = events->add_values()->mutable_struct_value();
  At(first, "event").set_string_value(std::string(event));
  SetTime(first, "time", incident.updated_on);

  std::string text;
  INCIDENTHUB_CHECK(google::protobuf::util::MessageToJsonString(body, &text).ok());
  return text;
}

}  // namespace incidenthub::testing
