// A second, plain reading of JSON for tests to compare with: recursive descent by the letter of RFC
// 8259, sharing nothing with the code under test.

#ifndef INCIDENTHUB_TESTS_COMMON_DECODE_PLAIN_JSON_H_
#define INCIDENTHUB_TESTS_COMMON_DECODE_PLAIN_JSON_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace incidenthub::testing {

struct PlainMember;

struct PlainJson {
  enum class Type { kNull, kBool, kNumber, kString, kArray, kObject };
  Type type = Type::kNull;
  // Exactly as it stands in the text.
  std::string raw;
  // A string's value.
  std::string text;
  std::vector<PlainJson> elements;
  std::vector<PlainMember> members;
};

struct PlainMember {
  std::string key;
  PlainJson value;
};

// None unless `text` is one valid JSON text, in UTF-8, without lone surrogates, nested at most
// `depth_max` deep.
absl::optional<PlainJson> ParsePlainJson(absl::string_view text, size_t depth_max = 64);

// One step of an RFC 6901 pointer.
std::string PointerStep(absl::string_view key);

// A JSON number as its digits (no zeros at either end) and the power of ten of the first; "-0" is
// "0".
struct PlainDecimal {
  bool negative = false;
  std::string digits;
  long long exponent = 0;
  bool operator==(const PlainDecimal&) const = default;
};
// REQUIRES: `number` is a JSON number. Exponents beyond 10^15 are cut there.
PlainDecimal ParsePlainDecimal(absl::string_view number);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_COMMON_DECODE_PLAIN_JSON_H_
