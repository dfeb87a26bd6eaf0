#include "common/decode/json_check.h"

#include <array>
#include <cstring>
#include <string>

#include "absl/base/attributes.h"
#include "common/decode/decimal.h"

namespace incidenthub::decode {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

size_t FindBackslash(absl::string_view text, size_t from) {
  if (from >= text.size()) return text.size();
  const void* const found = std::memchr(text.data() + from, '\\', text.size() - from);
  if (found == nullptr) return text.size();
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace

size_t FirstNotUtf8(absl::string_view text) {
  const auto byte = [text](size_t i) -> uint8_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0;
  };
  size_t at = 0;
  while (at < text.size()) {
    const uint8_t lead = byte(at);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    size_t size = 0;
    // The range of the second byte rules out overlong forms, surrogates and what is beyond
    // U+10FFFF.
    uint8_t low = 0x80;
    uint8_t high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      size = 2;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      size = 3;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      size = 4;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return at;
    }
    if (byte(at + 1) < low || byte(at + 1) > high) return at;
    for (size_t i = 2; i < size; ++i) {
      if (byte(at + i) < 0x80 || byte(at + i) > 0xBF) return at;
    }
    at += size;
  }
  return at;
}

JsonFault FirstStringFault(absl::string_view text) {
  bool in_string = false;
  size_t begin = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      in_string = !in_string;
      begin = at;
    } else if (in_string && c == '\\') {
      ++at;
    } else if (in_string && static_cast<uint8_t>(c) < 0x20) {
      return {JsonFault::Kind::kNotJson, at, "no bare control character in a string"};
    }
  }
  return {JsonFault::Kind::kNotJson, begin, "an end of the string that begins there"};
}

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto push = [out](uint32_t byte) {
    out->push_back(static_cast<char>(static_cast<uint8_t>(byte)));
  };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0U | (code_point >> 6U));
    push(0x80U | (code_point & 0x3FU));
  } else if (code_point < 0x10000) {
    push(0xE0U | (code_point >> 12U));
    push(0x80U | ((code_point >> 6U) & 0x3FU));
    push(0x80U | (code_point & 0x3FU));
  } else {
    push(0xF0U | (code_point >> 18U));
    push(0x80U | ((code_point >> 12U) & 0x3FU));
    push(0x80U | ((code_point >> 6U) & 0x3FU));
    push(0x80U | (code_point & 0x3FU));
  }
}

int32_t ReadHex4(const char* digits) {
  int32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = digits[i];
    int32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return -1;
    }
    value = value * 16 + digit;
  }
  return value;
}

namespace {

class Checker {
 public:
  Checker(absl::string_view text, const uint32_t* tokens, size_t token_count, JsonNode* nodes,
          JsonFault* fault)
      : text_(text),
        tokens_(tokens),
        token_count_(token_count),
        nodes_(nodes),
        fault_(*fault),
        next_backslash_(FindBackslash(text, 0)) {}

  bool Run() {
    do {
      if (next_token_ == token_count_) return Fail(text_.size(), "more: the text breaks off");
      if (!Step(tokens_[next_token_++])) return false;
    } while (depth_ > 0);
    if (next_token_ != token_count_) return Fail(tokens_[next_token_], "nothing after the value");
    return true;
  }

 private:
  enum class State { kValue, kElementOrEnd, kKey, kKeyOrEnd, kAfterValue };
  struct Open {
    // The container's index in `nodes_`.
    size_t node;
    bool is_object;
  };

  bool Step(uint32_t at) {
    switch (state_) {
      case State::kElementOrEnd:
        if (text_[at] == ']') return CloseContainer(at);
        [[fallthrough]];
      case State::kValue:
        return Value(at);
      case State::kKeyOrEnd:
        if (text_[at] == '}') return CloseContainer(at);
        [[fallthrough]];
      case State::kKey:
        return Key(at);
      case State::kAfterValue:
        return AfterValue(at);
    }
    return false;
  }

  bool Value(uint32_t at) {
    state_ = State::kAfterValue;
    switch (text_[at]) {
      case '{':
        return OpenContainer(at, true);
      case '[':
        return OpenContainer(at, false);
      case '"':
        return String(at);
      default:
        return Scalar(at);
    }
  }

  bool Key(uint32_t at) {
    if (text_[at] != '"') return Fail(at, "a key in double quotes");
    if (!String(at)) return false;
    if (next_token_ == token_count_) return Fail(text_.size(), "more: the text breaks off");
    const uint32_t colon = tokens_[next_token_++];
    if (text_[colon] != ':') return Fail(colon, "':' after a key");
    state_ = State::kValue;
    return true;
  }

  bool AfterValue(uint32_t at) {
    const bool is_object = open_[depth_ - 1].is_object;
    if (text_[at] == ',') {
      state_ = is_object ? State::kKey : State::kValue;
      return true;
    }
    if (text_[at] != (is_object ? '}' : ']')) {
      return Fail(at, is_object ? "',' or '}' after a member" : "',' or ']' after an element");
    }
    return CloseContainer(at);
  }

