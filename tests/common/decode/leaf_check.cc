#include "tests/common/decode/leaf_check.h"

#include <array>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub::testing {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Timestamp;

// The keys that have a field: null there says nothing.
const std::set<std::string>& KnownKeys() {
  static const std::set<std::string>* const kKeys =
      new std::set<std::string>{"incident",
                                "links",
                                "incidentTags",
                                "relatedChanges",
                                "metadata",
                                "event_types",
                                "id",
                                "status",
                                "active",
                                "severity",
                                "flapping",
                                "resolved",
                                "snooze",
                                "snoozed",
                                "wake",
                                "autoCancel",
                                "end_time",
                                "cancel_on_incident_updates",
                                "startedOn",
                                "changedOn",
                                "updatedOn",
                                "endedOn",
                                "alerts",
                                "primaryProperty",
                                "secondaryProperty",
                                "sourceSystem",
                                "description",
                                "tags",
                                "landingPage",
                                "incident_id",
                                "comment",
                                "match_certainty",
                                "match_type",
                                "suggested_by_bigpanda",
                                "score",
                                "match_weight_value",
                                "created_at",
                                "updated_at",
                                "history",
                                "change",
                                "identifier",
                                "source_system",
                                "summary",
                                "start",
                                "end",
                                "ticket_url",
                                "sender",
                                "environment",
                                "environment_id",
                                "assignee",
                                "assigner",
                                "name",
                                "email",
                                "userId",
                                "event",
                                "time",
                                "timestamp",
                                "primary_property",
                                "secondary_property",
                                "incident_identifier",
                                "event_type",
                                "event_time",
                                "data",
                                "type",
                                "issues",
                                "message"};
  return *kKeys;
}

template <typename T>
bool Claim(std::multiset<T>* values, const T& value) {
  const auto found = values->find(value);
  if (found == values->end()) return false;
  values->erase(found);
  return true;
}

PlainDecimal DecimalOf(const Timestamp& time, int scale) {
  const bool negative = time.seconds() < 0;
  // Both parts of one sign, so that they can be written side by side.
  long long seconds = time.seconds();
  long long nanos = time.nanos();
  if (negative && nanos > 0) {
    ++seconds;
    nanos -= 1'000'000'000;
  }
  return ParsePlainDecimal(absl::StrFormat("%s%d.%09de%d", negative ? "-" : "",
                                           negative ? -seconds : seconds, negative ? -nanos : nanos,
                                           scale));
}

bool Has(const PlainJson& body, absl::string_view key) {
  for (const auto& [name, value] : body.members) {
    if (name == key && value.type != PlainJson::Type::kNull) return true;
  }
  return false;
}

// The delivery with what it says a second time taken out, so that it cannot stand in for what is
// lost.
v1::Delivery SayOnce(const PlainJson& body, v1::Delivery delivery, BodyShape shape) {
  if (shape == BodyShape::kBigPanda) return delivery;
  v1::Incident& incident = *delivery.mutable_incident();
  const std::string identity = incident.id().substr(delivery.source().size() + 1);
  incident.clear_source();
  incident.clear_active();
  incident.clear_change_time();
  incident.clear_end_time();
  for (v1::SourceEvent& event : *delivery.mutable_event_types()) event.clear_time();
  for (v1::Alert& alert : *incident.mutable_alerts()) {
    alert.clear_active();
    alert.clear_change_time();
    alert.clear_end_time();
    alert.clear_update_time();
  }
  if (shape == BodyShape::kAlert) {
    incident.clear_id();
    incident.clear_status_text();
    v1::Alert& alert = *incident.mutable_alerts(0);
    if (!Has(body, "incident_identifier")) alert.clear_id();
    if (!Has(body, "primary_property")) alert.clear_primary_property();
    if (!Has(body, "secondary_property")) alert.clear_secondary_property();
    return delivery;
  }
  incident.set_id(identity);
  if (incident.alerts_size() == 1 && incident.alerts(0).id() == identity) incident.clear_alerts();
  for (v1::Alert& alert : *incident.mutable_alerts()) alert.clear_id();
  return delivery;
}

class LeafChecker {
 public:
  LeafChecker(const v1::Delivery& delivery, BodyShape shape) : shape_(shape) {
    Collect(delivery.incident());
    for (const v1::SourceEvent& event : delivery.event_types()) Collect(event);
    for (const auto& [pointer, text] : delivery.incident().extra()) extras_[pointer] = text;
  }

