#include "tests/common/decode/plain_json.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace incidenthub::testing {
namespace {

class Reader {
 public:
  Reader(absl::string_view text, size_t depth_max) : text_(text), depth_max_(depth_max) {}

  bool Whole(PlainJson* json) {
    Blanks();
    if (!Value(json, 0)) return false;
    Blanks();
    return at_ == text_.size();
  }

 private:
  int Peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  int Take() {
    const int c = Peek();
    ++at_;
    return c;
  }
  bool Skip(char c) {
    if (Peek() != c) return false;
    ++at_;
    return true;
  }
  void Blanks() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == '\n' || Peek() == '\r') ++at_;
  }
  bool Word(absl::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool Value(PlainJson* json, size_t depth) {
    const size_t begin = at_;
    if (!Content(json, depth)) return false;
    json->raw = std::string(text_.substr(begin, at_ - begin));
    return true;
  }

  bool Content(PlainJson* json, size_t depth) {
    switch (Peek()) {
      case '{':
        json->type = PlainJson::Type::kObject;
        return depth < depth_max_ && Object(json, depth);
      case '[':
        json->type = PlainJson::Type::kArray;
        return depth < depth_max_ && Array(json, depth);
      case '"':
        json->type = PlainJson::Type::kString;
        return String(&json->text);
      case 't':
        json->type = PlainJson::Type::kBool;
        return Word("true");
      case 'f':
        json->type = PlainJson::Type::kBool;
        return Word("false");
      case 'n':
        return Word("null");
      default:
        json->type = PlainJson::Type::kNumber;
        return Number();
    }
  }

  bool Object(PlainJson* json, size_t depth) {
    ++at_;
    Blanks();
    if (Skip('}')) return true;
    do {
      Blanks();
      json->members.emplace_back();
      if (Peek() != '"' || !String(&json->members.back().key)) return false;
      Blanks();
      if (!Skip(':')) return false;
      Blanks();
      if (!Value(&json->members.back().value, depth + 1)) return false;
      Blanks();
    } while (Skip(','));
    return Skip('}');
  }

  bool Array(PlainJson* json, size_t depth) {
    ++at_;
    Blanks();
    if (Skip(']')) return true;
    do {
      Blanks();
      json->elements.emplace_back();
      if (!Value(&json->elements.back(), depth + 1)) return false;
      Blanks();
    } while (Skip(','));
    return Skip(']');
  }

  bool Digits() {
    const size_t begin = at_;
    while (Peek() >= '0' && Peek() <= '9') ++at_;
    return at_ > begin;
  }

  bool Number() {
    Skip('-');
    if (!Skip('0') && !Digits()) return false;
    if (Skip('.') && !Digits()) return false;
    if (Peek() == 'e' || Peek() == 'E') {
      ++at_;
      if (!Skip('+')) Skip('-');
      return Digits();
    }
    return true;
  }

  bool Hex4(uint32_t* unit) {
    *unit = 0;
    for (int i = 0; i < 4; ++i) {
      const int c = Take();
      const absl::string_view digits = "0123456789abcdef";
      const size_t digit = digits.find(static_cast<char>(c >= 'A' && c <= 'F' ? c + 32 : c));
      if (c < 0 || digit == absl::string_view::npos) return false;
      *unit = *unit * 16 + static_cast<uint32_t>(digit);
    }
    return true;
  }

  static void Encode(uint32_t code, std::string* out) {
    const auto push = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
    if (code <= 0x7F) return push(code);
    if (code <= 0x7FF) {
      push(0xC0 + code / 64);
    } else {
      if (code <= 0xFFFF) {
        push(0xE0 + code / 4096);
      } else {
        push(0xF0 + code / 262144);
        push(0x80 + code / 4096 % 64);
      }
      push(0x80 + code / 64 % 64);
    }
    push(0x80 + code % 64);
  }

  bool Escape(std::string* out) {
    const int c = Take();
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out->push_back(static_cast<char>(c));
        return true;
      case 'b':
        out->push_back('\b');
        return true;
      case 'f':
        out->push_back('\f');
        return true;
      case 'n':
        out->push_back('\n');
        return true;
      case 'r':
        out->push_back('\r');
        return true;
      case 't':
        out->push_back('\t');
        return true;
      case 'u':
        break;
      default:
        return false;
    }
    uint32_t code = 0;
    if (!Hex4(&code)) return false;
    if (code >= 0xDC00 && code <= 0xDFFF) return false;
    if (code >= 0xD800 && code <= 0xDBFF) {
      uint32_t low = 0;
      if (!Skip('\\') || !Skip('u') || !Hex4(&low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
    }
    Encode(code, out);
    return true;
  }

  // One code point of more than a byte, whose first byte was `lead`.
  bool Multibyte(int lead, std::string* out) {
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    if (lead < 0xC0 || lead > 0xF7) return false;
    uint32_t code = static_cast<uint32_t>(lead) & (0x3FU >> more);
    for (int i = 0; i < more; ++i) {
      const int c = Take();
      if (c < 0x80 || c > 0xBF) return false;
      code = code * 64 + (static_cast<uint32_t>(c) & 0x3F);
    }
    const uint32_t shortest = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    if (code < shortest || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    Encode(code, out);
    return true;
  }

  bool String(std::string* out) {
    ++at_;
    for (;;) {
      const int c = Take();
      if (c < 0x20) return false;
      if (c == '"') return true;
      if (c == '\\') {
        if (!Escape(out)) return false;
      } else if (c < 0x80) {
        out->push_back(static_cast<char>(c));
      } else if (!Multibyte(c, out)) {
        return false;
      }
    }
  }

  const absl::string_view text_;
  const size_t depth_max_;
  size_t at_ = 0;
};

}  // namespace

absl::optional<PlainJson> ParsePlainJson(absl::string_view text, size_t depth_max) {
  PlainJson json;
  if (!Reader(text, depth_max).Whole(&json)) return absl::nullopt;
  return json;
}

std::string PointerStep(absl::string_view key) {
  std::string step = "/";
  for (const char c : key) {
    if (c == '~') {
      step += "~0";
    } else if (c == '/') {
      step += "~1";
    } else {
      step += c;
    }
  }
  return step;
}

PlainDecimal ParsePlainDecimal(absl::string_view number) {
  PlainDecimal decimal;
  const size_t e = std::min(number.find_first_of("eE"), number.size());
  if (e < number.size()) {
    constexpr long long kMax = 1'000'000'000'000'000;
    decimal.exponent = std::clamp(
        std::strtoll(std::string(number.substr(e + 1)).c_str(), nullptr, 10), -kMax, kMax);
  }
  bool before_point = true;
  for (const char c : number.substr(0, e)) {
    if (c == '-') {
      decimal.negative = true;
    } else if (c == '.') {
      before_point = false;
    } else {
      if (before_point) ++decimal.exponent;
      decimal.digits += c;
    }
  }
  while (!decimal.digits.empty() && decimal.digits.front() == '0') {
    decimal.digits.erase(0, 1);
    --decimal.exponent;
  }
  while (!decimal.digits.empty() && decimal.digits.back() == '0') decimal.digits.pop_back();
  if (decimal.digits.empty()) return {};
  return decimal;
}

}  // namespace incidenthub::testing
