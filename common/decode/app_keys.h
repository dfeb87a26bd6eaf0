// App keys in JSON texts, which must stay out of everything that is kept. Pure; any thread.

#ifndef INCIDENTHUB_COMMON_DECODE_APP_KEYS_H_
#define INCIDENTHUB_COMMON_DECODE_APP_KEYS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace incidenthub::decode {

inline constexpr absl::string_view kAppKey = "app_key";

enum class AppKeyDepth {
  // The members of the text's own object.
  kOwn,
  // Every object in the text.
  kAny,
};

// `json` with `""` in place of each value under the key `app_key`, whatever type it is of, and not
// a byte else changed. The text itself if it has none, else in `*scratch`. REQUIRES: `json` is
// valid JSON.
absl::string_view BlankAppKeys(absl::string_view json, AppKeyDepth depth, std::string* scratch);

}  // namespace incidenthub::decode

#endif  // INCIDENTHUB_COMMON_DECODE_APP_KEYS_H_