  std::vector<std::string> Run(const PlainJson& body, const v1::Incident& incident) {
    if (shape_ == BodyShape::kApono) {
      AddIssueExtras(body, incident);
    } else {
      AddAlertExtras(body, incident);
    }
    Walk("", "", body);
    for (const auto& [pointer, text] : extras_) {
      if (used_.count(pointer) == 0)
        lost_.push_back(absl::StrCat("extra ", pointer, " is not in the body: ", text));
    }
    return std::move(lost_);
  }

 private:
  void Collect(const Message& message) {
    if (message.GetDescriptor() == v1::Tag::descriptor()) {
      const auto& tag = dynamic_cast<const v1::Tag&>(message);
      texts_.insert(tag.name());
      if (tag.json().empty()) {
        texts_.insert(tag.text());
      } else {
        tag_jsons_.insert(tag.json());
      }
      return;
    }
    if (message.GetDescriptor() == Timestamp::descriptor()) {
      times_.push_back(dynamic_cast<const Timestamp&>(message));
      return;
    }
    std::vector<const FieldDescriptor*> fields;
    message.GetReflection()->ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      if (field->is_map()) continue;
      if (field->is_repeated()) {
        for (int i = 0; i < message.GetReflection()->FieldSize(message, field); ++i) {
          Collect(message.GetReflection()->GetRepeatedMessage(message, field, i));
        }
      } else {
        CollectField(message, field);
      }
    }
  }

  void CollectField(const Message& message, const FieldDescriptor* field) {
    const google::protobuf::Reflection* const reflection = message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return Collect(reflection->GetMessage(message, field));
      case FieldDescriptor::CPPTYPE_STRING:
        texts_.insert(reflection->GetString(message, field));
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        bools_.insert(reflection->GetBool(message, field));
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        numbers_.push_back(ParsePlainDecimal(absl::StrCat(reflection->GetInt64(message, field))));
        return;
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        // Scientific: only so are its digits the fewest that name this double.
        std::array<char, 64> text;
        const auto end =
            std::to_chars(text.data(), text.data() + text.size(),
                          reflection->GetDouble(message, field), std::chars_format::scientific);
        numbers_.push_back(
            ParsePlainDecimal({text.data(), static_cast<size_t>(end.ptr - text.data())}));
        return;
      }
      default:
        // Enums repeat what a text beside them says; the sequence is the hub's.
        return;
    }
  }

  // An alert's pointers begin at the alert: the n-th object of the array, whatever else stands in
  // it.
  void AddAlertExtras(const PlainJson& body, const v1::Incident& incident) {
    const PlainJson* holder = &body;
    std::string pointer;
    for (const auto& [key, value] : body.members) {
      if (key == "incident" && value.type == PlainJson::Type::kObject) {
        holder = &value;
        pointer = "/incident";
      }
    }
    for (const auto& [key, value] : holder->members) {
      if (key != "alerts") continue;
      int alert = 0;
      for (size_t i = 0; i < value.elements.size(); ++i) {
        if (value.elements[i].type != PlainJson::Type::kObject || alert >= incident.alerts_size())
          continue;
        for (const auto& [inner, text] : incident.alerts(alert++).extra()) {
          extras_[absl::StrCat(pointer, "/alerts/", i, inner)] = text;
        }
      }
    }
  }

  // An issue's place is in its id.
  void AddIssueExtras(const PlainJson& body, const v1::Incident& incident) {
    bool is_array = false;
    for (const auto& [key, value] : body.members) {
      if (key != "data") continue;
      for (const auto& [inner, issues] : value.members) {
        if (inner == "issues") is_array = issues.type == PlainJson::Type::kArray;
      }
    }
    for (const v1::Alert& alert : incident.alerts()) {
      const std::string place = alert.id().substr(alert.id().rfind('/') + 1);
      for (const auto& [inner, text] : alert.extra()) {
        extras_[absl::StrCat("/data/issues", is_array ? "/" + place : "", inner)] = text;
      }
    }
  }

  bool IsInTags(absl::string_view pointer) const {
    switch (shape_) {
      case BodyShape::kAlert:
        return true;
      case BodyShape::kApono:
        return absl::StartsWith(pointer, "/data/name") || absl::StartsWith(pointer, "/data/type");
      default:
        return absl::StrContains(pointer, "ags/");
    }
  }

  void Walk(const std::string& pointer, const std::string& key, const PlainJson& json) {
    const auto extra = extras_.find(pointer);
    if (extra != extras_.end()) {
      used_.insert(pointer);
      if (extra->second != json.raw) {
        lost_.push_back(absl::StrCat(pointer, ": kept as ", extra->second, ", sent as ", json.raw));
      }
      return;
    }
    // A tag's value is looked for among the tags first, where it must be letter for letter.
    const bool in_tags = IsInTags(pointer);
    if (json.type == PlainJson::Type::kObject || json.type == PlainJson::Type::kArray) {
      if (in_tags && Claim(&tag_jsons_, json.raw)) return;
      for (size_t i = 0; i < json.elements.size(); ++i)
        Walk(absl::StrCat(pointer, "/", i), "", json.elements[i]);
      for (const auto& [name, value] : json.members) Walk(pointer + PointerStep(name), name, value);
      return;
    }
    // Null under a key that is no tag must not take a tag's.
    const bool is_tag_json = json.type != PlainJson::Type::kString &&
                             (json.type != PlainJson::Type::kNull || KnownKeys().count(key) == 0 ||
                              shape_ != BodyShape::kAlert);
    if (in_tags && is_tag_json && Claim(&tag_jsons_, json.raw)) return;
    if (!FindLeaf(key, json)) lost_.push_back(absl::StrCat(pointer, ": ", json.raw, " is lost"));
  }

  bool FindLeaf(const std::string& key, const PlainJson& json) {
    switch (json.type) {
      case PlainJson::Type::kNull:
        return KnownKeys().count(key) > 0;
      case PlainJson::Type::kBool:
        return Claim(&bools_, json.raw == "true");
      case PlainJson::Type::kNumber:
        // A number that is an id is one by its letters.
        return FindNumber(json.raw) || (shape_ != BodyShape::kBigPanda && Claim(&texts_, json.raw));
      default:
        return json.text.empty() || Claim(&texts_, json.text) || FindTimeText(json.text);
    }
  }

  bool FindTime(const PlainDecimal& number) {
    // Above 1e11 it is milliseconds.
    const bool milliseconds =
        number.exponent > 12 || (number.exponent == 12 && number.digits != "1");
    for (auto time = times_.begin(); time != times_.end(); ++time) {
      if (DecimalOf(*time, milliseconds ? 3 : 0) == number) {
        times_.erase(time);
        return true;
      }
    }
    return false;
  }

  bool FindNumber(const std::string& raw) {
    const PlainDecimal number = ParsePlainDecimal(raw);
    for (auto candidate = numbers_.begin(); candidate != numbers_.end(); ++candidate) {
      if (*candidate == number) {
        numbers_.erase(candidate);
        return true;
      }
    }
    return FindTime(number);
  }

  bool FindTimeText(std::string text) {
    const absl::optional<PlainJson> number = ParsePlainJson(text);
    if (number.has_value() && number->type == PlainJson::Type::kNumber)
      return FindTime(ParsePlainDecimal(text));
    if (text.size() > 10 && text[10] == ' ') text[10] = 'T';
    absl::Time parsed;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, text, &parsed, &error)) return false;
    for (auto time = times_.begin(); time != times_.end(); ++time) {
      if (absl::FromUnixSeconds(time->seconds()) + absl::Nanoseconds(time->nanos()) == parsed) {
        times_.erase(time);
        return true;
      }
    }
    return false;
  }

  const BodyShape shape_;
  std::map<std::string, std::string> extras_;
  std::set<std::string> used_;
  // What the delivery says, less what a leaf has claimed already.
  std::multiset<std::string> texts_;
  std::multiset<std::string> tag_jsons_;
  std::multiset<bool> bools_;
  std::vector<Timestamp> times_;
  std::vector<PlainDecimal> numbers_;
  std::vector<std::string> lost_;
};

}  // namespace

BodyShape ShapeOfKind(absl::string_view kind) {
  if (kind == "alerts") return BodyShape::kAlert;
  return kind == "apono" ? BodyShape::kApono : BodyShape::kBigPanda;
}

std::vector<std::string> FindLostLeaves(const PlainJson& body, const v1::Delivery& delivery,
                                        BodyShape shape) {
  return LeafChecker(SayOnce(body, delivery, shape), shape).Run(body, delivery.incident());
}

}  // namespace incidenthub::testing
