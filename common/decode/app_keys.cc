#include "common/decode/app_keys.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/decode/json_scan.h"

namespace incidenthub::decode {

absl::string_view BlankAppKeys(absl::string_view json, AppKeyDepth depth, std::string* scratch) {
  scratch->clear();
  // Up to where `json` is in `*scratch`.
  size_t copied = 0;
  size_t level = 0;
  size_t at = 0;
  while (at < json.size()) {
    const char c = json[at];
    if (c == '{' || c == '[') ++level;
    if (c == '}' || c == ']') --level;
    if (c != '"') {
      ++at;
      continue;
    }
    const size_t begin = at;
    at = std::min(SkipJsonString(json, begin), json.size());
    const size_t colon = SkipJsonBlanks(json, at);
    const bool is_key = colon < json.size() && json[colon] == ':';
    if (!is_key || (depth == AppKeyDepth::kOwn && level != 1) ||
        !IsJsonKey(json.substr(begin, at - begin), kAppKey)) {
      continue;
    }
    const size_t value = SkipJsonBlanks(json, colon + 1);
    at = std::min(SkipJsonValue(json, value), json.size());
    absl::StrAppend(scratch, json.substr(copied, value - copied), "\"\"");
    copied = at;
  }
  if (copied == 0) return json;
  absl::StrAppend(scratch, json.substr(copied));
  return *scratch;
}

}  // namespace incidenthub::decode
