// What matchers look at: an incident's labels and their values, compact and sorted, so that a great
// many matchers can be tried on an incident that was decoded once.
//
// Immutable. Threads: any.

#ifndef INCIDENTHUB_SERVER_DOMAIN_INCIDENT_LABELS_H_
#define INCIDENTHUB_SERVER_DOMAIN_INCIDENT_LABELS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "incidenthub/v1/incident.pb.h"

namespace incidenthub {

enum class Label : uint8_t {
  kId,
  kState,
  kStatus,
  kSeverity,
  kEnvironment,
  kEnvironmentId,
  kSource,
  kSourceSystem,
  kActive,
  kFlapping,
  kSnoozed,
  kAssignee,
  kAlertStatus,
  // These two have a name as well: the tag's.
  kTag,
  kAlertTag,
};

// The word of an enum's value: lower case, without prefix; empty for zero and unknown values.
absl::string_view StateWord(v1::State state);
absl::string_view StatusWord(v1::Status status);

class IncidentLabels {
 public:
  explicit IncidentLabels(const v1::Incident& incident);

  const std::string& id() const { return id_; }
  v1::State state() const { return state_; }

  // Whether `predicate(absl::string_view)` holds for a value of the label; one without values has
  // the empty string. `name` is the tag's; empty for labels without.
  template <typename Predicate>
  bool Any(Label label, absl::string_view name, Predicate predicate) const {
    const auto [begin, end] = Find(label, name);
    if (begin == end) return predicate(absl::string_view());
    for (size_t i = begin; i < end; ++i) {
      if (predicate(View(values_[i].value))) return true;
    }
    return false;
  }

  // Memory that it holds, about.
  size_t bytes() const { return sizeof(*this) + text_.size() + values_.size() * sizeof(Value); }

 private:
  // A piece of `text_`.
  struct Piece {
    uint32_t begin = 0;
    uint32_t size = 0;
  };
  struct Value {
    Label label;
    Piece name;
    Piece value;
  };
  class Builder;

  absl::string_view View(const Piece& piece) const {
    return absl::string_view(text_).substr(piece.begin, piece.size);
  }
  // The values of the label, as a range of indexes.
  std::pair<size_t, size_t> Find(Label label, absl::string_view name) const;

  std::string id_;
  v1::State state_;
  std::string text_;
  // By label, name and value; each once.
  std::vector<Value> values_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_INCIDENT_LABELS_H_
