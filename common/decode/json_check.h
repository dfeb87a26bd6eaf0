// The grammar of JSON, checked over a text whose tokens are known. Internal to json.cc, apart from
// it because it knows nothing of simdjson.

#ifndef INCIDENTHUB_COMMON_DECODE_JSON_CHECK_H_
#define INCIDENTHUB_COMMON_DECODE_JSON_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "common/decode/json.h"

namespace incidenthub::decode {

// Why a text was refused, and the offset of the byte at fault.
struct JsonFault {
  enum class Kind { kNotUtf8, kNotJson, kTooDeep };
  Kind kind = Kind::kNotJson;
  size_t offset = 0;
  // What was expected, for the message.
  const char* expected = "";
};

// Offset of the first byte that is not UTF-8 (RFC 3629), or text.size().
size_t FirstNotUtf8(absl::string_view text);

// The fault of a text that has none in its grammar of tokens: a string without an end, or with a
// control character in it.
JsonFault FirstStringFault(absl::string_view text);

// Appends the code point to `*out` as UTF-8.
void AppendUtf8(uint32_t code_point, std::string* out);

// The code unit of the four hexadecimal digits at `digits`, or -1.
int32_t ReadHex4(const char* digits);

// Checks one text; if it is not valid, `*fault` says why.
//
// `tokens` are the offsets, increasing, of every structural character and of the first byte of
// every string and scalar; between two of them stands nothing but what the first begins and blanks.
// No string of the text lacks its end or holds a bare control character. `nodes` is null, or has
// room for (token_count + 1 + kJsonDepthMax) / 2: then every value and key is written to it, a
// container before what is in it, a key before its value.
bool CheckJson(absl::string_view text, const uint32_t* tokens, size_t token_count, JsonNode* nodes,
               JsonFault* fault);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_JSON_CHECK_H_
