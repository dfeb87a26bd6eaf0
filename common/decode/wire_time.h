// Times in the forms that senders use: seconds or milliseconds since 1970 as an integer, a fraction
// or a string of digits, and ISO 8601. Pure; any thread.

#ifndef INCIDENTHUB_COMMON_DECODE_WIRE_TIME_H_
#define INCIDENTHUB_COMMON_DECODE_WIRE_TIME_H_

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "common/decode/decimal.h"
#include "common/decode/json.h"

namespace incidenthub::decode {

// The time in an ISO 8601 text: `2023-11-14T22:13:20`, a fraction of any length, then `Z`,
// `+01:00`, `+0100` or `+01`; a blank may stand for the `T`. None for anything else: without an
// offset nobody knows which time it is, and a leap second has no place in EpochTime.
absl::optional<EpochTime> ParseIsoTime(absl::string_view text);

// The time in a JSON number or string; none if it holds none, or one outside of EpochTime's years.
absl::optional<EpochTime> ReadTime(const JsonValue& value);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_WIRE_TIME_H_
