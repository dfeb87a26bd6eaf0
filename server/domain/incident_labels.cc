#include "server/domain/incident_labels.h"

#include <algorithm>
#include <tuple>

#include "absl/container/flat_hash_map.h"

namespace incidenthub {
namespace {

absl::string_view BoolWord(bool value) { return value ? "true" : "false"; }

}  // namespace

absl::string_view StateWord(v1::State state) {
  switch (state) {
    case v1::STATE_OPEN:
      return "open";
    case v1::STATE_ACKNOWLEDGED:
      return "acknowledged";
    case v1::STATE_RESOLVED:
      return "resolved";
    default:
      return "";
  }
}

absl::string_view StatusWord(v1::Status status) {
  switch (status) {
    case v1::STATUS_OK:
      return "ok";
    case v1::STATUS_UNKNOWN:
      return "unknown";
    case v1::STATUS_WARNING:
      return "warning";
    case v1::STATUS_CRITICAL:
      return "critical";
    case v1::STATUS_ACKNOWLEDGED:
      return "acknowledged";
    default:
      return "";
  }
}

// Collects values; alerts repeat each other's, so every text is kept once.
class IncidentLabels::Builder {
 public:
  explicit Builder(IncidentLabels* labels) : labels_(labels) {}

  // An empty value is what a label without values has anyway, but for a tag beside others of its
  // name.
  void Add(Label label, absl::string_view value) {
    if (!value.empty()) AddNamed(label, "", value);
  }
  void AddNamed(Label label, absl::string_view name, absl::string_view value) {
    labels_->values_.push_back({label, Keep(name), Keep(value)});
  }
  void AddTags(Label label, const google::protobuf::RepeatedPtrField<v1::Tag>& tags) {
    for (const v1::Tag& tag : tags) AddNamed(label, tag.name(), tag.text());
  }

  void Finish() {
    const IncidentLabels& l = *labels_;
    const auto key = [&l](const Value& v) {
      return std::make_tuple(v.label, l.View(v.name), l.View(v.value));
    };
    std::vector<Value>& values = labels_->values_;
    std::sort(values.begin(), values.end(),
              [&key](const Value& a, const Value& b) { return key(a) < key(b); });
    values.erase(std::unique(values.begin(), values.end(),
                             [&key](const Value& a, const Value& b) { return key(a) == key(b); }),
                 values.end());
    values.shrink_to_fit();
    labels_->text_.shrink_to_fit();
  }

 private:
  // `text` belongs to the incident, which outlives the builder.
  Piece Keep(absl::string_view text) {
    if (text.empty()) return {};
    const auto [known, is_new] = pieces_.try_emplace(text);
    if (is_new) {
      known->second = {static_cast<uint32_t>(labels_->text_.size()),
                       static_cast<uint32_t>(text.size())};
      labels_->text_.append(text.data(), text.size());
    }
    return known->second;
  }

  IncidentLabels* const labels_;
  absl::flat_hash_map<absl::string_view, Piece> pieces_;
};

IncidentLabels::IncidentLabels(const v1::Incident& incident)
    : id_(incident.id()), state_(incident.state()) {
  Builder builder(this);
  builder.Add(Label::kId, incident.id());
  builder.Add(Label::kState, StateWord(incident.state()));
  builder.Add(Label::kStatus, StatusWord(incident.status()));
  builder.Add(Label::kSeverity, StatusWord(incident.severity()));
  builder.Add(Label::kEnvironment, incident.environment().name());
  builder.Add(Label::kEnvironmentId, incident.environment().id());
  builder.Add(Label::kSource, incident.source());
  if (incident.has_active()) builder.Add(Label::kActive, BoolWord(incident.active()));
  if (incident.has_flapping()) builder.Add(Label::kFlapping, BoolWord(incident.flapping()));
  if (incident.snooze().has_snoozed()) {
    builder.Add(Label::kSnoozed, BoolWord(incident.snooze().snoozed()));
  }
  builder.Add(Label::kAssignee, incident.assignee().name());
  builder.Add(Label::kAssignee, incident.assignee().email());
  builder.Add(Label::kAssignee, incident.assignee().user_id());
  builder.AddTags(Label::kTag, incident.tags());
  for (const v1::Alert& alert : incident.alerts()) {
    builder.Add(Label::kSourceSystem, alert.source_system());
    builder.Add(Label::kAlertStatus, StatusWord(alert.status()));
    builder.AddTags(Label::kAlertTag, alert.tags());
  }
  builder.Finish();
}

std::pair<size_t, size_t> IncidentLabels::Find(Label label, absl::string_view name) const {
  const auto wanted = std::make_tuple(label, name);
  const auto key = [this](const Value& v) { return std::make_tuple(v.label, View(v.name)); };
  const auto begin = std::lower_bound(values_.begin(), values_.end(), wanted,
                                      [&key](const Value& v, const auto& w) { return key(v) < w; });
  auto end = begin;
  while (end != values_.end() && key(*end) == wanted) ++end;
  return {static_cast<size_t>(begin - values_.begin()), static_cast<size_t>(end - values_.begin())};
}

}  // namespace incidenthub
