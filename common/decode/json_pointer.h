// Where in a JSON text the decoder is: a chain of steps on the stack, written out only when
// somebody wants to read it.

#ifndef INCIDENTHUB_COMMON_DECODE_JSON_POINTER_H_
#define INCIDENTHUB_COMMON_DECODE_JSON_POINTER_H_

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace incidenthub::decode {

// One step down from `parent`, which must outlive it, as must the key.
class JsonPointer {
 public:
  // The root of the text.
  JsonPointer() = default;
  JsonPointer(const JsonPointer& parent, absl::string_view key) : parent_(&parent), key_(key) {}
  JsonPointer(const JsonPointer& parent, size_t index)
      : parent_(&parent), is_index_(true), index_(index) {}

  // As RFC 6901 writes it (`/incident/alerts/0`), from `base` on, which is this or one of its
  // ancestors.
  std::string From(const JsonPointer& base) const {
    std::string text;
    Append(&base, &text);
    return text;
  }
  std::string FromRoot() const {
    std::string text;
    Append(nullptr, &text);
    return text;
  }

 private:
  void Append(const JsonPointer* base, std::string* text) const {
    if (this == base || parent_ == nullptr) return;
    parent_->Append(base, text);
    text->push_back('/');
    if (is_index_) {
      absl::StrAppend(text, index_);
      return;
    }
    for (const char c : key_) {
      if (c == '~') {
        text->append("~0");
      } else if (c == '/') {
        text->append("~1");
      } else {
        text->push_back(c);
      }
    }
  }

  const JsonPointer* parent_ = nullptr;
  absl::string_view key_;
  bool is_index_ = false;
  size_t index_ = 0;
};

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_JSON_POINTER_H_
