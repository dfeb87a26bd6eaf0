// Whether what posters and responders were answered, and what became of each incident, agrees with
// the events. Pure: no I/O, no threads.
//
// By name:
//   answered    A post is answered 200, 503, 504 or not at all; a command with a documented status.
//   durable     Every 200, and every `changed`, names an event that is there, of that delivery or
//               command.
//   once        A delivery becomes one event, unless more deliveries came in between than the hub
//               remembers; a request id becomes at most one.
//   lifecycle   Each event's type, state and cause follow from the event before of its incident.
//   expires     An acknowledgement ends when its time has come, and not before.
//   converged   An incident ends as its newest delivery says, in whatever order they came.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_CHECKS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_CHECKS_H_

#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "tests/e2e/random_run/deliveries.h"
#include "tests/e2e/random_run/facts.h"
#include "tests/e2e/random_run/posters.h"
#include "tests/e2e/random_run/responders.h"
#include "tests/support/finding.h"
#include "tests/support/known_log.h"

namespace incidenthub::testing {

// What the checks look at. `log` has the same events as `facts`, and knows where some are missing.
struct Record {
  std::vector<EventFact> facts;
  KnownLog log;
  // How many of these.
  size_t holes = 0;
  std::vector<DeliverySpec> specs;
  std::vector<Post> posts;
  std::vector<Command> commands;
};

// answered, durable: of posts.
Findings CheckPosts(const Record& record);
// answered, durable, once: of commands.
Findings CheckCommands(const Record& record);
// once: of deliveries.
Findings CheckDeliveriesOnce(const Record& record);
// lifecycle, expires.
Findings CheckLifecycle(const Record& record);
// converged.
Findings CheckConverged(const Record& record);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_CHECKS_H_
