// What there is to read when a run has failed: everything that happened, in order of time, and the
// part of it that a finding is about.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_REPORT_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_REPORT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/e2e/random_run/checks.h"
#include "tests/e2e/random_run/followers.h"
#include "tests/e2e/random_run/world.h"
#include "tests/support/finding.h"
#include "tests/support/stream_validator.h"

namespace incidenthub::testing {

// Lines of a minimal history, at most.
inline constexpr size_t kHistoryLinesMax = 200;

struct TimelineEntry {
  absl::Time time;
  // `poster 1`, a command's note, a subscriber's name, `event`, or empty for what was done to all.
  std::string actor;
  // Empty: it is about no incident in particular.
  std::string incident_id;
  uint64_t sequence = 0;
  std::string text;
};

using Timeline = std::vector<TimelineEntry>;

void AddHappenings(const std::vector<Happening>& happenings, Timeline* timeline);
// Posts, commands and events.
void AddRecord(const Record& record, Timeline* timeline);
void AddHistory(const std::string& name, const StreamHistory& history, Timeline* timeline);
void AddSteps(const std::string& name, const std::vector<FollowerStep>& steps, Timeline* timeline);
// In order of time.
void Sort(Timeline* timeline);

// Of what the finding is about, those nearest to it: its incident's posts, commands and events,
// what the subscriber that saw it was sent of the incident, and that subscriber's streams; with the
// faults between. REQUIRES: sorted.
Timeline Minimal(const Timeline& timeline, const Finding& finding, size_t max = kHistoryLinesMax);

// A line each, for people; the time since `begin`.
std::string ToText(const Timeline& timeline, absl::Time begin);
// A JSON object each.
std::string ToJsonLines(const Timeline& timeline);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_REPORT_H_
