// A second, plain reading of a batch of alerts, for tests to compare with.

#ifndef INCIDENTHUB_TESTS_COMMON_DECODE_PLAIN_ITEMS_H_
#define INCIDENTHUB_TESTS_COMMON_DECODE_PLAIN_ITEMS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace incidenthub::testing {

// The texts of a body's items: of one JSON text, or of one a line. None if it is neither: then a
// splitter may find what it likes.
absl::optional<std::vector<std::string>> PlainItems(absl::string_view body);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_COMMON_DECODE_PLAIN_ITEMS_H_
