// A JSON text, checked whole against RFC 8259 before any of it is looked at. The one seam to
// simdjson.
//
// Invariants: (1) a document exists only for a text that is valid from its first byte to its last:
//             UTF-8, grammar, escapes (a lone surrogate is refused), and nested no deeper than
//             kJsonDepthMax; (2) nothing is converted: a value is a place in the text, and `raw()`
//             is exactly what was sent; (3) parsing takes time and memory linear in the text, and
//             no recursion.
// Threads:    a document is immutable; any number may read it.
// Lifetime:   values, and views that they return, point into the text and the document; both must
//             outlive them.

#ifndef INCIDENTHUB_COMMON_DECODE_JSON_H_
#define INCIDENTHUB_COMMON_DECODE_JSON_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace incidenthub::decode {

// Objects and arrays may nest this deep.
inline constexpr size_t kJsonDepthMax = 64;
// Values and keys in one text, which bounds the memory that a document takes (16 bytes each).
inline constexpr size_t kJsonValuesMax = size_t{1} << 20;
// Size of one text.
inline constexpr size_t kJsonBytesMax = size_t{64} << 20;

enum class JsonType : uint8_t { kAbsent, kNull, kBool, kNumber, kString, kArray, kObject };

// "a number", "an object", for messages.
absl::string_view DescribeJsonType(JsonType type);

// One value or key: bytes [begin, end) of the text.
struct JsonNode {
  uint32_t begin;
  uint32_t end;
  // Nodes that it takes, itself included: what follows it stands that many further.
  uint32_t span;
  JsonType type;
  // A string with a backslash in it.
  bool escaped;
};

class JsonElements;
class JsonMembers;

// A value in a document, or kAbsent. Two pointers: pass it as you like.
class JsonValue {
 public:
  JsonValue() = default;
  JsonValue(const char* text, const JsonNode* node) : text_(text), node_(node) {}

  JsonType type() const { return node_ == nullptr ? JsonType::kAbsent : node_->type; }

  // The value as sent, without the blanks around it. REQUIRES: not kAbsent, as all below.
  absl::string_view raw() const { return {text_ + node_->begin, node_->end - node_->begin}; }

  // REQUIRES: kBool.
  bool Bool() const { return text_[node_->begin] == 't'; }

  // The string itself: in the text, or in `*scratch` if it has escapes. REQUIRES: kString.
  absl::string_view String(std::string* scratch) const {
    return node_->escaped ? Unescape(scratch) : raw().substr(1, node_->end - node_->begin - 2);
  }

  // An object or array with nothing in it. REQUIRES: kArray or kObject.
  bool IsEmptyContainer() const { return node_->span == 1; }

  // REQUIRES: kArray.
  JsonElements Elements() const;
  // In the order sent, repeated keys included. REQUIRES: kObject.
  JsonMembers Members() const;
  // The first value under `key`, or kAbsent. REQUIRES: kObject.
  JsonValue Find(absl::string_view key) const;

 private:
  absl::string_view Unescape(std::string* scratch) const;

  const char* text_ = nullptr;
  const JsonNode* node_ = nullptr;
};

struct JsonMember {
  // A kString.
  JsonValue key;
  JsonValue value;
};

// For range-based for.
class JsonElements {
 public:
  class Iterator {
   public:
    Iterator(const char* text, const JsonNode* node) : text_(text), node_(node) {}
    JsonValue operator*() const { return {text_, node_}; }
    Iterator& operator++() {
      node_ += node_->span;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return node_ != other.node_; }

   private:
    const char* text_;
    const JsonNode* node_;
  };

  JsonElements(const char* text, const JsonNode* array) : text_(text), array_(array) {}
  Iterator begin() const { return {text_, array_ + 1}; }
  Iterator end() const { return {text_, array_ + array_->span}; }

 private:
  const char* text_;
  const JsonNode* array_;
};

// For range-based for.
class JsonMembers {
 public:
  class Iterator {
   public:
    Iterator(const char* text, const JsonNode* key) : text_(text), key_(key) {}
    JsonMember operator*() const { return {{text_, key_}, {text_, key_ + 1}}; }
    Iterator& operator++() {
      key_ += 1 + key_[1].span;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return key_ != other.key_; }

   private:
    const char* text_;
    const JsonNode* key_;
  };

  JsonMembers(const char* text, const JsonNode* object) : text_(text), object_(object) {}
  Iterator begin() const { return {text_, object_ + 1}; }
  Iterator end() const { return {text_, object_ + object_->span}; }

 private:
  const char* text_;
  const JsonNode* object_;
};

inline JsonElements JsonValue::Elements() const { return {text_, node_}; }
inline JsonMembers JsonValue::Members() const { return {text_, node_}; }

class JsonDocument {
 public:
  // Checks `*text`, after a byte order mark if it begins with one. `*text` keeps its content and
  // may move as it grows capacity; it must not change while the document lives.
  //
  // INVALID_ARGUMENT, with the byte offset in words and in the metadata `offset`: BODY_EMPTY
  // (nothing, or blanks alone), NOT_UTF8, NOT_JSON, TOO_DEEP. RESOURCE_EXHAUSTED: TOO_MANY_VALUES
  // (it is valid JSON), BODY_TOO_LARGE. UNAVAILABLE: OUT_OF_MEMORY.
  static absl::StatusOr<JsonDocument> Parse(std::string* text);

  // Moving keeps values valid.
  JsonDocument(JsonDocument&&) = default;
  JsonDocument& operator=(JsonDocument&&) = default;
  ~JsonDocument();

  JsonValue root() const { return {text_, nodes_.get()}; }

 private:
  JsonDocument(const char* text, std::unique_ptr<JsonNode[]> nodes, bool is_small)
      : text_(text), nodes_(std::move(nodes)), is_small_(is_small) {}

  const char* text_;
  // The values in the order of the text: a container before what is in it, a key before its value.
  std::unique_ptr<JsonNode[]> nodes_;
  // Whether the nodes came out of the thread's own buffer, and go back there.
  bool is_small_;
};

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_JSON_H_
