// Matchers: which incidents somebody wants, in the manner of Prometheus.
//
//   matcher    = label op value            spaces around each are ignored
//   label      = "id" | "state" | "status" | "severity" | "environment" | "environment_id" |
//   "source"
//              | "source_system" | "active" | "flapping" | "snoozed" | "assignee" | "alert_status"
//              | ( "tag." | "alert_tag." ) name
//   name       = quoted | bytes but spaces, `=`, `!`, `~` and `"`
//   op         = "=" | "!=" | "=~" | "!~"
//   value      = quoted | bytes but spaces, `,` and `"`, not beginning with `=` or `~`; as they are
//   quoted     = `"` bytes, with \" \\ and \n for a quote, a backslash and a newline `"`
//
// `=~` and `!~` take an RE2 expression that has to match the whole value; `.` matches a newline
// too. A label with several values: `=` and `=~` match if any of them does, `!=` and `!~` if none
// does. A label without a value has the empty string.
//
// The canonical form of a list is its matchers quoted, sorted bytewise, each once; two lists with
// the same one want the same incidents. Parsing a canonical form gives it again.

#ifndef INCIDENTHUB_SERVER_DOMAIN_MATCHER_H_
#define INCIDENTHUB_SERVER_DOMAIN_MATCHER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/error_reasons.h"
#include "server/domain/incident_labels.h"

namespace re2 {
class RE2;
}

namespace incidenthub {

// Matchers in one list, and bytes of each.
inline constexpr size_t kMatchersMax = 32;
inline constexpr size_t kMatcherBytesMax = 1024;
// Memory of one compiled expression: two thirds of it for its program, the rest for what RE2 keeps
// while matching.
inline constexpr int64_t kExpressionBytesMax = int64_t{128} << 10U;

// Reason of every error about a matcher.
inline constexpr HubReason kMatcherInvalid = "MATCHER_INVALID";

// A list of matchers, all of which have to match. Immutable. Threads: any.
class Matchers {
 public:
  // None: every incident matches.
  Matchers() = default;

  // INVALID_ARGUMENT / MATCHER_INVALID naming the field `matchers[i]`, the byte in it, counted from
  // 0, and what was expected there.
  static absl::StatusOr<Matchers> Parse(const std::vector<std::string>& texts);

  bool empty() const { return matchers_.empty(); }
  const std::vector<std::string>& canonical() const { return canonical_; }

  // Stands for the canonical form, in resume tokens, so it is the same in every version and on
  // every machine: FNV-1a, 64 bits, over the canonical matchers, each followed by a newline (they
  // hold none). 0: there are none, and for none else.
  uint64_t hash() const { return hash_; }

  bool Matches(const IncidentLabels& labels) const;

 private:
  struct Matcher {
    Label label = Label::kId;
    // Of the tag.
    std::string name{};
    // Whether no value may match.
    bool negative = false;
    std::string value{};
    // Instead of `value`, for expressions.
    std::shared_ptr<const re2::RE2> expression{};
  };
  class Parser;

  static bool MatchesOne(const Matcher& matcher, const IncidentLabels& labels);

  std::vector<Matcher> matchers_;
  std::vector<std::string> canonical_;
  uint64_t hash_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_DOMAIN_MATCHER_H_
