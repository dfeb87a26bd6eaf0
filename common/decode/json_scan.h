// JSON by its brackets and quotes alone: where a value ends in a text that nobody has parsed. Every
// function takes time linear in what it passes, and no memory. Pure; any thread.
//
// Nothing here checks a text: of valid JSON the answers are right, of anything else they are places
// in the text at which a parser will find the fault.

#ifndef INCIDENTHUB_COMMON_DECODE_JSON_SCAN_H_
#define INCIDENTHUB_COMMON_DECODE_JSON_SCAN_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "common/decode/json.h"

namespace incidenthub::decode {

inline constexpr size_t kNoEnd = absl::string_view::npos;
// How deep CheckJsonContainer goes: an item, in an array, in a wrapper.
inline constexpr size_t kScanDepthMax = kJsonDepthMax + 2;

inline bool IsJsonBlank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// The first place from `at` on that is no blank, or text.size().
size_t SkipJsonBlanks(absl::string_view text, size_t at);

// `text` without the blanks around it.
absl::string_view TrimJsonBlanks(absl::string_view text);

// Behind the string that begins at `at`; kNoEnd if it has no end, or a control character in it.
size_t SkipJsonString(absl::string_view text, size_t at);

// Behind the bracket that closes the one at `at`, counting both kinds alike; kNoEnd if none does,
// or a string on the way has no end.
size_t SkipJsonContainer(absl::string_view text, size_t at);

// Behind the value that begins at `at`, up to the next comma, closing bracket, blank or colon if it
// is a scalar; kNoEnd as above.
size_t SkipJsonValue(absl::string_view text, size_t at);

// As SkipJsonContainer, but the order of keys, colons, commas and brackets is checked; what scalars
// and escapes are is not. `*fault` is where it breaks, or how far the text goes, if that is kNoEnd.
size_t CheckJsonContainer(absl::string_view text, size_t at, size_t* fault);

// Whether `quoted`, a string as it stands in a text, is `key`.
bool IsJsonKey(absl::string_view quoted, absl::string_view key);

// Calls `element` with what stands between the commas of `array`, without blanks; not at all if
// nothing does. False if it said so. REQUIRES: SkipJsonContainer(array, 0) == array.size().
bool ForEachElementText(absl::string_view array,
                        absl::FunctionRef<bool(absl::string_view element)> element);

// Calls `member` with each key, quotes included, and its value, without blanks. False if it said
// so, or if a member is no key with a value. REQUIRES: as above.
bool ForEachMemberText(
    absl::string_view object,
    absl::FunctionRef<bool(absl::string_view key, absl::string_view value)> member);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_JSON_SCAN_H_
