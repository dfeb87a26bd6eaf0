// What a check found wrong, with what is needed to look for its cause.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FINDING_H_
#define INCIDENTHUB_TESTS_SUPPORT_FINDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace incidenthub::testing {

struct Finding {
  // Which guarantee: `complete`.
  std::string check;
  std::string text;
  // Whose events are worth reading. Empty: no incident in particular.
  std::string incident_id{};
  // Where in the order of events. 0: not known.
  uint64_t sequence = 0;
  // Who saw it. Empty: nobody in particular.
  std::string actor{};
  // When it was seen. InfiniteFuture: at the end.
  absl::Time time = absl::InfiniteFuture();
};

using Findings = std::vector<Finding>;

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FINDING_H_
