#include "common/decode/json_scan.h"

#include <bitset>
#include <cstdint>
#include <string>

#include "common/decode/json.h"

namespace incidenthub::decode {
namespace {

bool IsOpening(char c) { return c == '{' || c == '['; }
bool IsClosing(char c) { return c == '}' || c == ']'; }

// Whether a scalar ends in front of `c`.
bool EndsScalar(char c) {
  return IsJsonBlank(c) || IsOpening(c) || IsClosing(c) || c == ',' || c == ':' || c == '"';
}

// Where the element or member that begins at `at` ends: at its comma, or at the end.
size_t PartEnd(absl::string_view text, size_t at, size_t end) {
  while (at < end && text[at] != ',') {
    if (text[at] == '"') {
      at = SkipJsonString(text, at);
    } else if (IsOpening(text[at])) {
      at = SkipJsonContainer(text, at);
    } else {
      ++at;
    }
  }
  return at;
}

// Calls `part` with what stands between the commas of a container.
bool ForEachPart(absl::string_view container,
                 absl::FunctionRef<bool(absl::string_view part)> part) {
  const size_t end = container.size() - 1;
  if (SkipJsonBlanks(container, 1) == end) return true;
  size_t at = 1;
  while (true) {
    const size_t part_end = PartEnd(container, at, end);
    if (!part(TrimJsonBlanks(container.substr(at, part_end - at)))) return false;
    if (part_end >= end) return true;
    at = part_end + 1;
  }
}

// The order of tokens in a container.
class OrderChecker {
 public:
  OrderChecker(absl::string_view text, size_t at) : text_(text), at_(at) {}

  // Behind the container, or kNoEnd.
  size_t Run() {
    do {
      at_ = SkipJsonBlanks(text_, at_);
      if (at_ >= text_.size() || !Step(text_[at_])) return kNoEnd;
    } while (depth_ > 0);
    return at_;
  }

  size_t at() const { return at_; }

 private:
  enum class Expect { kValue, kValueOrEnd, kKey, kKeyOrEnd, kColon, kCommaOrEnd };

  bool Step(char c) {
    switch (expect_) {
      case Expect::kValueOrEnd:
        if (c == ']') return Close();
        [[fallthrough]];
      case Expect::kValue:
        return Value(c);
      case Expect::kKeyOrEnd:
        if (c == '}') return Close();
        [[fallthrough]];
      case Expect::kKey:
        expect_ = Expect::kColon;
        return c == '"' && Skip(SkipJsonString(text_, at_));
      case Expect::kColon:
        expect_ = Expect::kValue;
        return c == ':' && Skip(at_ + 1);
      case Expect::kCommaOrEnd:
        if (c != ',') return c == (is_object_[depth_ - 1] ? '}' : ']') && Close();
        expect_ = is_object_[depth_ - 1] ? Expect::kKey : Expect::kValue;
        return Skip(at_ + 1);
    }
    return false;
  }

  bool Value(char c) {
    if (IsOpening(c)) {
      if (depth_ == kScanDepthMax) return false;
      is_object_[depth_++] = c == '{';
      expect_ = c == '{' ? Expect::kKeyOrEnd : Expect::kValueOrEnd;
      return Skip(at_ + 1);
    }
    expect_ = Expect::kCommaOrEnd;
    if (c != '"' && EndsScalar(c)) return false;
    return Skip(SkipJsonValue(text_, at_));
  }

  bool Close() {
    --depth_;
    expect_ = Expect::kCommaOrEnd;
    return Skip(at_ + 1);
  }

  bool Skip(size_t to) {
    if (to == kNoEnd) return false;
    at_ = to;
    return true;
  }

  const absl::string_view text_;
  size_t at_;
  Expect expect_ = Expect::kValue;
  std::bitset<kScanDepthMax> is_object_;
  size_t depth_ = 0;
};

}  // namespace

size_t SkipJsonBlanks(absl::string_view text, size_t at) {
  while (at < text.size() && IsJsonBlank(text[at])) ++at;
  return at;
}

absl::string_view TrimJsonBlanks(absl::string_view text) {
  text.remove_prefix(SkipJsonBlanks(text, 0));
  while (!text.empty() && IsJsonBlank(text.back())) text.remove_suffix(1);
  return text;
}

size_t SkipJsonString(absl::string_view text, size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '"') return at + 1;
    if (text[at] == '\\' && ++at == text.size()) return kNoEnd;
    if (static_cast<uint8_t>(text[at]) < 0x20) return kNoEnd;
  }
  return kNoEnd;
}

size_t SkipJsonContainer(absl::string_view text, size_t at) {
  size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = SkipJsonString(text, at);
      if (at == kNoEnd) return kNoEnd;
      continue;
    }
    ++at;
    if (IsOpening(c)) ++depth;
    if (IsClosing(c) && --depth == 0) return at;
  }
  return kNoEnd;
}

size_t SkipJsonValue(absl::string_view text, size_t at) {
  if (at >= text.size()) return at;
  if (text[at] == '"') return SkipJsonString(text, at);
  if (IsOpening(text[at])) return SkipJsonContainer(text, at);
  while (at < text.size() && !EndsScalar(text[at])) ++at;
  return at;
}

size_t CheckJsonContainer(absl::string_view text, size_t at, size_t* fault) {
  OrderChecker checker(text, at);
  const size_t end = checker.Run();
  *fault = checker.at();
  return end;
}

bool IsJsonKey(absl::string_view quoted, absl::string_view key) {
  if (quoted.find('\\') == absl::string_view::npos) {
    return quoted.size() == key.size() + 2 && quoted.substr(1, key.size()) == key;
  }
  std::string text(quoted);
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(&text);
  std::string scratch;
  return document.ok() && document->root().type() == JsonType::kString &&
         document->root().String(&scratch) == key;
}

bool ForEachElementText(absl::string_view array,
                        absl::FunctionRef<bool(absl::string_view element)> element) {
  return ForEachPart(array, element);
}

bool ForEachMemberText(
    absl::string_view object,
    absl::FunctionRef<bool(absl::string_view key, absl::string_view value)> member) {
  return ForEachPart(object, [member](absl::string_view part) {
    if (part.empty() || part[0] != '"') return false;
    const size_t key_end = SkipJsonString(part, 0);
    const size_t colon = SkipJsonBlanks(part, key_end);
    if (colon >= part.size() || part[colon] != ':') return false;
    return member(part.substr(0, key_end), TrimJsonBlanks(part.substr(colon + 1)));
  });
}

}  // namespace incidenthub::decode
