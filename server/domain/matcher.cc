#include "server/domain/matcher.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "re2/re2.h"
#include "server/domain/fnv.h"

namespace incidenthub {
namespace {

// The words that a label's values are among; "" is said as such.
constexpr absl::string_view kStates[] = {"open", "acknowledged", "resolved"};
constexpr absl::string_view kStatuses[] = {"ok",       "unknown",      "warning",
                                           "critical", "acknowledged", ""};
constexpr absl::string_view kBools[] = {"true", "false", ""};

struct LabelSpec {
  absl::string_view name;
  Label label;
  // Empty: any value.
  absl::Span<const absl::string_view> words;
};
constexpr LabelSpec kLabels[] = {
    {"id", Label::kId, {}},
    {"state", Label::kState, kStates},
    {"status", Label::kStatus, kStatuses},
    {"severity", Label::kSeverity, kStatuses},
    {"environment", Label::kEnvironment, {}},
    {"environment_id", Label::kEnvironmentId, {}},
    {"source", Label::kSource, {}},
    {"source_system", Label::kSourceSystem, {}},
    {"active", Label::kActive, kBools},
    {"flapping", Label::kFlapping, kBools},
    {"snoozed", Label::kSnoozed, kBools},
    {"assignee", Label::kAssignee, {}},
    {"alert_status", Label::kAlertStatus, kStatuses},
    {"tag.", Label::kTag, {}},
    {"alert_tag.", Label::kAlertTag, {}},
};

constexpr absl::string_view kLabelNames =
    "id, state, status, severity, environment, environment_id, source, source_system, active, "
    "flapping, snoozed, assignee, alert_status, tag.NAME, alert_tag.NAME";

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool EndsName(char c) { return IsSpace(c) || c == '=' || c == '!' || c == '~' || c == '"'; }
bool EndsValue(char c) { return IsSpace(c) || c == '"' || c == ','; }

std::string Quoted(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '\n') {
      quoted += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

bool FullMatch(const re2::RE2& expression, absl::string_view text) {
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), expression);
}

}  // namespace

// Reads one matcher, from the left.
class Matchers::Parser {
 public:
  Parser(size_t index, absl::string_view text) : index_(index), text_(text) {}

  absl::StatusOr<Matcher> Parse() {
    if (text_.size() > kMatcherBytesMax) {
      return Error(kMatcherBytesMax,
                   absl::StrCat("it has ", text_.size(), " bytes; allowed are ", kMatcherBytesMax));
    }
    Matcher matcher;
    SkipSpace();
    RETURN_IF_ERROR(ParseLabel(&matcher));
    SkipSpace();
    RETURN_IF_ERROR(ParseOperator(&matcher));
    SkipSpace();
    const size_t value_at = at_;
    RETURN_IF_ERROR(ParseValue(&matcher.value));
    SkipSpace();
    if (at_ < text_.size()) {
      return Error(at_,
                   "expected the end; a value with spaces or commas goes in quotes, and each "
                   "matcher into a string of its own");
    }
    if (is_expression_) RETURN_IF_ERROR(Compile(value_at, &matcher));
    RETURN_IF_ERROR(CheckWord(value_at, matcher));
    return matcher;
  }

  // Of what was parsed.
  std::string Canonical(const Matcher& matcher) const {
    std::string name = matcher.name;
    if (std::any_of(name.begin(), name.end(), EndsName)) name = Quoted(name);
    return absl::StrCat(spec_->name, name, matcher.negative ? "!" : "",
                        is_expression_ ? (matcher.negative ? "~" : "=~") : "=",
                        Quoted(matcher.value));
  }

 private:
  absl::Status Error(size_t position, absl::string_view what) const {
    return FieldError(kMatcherInvalid, absl::StrCat("matchers[", index_, "]"),
                      absl::StrCat("at byte ", position, " of `", Echo(text_), "`: ", what));
  }

  void SkipSpace() {
    while (at_ < text_.size() && IsSpace(text_[at_])) ++at_;
  }

  // What stands before the next byte for which `ends` holds.
  absl::string_view TakeUntil(bool (*ends)(char)) {
    const size_t begin = at_;
    while (at_ < text_.size() && !ends(text_[at_])) ++at_;
    return text_.substr(begin, at_ - begin);
  }

  absl::Status ParseLabel(Matcher* matcher) {
    const size_t begin = at_;
    const absl::string_view word = TakeUntil(EndsName);
    const auto* const found =
        std::find_if(std::begin(kLabels), std::end(kLabels), [word](const LabelSpec& spec) {
          return absl::EndsWith(spec.name, ".") ? absl::StartsWith(word, spec.name)
                                                : word == spec.name;
        });
    if (found == std::end(kLabels)) {
      return Error(begin, absl::StrCat("expected a label, one of ", kLabelNames));
    }
    spec_ = found;
    matcher->label = spec_->label;
    if (!absl::EndsWith(spec_->name, ".")) return absl::OkStatus();
    matcher->name = std::string(word.substr(spec_->name.size()));
    if (matcher->name.empty() && at_ < text_.size() && text_[at_] == '"') {
      RETURN_IF_ERROR(ParseQuoted(&matcher->name));
    }
    if (matcher->name.empty()) {
      return Error(begin + spec_->name.size(), "expected the tag's name");
    }
    return absl::OkStatus();
  }

