#include "clients/cli/text.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace incidenthub::client {
namespace {

struct Character {
  // kInvalid: one byte that begins no UTF-8 sequence.
  char32_t code = 0;
  size_t bytes = 1;
};
constexpr char32_t kInvalid = 0xFFFFFFFF;

struct Range {
  char32_t first;
  char32_t last;
};

// Control characters, and what hides or reorders others: soft hyphen, zero-width and bidirectional
// marks, separators, byte order mark, tags.
constexpr Range kUnsafe[] = {{0x0000, 0x001F}, {0x007F, 0x009F},  {0x00AD, 0x00AD},
                             {0x061C, 0x061C}, {0x180E, 0x180E},  {0x200B, 0x200F},
                             {0x2028, 0x202E}, {0x2060, 0x206F},  {0xFEFF, 0xFEFF},
                             {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF}};

// Columns by the Unicode blocks that matter: East Asian wide and fullwidth, emoji.
constexpr Range kWide[] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0x33FF},
                           {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
                           {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
                           {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F64F},
                           {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kCombining[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},
                                {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF},
                                {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

template <size_t kCount>
bool In(const Range (&ranges)[kCount], char32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges), [code](const Range& range) {
    return range.first <= code && code <= range.last;
  });
}

// The character that `text`, which is not empty, begins with. Refuses what is overlong, a surrogate
// or out of range.
Character Decode(absl::string_view text) {
  const auto byte = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  size_t bytes = 0;
  char32_t code = 0;
  char32_t smallest = 0;
  if ((lead & 0xE0U) == 0xC0U) {
    bytes = 2, code = lead & 0x1FU, smallest = 0x80;
  } else if ((lead & 0xF0U) == 0xE0U) {
    bytes = 3, code = lead & 0x0FU, smallest = 0x800;
  } else if ((lead & 0xF8U) == 0xF0U) {
    bytes = 4, code = lead & 0x07U, smallest = 0x10000;
  }
  if (bytes == 0 || text.size() < bytes) return {kInvalid, 1};
  for (size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {kInvalid, 1};
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < smallest || surrogate || code > 0x10FFFF) return {kInvalid, 1};
  return {code, bytes};
}

size_t Columns(char32_t code) {
  if (In(kCombining, code)) return 0;
  return In(kWide, code) ? 2 : 1;
}

std::string Escaped(absl::string_view bytes, char32_t code) {
  switch (code) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  if (code == kInvalid || code < 0x80) {
    return absl::StrFormat("\\x%02x", static_cast<unsigned char>(bytes[0]));
  }
  const auto number = static_cast<uint32_t>(code);
  if (code <= 0xFFFF) return absl::StrFormat("\\u%04x", number);
  return absl::StrFormat("\\U%08x", number);
}

}  // namespace

std::string Printable(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character character = Decode(text);
    const absl::string_view bytes = text.substr(0, character.bytes);
    if (character.code == kInvalid || In(kUnsafe, character.code)) {
      absl::StrAppend(&out, Escaped(bytes, character.code));
    } else {
      absl::StrAppend(&out, bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return out;
}

size_t DisplayWidth(absl::string_view printable) {
  size_t columns = 0;
  while (!printable.empty()) {
    const Character character = Decode(printable);
    columns += Columns(character.code);
    printable.remove_prefix(character.bytes);
  }
  return columns;
}

std::string Cut(absl::string_view printable, size_t columns) {
  constexpr absl::string_view kEllipsis = "...";
  if (columns == 0 || DisplayWidth(printable) <= columns) return std::string(printable);
  const size_t room = columns - std::min(columns, kEllipsis.size());
  size_t used = 0;
  size_t bytes = 0;
  while (bytes < printable.size()) {
    const Character character = Decode(printable.substr(bytes));
    if (used + Columns(character.code) > room) break;
    used += Columns(character.code);
    bytes += character.bytes;
  }
  return absl::StrCat(printable.substr(0, bytes), kEllipsis.substr(0, columns));
}

std::string Pad(absl::string_view printable, size_t columns) {
  const size_t width = DisplayWidth(printable);
  return absl::StrCat(printable, std::string(columns - std::min(columns, width), ' '));
}

std::string Painter::Paint(Colour colour, absl::string_view printable) const {
  if (!enabled_ || printable.empty()) return std::string(printable);
  absl::string_view code;
  switch (colour) {
    case Colour::kNone:
      return std::string(printable);
    case Colour::kRed:
      code = "31";
      break;
    case Colour::kYellow:
      code = "33";
      break;
    case Colour::kGreen:
      code = "32";
      break;
    case Colour::kCyan:
      code = "36";
      break;
    case Colour::kDim:
      code = "2";
      break;
    case Colour::kBold:
      code = "1";
      break;
  }
  return absl::StrCat("\x1b[", code, "m", printable, "\x1b[0m");
}

}  // namespace incidenthub::client
