// Whether what a subscriber saw is what happened: its history, compared with the log of everything.
// Pure: no I/O, no threads.
//
// These are the guarantees that take more than one history to check. By name:
//   true        An entry is an event that the log has: same incident, same content, same
//               predecessor.
//   membership  ENTERED, UPDATED and LEFT say what the filter says of the incident before and now.
//   complete    In the events phase no event was skipped that changed something in what matches. A
//               `snapshot_end` finds the client with exactly what matched then. A conflated stream
//               leaves out only what something newer stands for.
//   bookmarked  The same where the gap is right after a resume with a heartbeat's token: something
//               at or below it was neither sent nor without effect.
//   resumable   Nothing comes that changes nothing: a resume costs only what changed.

#ifndef INCIDENTHUB_TESTS_SUPPORT_LOG_CHECKS_H_
#define INCIDENTHUB_TESTS_SUPPORT_LOG_CHECKS_H_

#include <cstddef>
#include <cstdint>

#include "tests/support/finding.h"
#include "tests/support/known_log.h"
#include "tests/support/stream_validator.h"

namespace incidenthub::testing {

// The incidents that a client holds, by the published rule: ENTERED and UPDATED take, LEFT drops.
class HeldSet {
 public:
  // A stream began with nothing: what is known from then on is above `base`, 0 after a snapshot's
  // begin.
  void Begin(uint64_t base);
  void Apply(const RecordedEntry& entry);
  // Opened of a life from now, `reset`, entries.
  void Apply(const RecordedMessage& message, StreamStart start);

  const IncidentSequences& incidents() const { return incidents_; }
  uint64_t base() const { return base_; }

  // A line for each incident that is not as in `expected`, of those that changed above `base`; at
  // most `max`.
  Findings Differences(const IncidentSequences& expected, size_t max = 5) const;
  bool Equals(const IncidentSequences& expected) const { return Differences(expected, 1).empty(); }

 private:
  IncidentSequences incidents_;
  uint64_t base_ = 0;
  bool begun_ = false;
};

// The client at the end of a life.
HeldSet HeldAfter(const Life& life);

struct LogCheckOptions {
  // The subscriber's.
  size_t filter = 0;
  // Events that the hub may have stored and not yet counted in a message's head: a batch of its.
  size_t unpublished_max = 256;
  // The history's last life was followed to the end of the log.
  bool caught_up = false;
};

// All of the above.
Findings CheckAgainstLog(const StreamHistory& history, const KnownLog& log,
                         const LogCheckOptions& options);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_LOG_CHECKS_H_