  absl::Status ParseOperator(Matcher* matcher) {
    const absl::string_view rest = text_.substr(at_);
    for (const absl::string_view op : {"=~", "!~", "!=", "="}) {
      if (!absl::StartsWith(rest, op)) continue;
      matcher->negative = op[0] == '!';
      is_expression_ = absl::EndsWith(op, "~");
      at_ += op.size();
      return absl::OkStatus();
    }
    return Error(at_, "expected one of = != =~ !~");
  }

  absl::Status ParseValue(std::string* value) {
    if (at_ < text_.size() && text_[at_] == '"') return ParseQuoted(value);
    const size_t begin = at_;
    const absl::string_view word = TakeUntil(EndsValue);
    if (word.empty() || word[0] == '=' || word[0] == '~') {
      return Error(begin,
                   "expected a value; the empty one is \"\", and one that begins with = or ~ "
                   "goes in quotes");
    }
    *value = std::string(word);
    return absl::OkStatus();
  }

  absl::Status ParseQuoted(std::string* value) {
    const size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') {
      char c = text_[at_++];
      if (c == '\\') {
        const char escaped = at_ < text_.size() ? text_[at_] : '\0';
        if (escaped != '"' && escaped != '\\' && escaped != 'n') {
          return Error(at_ - 1,
                       "expected \\\", \\\\ or \\n; a backslash in quotes is written twice");
        }
        c = escaped == 'n' ? '\n' : escaped;
        ++at_;
      }
      *value += c;
    }
    if (at_ == text_.size()) return Error(begin, "this quote is not closed");
    ++at_;
    return absl::OkStatus();
  }

  absl::Status Compile(size_t position, Matcher* matcher) const {
    re2::RE2::Options options;
    options.set_max_mem(kExpressionBytesMax);
    options.set_never_capture(true);
    options.set_dot_nl(true);
    options.set_log_errors(false);
    auto expression = std::make_shared<const re2::RE2>(matcher->value, options);
    if (!expression->ok()) {
      return Error(position,
                   absl::StrCat("expected an RE2 expression: ", Echo(expression->error())));
    }
    matcher->expression = std::move(expression);
    return absl::OkStatus();
  }

  // A word that the label never has is a typing error, whatever the operator.
  absl::Status CheckWord(size_t position, const Matcher& matcher) const {
    if (spec_->words.empty()) return absl::OkStatus();
    for (const absl::string_view word : spec_->words) {
      if (matcher.expression != nullptr ? FullMatch(*matcher.expression, word)
                                        : word == matcher.value) {
        return absl::OkStatus();
      }
    }
    const auto say = [](std::string* out, absl::string_view word) {
      absl::StrAppend(out, word.empty() ? "\"\"" : word);
    };
    return Error(position,
                 absl::StrCat("expected ", is_expression_ ? "an expression for some " : "one ",
                              "of ", absl::StrJoin(spec_->words, ", ", say)));
  }

  const size_t index_;
  const absl::string_view text_;
  size_t at_ = 0;
  const LabelSpec* spec_ = nullptr;
  bool is_expression_ = false;
};

absl::StatusOr<Matchers> Matchers::Parse(const std::vector<std::string>& texts) {
  if (texts.size() > kMatchersMax) {
    return FieldError(kMatcherInvalid, "matchers",
                      absl::StrCat("there are ", texts.size(), "; allowed are ", kMatchersMax));
  }
  Matchers result;
  for (size_t i = 0; i < texts.size(); ++i) {
    Parser parser(i, texts[i]);
    ASSIGN_OR_RETURN(Matcher matcher, parser.Parse());
    std::string canonical = parser.Canonical(matcher);
    const auto place =
        std::lower_bound(result.canonical_.begin(), result.canonical_.end(), canonical);
    if (place != result.canonical_.end() && *place == canonical) continue;
    result.canonical_.insert(place, std::move(canonical));
    result.matchers_.push_back(std::move(matcher));
  }
  // Expressions are what costs.
  std::stable_partition(result.matchers_.begin(), result.matchers_.end(),
                        [](const Matcher& m) { return m.expression == nullptr; });
  if (result.empty()) return result;
  uint64_t hash = kFnv1aOffset;
  for (const std::string& text : result.canonical_) hash = Fnv1a("\n", Fnv1a(text, hash));
  result.hash_ = std::max<uint64_t>(hash, 1);
  return result;
}

bool Matchers::Matches(const IncidentLabels& labels) const {
  return std::all_of(matchers_.begin(), matchers_.end(),
                     [&labels](const Matcher& m) { return MatchesOne(m, labels); });
}

bool Matchers::MatchesOne(const Matcher& matcher, const IncidentLabels& labels) {
  const bool any = labels.Any(matcher.label, matcher.name, [&matcher](absl::string_view value) {
    return matcher.expression != nullptr ? FullMatch(*matcher.expression, value)
                                         : value == matcher.value;
  });
  return any != matcher.negative;
}

}  // namespace incidenthub