  bool OpenContainer(uint32_t at, bool is_object) {
    if (depth_ == kJsonDepthMax) {
      fault_ = {JsonFault::Kind::kTooDeep, at, ""};
      return false;
    }
    open_[depth_++] = {node_count_, is_object};
    Append(at, at, is_object ? JsonType::kObject : JsonType::kArray, false);
    state_ = is_object ? State::kKeyOrEnd : State::kElementOrEnd;
    return true;
  }

  bool CloseContainer(uint32_t at) {
    const Open& open = open_[--depth_];
    if (nodes_ != nullptr) {
      nodes_[open.node].end = at + 1;
      nodes_[open.node].span = static_cast<uint32_t>(node_count_ - open.node);
    }
    state_ = State::kAfterValue;
    return true;
  }

  bool String(uint32_t at) {
    const uint32_t end = TokenEnd(at);
    if (end < at + 2 || text_[end - 1] != '"')
      return Fail(end, "nothing but blanks after a string");
    if (next_backslash_ < at) next_backslash_ = FindBackslash(text_, at);
    const bool escaped = next_backslash_ < end;
    if (escaped && !Escapes(at + 1, end - 1)) return false;
    Append(at, end, JsonType::kString, escaped);
    return true;
  }

  bool Scalar(uint32_t at) {
    const uint32_t end = TokenEnd(at);
    const absl::string_view token = text_.substr(at, end - at);
    JsonType type = JsonType::kNumber;
    if (token == "true" || token == "false") {
      type = JsonType::kBool;
    } else if (token == "null") {
      type = JsonType::kNull;
    } else if (!IsJsonNumber(token)) {
      return Fail(at, "a value: an object, array, string, number, true, false or null");
    }
    Append(at, end, type, false);
    return true;
  }

  // Few strings have any, and all others should not pay for it.
  ABSL_ATTRIBUTE_NOINLINE bool Escapes(size_t begin, size_t end) {
    static constexpr const char* kExpected = "an escape of RFC 8259";
    static constexpr const char* kPair = "a surrogate pair: half of one stands for no character";
    for (size_t at = FindBackslash(text_, begin); at < end; at = FindBackslash(text_, at)) {
      const char kind = at + 1 < end ? text_[at + 1] : '\0';
      if (kind != 'u') {
        if (kind == '\0' || std::strchr("\"\\/bfnrt", kind) == nullptr) return Fail(at, kExpected);
        at += 2;
        continue;
      }
      const int32_t unit = at + 6 <= end ? ReadHex4(text_.data() + at + 2) : -1;
      if (unit < 0) return Fail(at, kExpected);
      if (unit >= 0xDC00 && unit <= 0xDFFF) return Fail(at, kPair);
      if (unit < 0xD800 || unit > 0xDFFF) {
        at += 6;
        continue;
      }
      const bool paired = at + 12 <= end && text_[at + 6] == '\\' && text_[at + 7] == 'u';
      const int32_t low = paired ? ReadHex4(text_.data() + at + 8) : -1;
      if (low < 0xDC00 || low > 0xDFFF) return Fail(at, kPair);
      at += 12;
    }
    return true;
  }

  // Where the token that begins at `at` ends: before the blanks in front of the next one.
  uint32_t TokenEnd(uint32_t at) const {
    uint32_t end =
        next_token_ < token_count_ ? tokens_[next_token_] : static_cast<uint32_t>(text_.size());
    while (end > at + 1 && IsBlank(text_[end - 1])) --end;
    return end;
  }

  void Append(uint32_t begin, uint32_t end, JsonType type, bool escaped) {
    if (nodes_ != nullptr) nodes_[node_count_] = {begin, end, 1, type, escaped};
    ++node_count_;
  }

  ABSL_ATTRIBUTE_NOINLINE bool Fail(size_t offset, const char* expected) {
    fault_ = {JsonFault::Kind::kNotJson, offset, expected};
    return false;
  }

  const absl::string_view text_;
  const uint32_t* const tokens_;
  const size_t token_count_;
  JsonNode* const nodes_;
  JsonFault& fault_;

  size_t next_token_ = 0;
  size_t node_count_ = 0;
  // Offset of the first backslash that no string before it has used up; text_.size() if there is
  // none.
  size_t next_backslash_;
  State state_ = State::kValue;
  std::array<Open, kJsonDepthMax> open_;
  size_t depth_ = 0;
};

}  // namespace

bool CheckJson(absl::string_view text, const uint32_t* tokens, size_t token_count, JsonNode* nodes,
               JsonFault* fault) {
  return Checker(text, tokens, token_count, nodes, fault).Run();
}

}  // namespace incidenthub::decode
