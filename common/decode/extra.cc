#include "common/decode/extra.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/strings.h"

namespace incidenthub::decode {

void Extra::Keep(const JsonPointer& at, const JsonValue& value) {
  if (refused()) return;
  const absl::string_view text = value.raw();
  const std::string pointer = at.From(base_);
  findings_.extra_bytes += pointer.size() + text.size();
  if (findings_.extra_bytes > kBytesMax) {
    return Refuse(at, absl::StrCat("with this, more than ", kBytesMax,
                                   " bytes would have to be kept in extra"));
  }
  if (!map_.insert({pointer, std::string(text)}).second) RefuseDuplicate(at);
}

void Extra::Refuse(const JsonPointer& at, absl::string_view what) {
  if (refused()) return;
  const std::string pointer = at.FromRoot();
  findings_.problem = absl::StrCat(pointer.empty() ? "the body" : Echo(pointer), ": ", what);
}

void Extra::RefuseDuplicate(const JsonPointer& at) {
  Refuse(at, "this key stands twice in its object; send it once");
}

}  // namespace incidenthub::decode
