#include "tests/common/decode/plain_items.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "tests/common/decode/plain_json.h"

namespace incidenthub::testing {
namespace {

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";
// Of a body that is deeper the splitter takes some, and refuses others.
constexpr size_t kDepthMax = 64;

void AddItems(const PlainJson& json, std::vector<std::string>* items) {
  const std::vector<PlainJson>* elements = nullptr;
  int alerts = 0;
  bool is_alert = false;
  if (json.type == PlainJson::Type::kArray) elements = &json.elements;
  for (const PlainMember& member : json.members) {
    is_alert = is_alert || member.key == "status";
    if (member.key != "alerts") continue;
    ++alerts;
    elements = member.value.type == PlainJson::Type::kArray ? &member.value.elements : nullptr;
  }
  if (elements == nullptr || alerts > 1 || is_alert) return items->push_back(json.raw);
  for (const PlainJson& element : *elements) items->push_back(element.raw);
}

bool IsBlank(absl::string_view text) {
  return text.find_first_not_of(" \t\r\n") == absl::string_view::npos;
}

}  // namespace

absl::optional<std::vector<std::string>> PlainItems(absl::string_view body) {
  if (absl::StartsWith(body, kByteOrderMark)) body.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> items;
  if (const absl::optional<PlainJson> whole = ParsePlainJson(body, kDepthMax)) {
    AddItems(*whole, &items);
    return items;
  }
  for (const absl::string_view line : absl::StrSplit(body, '\n')) {
    if (IsBlank(line)) continue;
    const absl::optional<PlainJson> value = ParsePlainJson(line, kDepthMax);
    if (!value.has_value()) return absl::nullopt;
    AddItems(*value, &items);
  }
  return items;
}

}  // namespace incidenthub::testing
