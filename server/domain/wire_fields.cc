#include "server/domain/wire_fields.h"

#include <cstddef>
#include <cstdint>
#include <limits>

namespace incidenthub {
namespace {

// In the low bits of a tag.
enum WireType : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };
constexpr uint32_t kWireTypeBits = 3;

// Both return what follows the number at `next`, or null: it is cut off or odd.
const char* TakeVarint(const char* next, const char* end, uint64_t* value) {
  constexpr unsigned kLongestVarint = 10;
  *value = 0;
  for (unsigned i = 0; i < kLongestVarint && next != end; ++i, ++next) {
    const auto byte = static_cast<uint8_t>(*next);
    *value |= uint64_t{byte & 0x7FU} << (7 * i);
    if (byte >= 0x80U) continue;
    // A last byte of 0 adds nothing; the tenth has but the 64th bit.
    const bool odd = (byte == 0 && i > 0) || (byte > 1 && i + 1 == kLongestVarint);
    return odd ? nullptr : next + 1;
  }
  return nullptr;
}

// A tag or a length: mostly of one byte.
const char* TakeVarint32(const char* next, const char* end, uint32_t* value) {
  if (next != end && static_cast<uint8_t>(*next) < 0x80U) {
    *value = static_cast<uint8_t>(*next);
    return next + 1;
  }
  uint64_t wide = 0;
  next = TakeVarint(next, end, &wide);
  if (wide > std::numeric_limits<uint32_t>::max()) return nullptr;
  *value = static_cast<uint32_t>(wide);
  return next;
}

}  // namespace

bool VisitFields(absl::string_view message, absl::FunctionRef<void(const WireField&)> visit) {
  const char* next = message.data();
  const char* const end = next + message.size();
  while (next != end) {
    const char* const begin = next;
    uint32_t tag = 0;
    next = TakeVarint32(next, end, &tag);
    if (next == nullptr || (tag >> kWireTypeBits) == 0) return false;
    WireField field;
    field.number = tag >> kWireTypeBits;
    uint32_t size = 0;
    switch (tag & ((1U << kWireTypeBits) - 1)) {
      case kVarint: {
        uint64_t number = 0;
        next = TakeVarint(next, end, &number);
        break;
      }
      case kFixed64:
        size = sizeof(uint64_t);
        break;
      case kFixed32:
        size = sizeof(uint32_t);
        break;
      case kLength:
        next = TakeVarint32(next, end, &size);
        field.has_length = true;
        break;
      default:
        return false;
    }
    if (next == nullptr || size > static_cast<size_t>(end - next)) return false;
    if (field.has_length) field.content = {next, size};
    next += size;
    field.whole = {begin, static_cast<size_t>(next - begin)};
    visit(field);
  }
  return true;
}

}  // namespace incidenthub
