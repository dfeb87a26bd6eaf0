// Whether streams with `require_history` leave nothing out, and are refused only where something is
// gone. Pure: no I/O, no threads.

#ifndef INCIDENTHUB_TESTS_SUPPORT_REQUIRE_HISTORY_CHECKS_H_
#define INCIDENTHUB_TESTS_SUPPORT_REQUIRE_HISTORY_CHECKS_H_

#include "tests/support/stream_validator.h"

namespace incidenthub::testing {

// By name:
//   unabridged   A stream with `require_history` has no `compacted`, and goes on with none that an
//                earlier stream was in the middle of. Another stream never ends with
//                HISTORY_COMPACTED. Where one with it does, a resume with the same token and
//                without it says `compacted`, or `reset`, before it sends anything.
Complaints CheckUnabridged(const StreamHistory& history);

// Whether it ended since history that it required is gone.
bool IsRefusedHistory(const absl::Status& end);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_REQUIRE_HISTORY_CHECKS_H_
