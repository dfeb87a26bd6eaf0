#include "tests/support/known_log.h"

#include <algorithm>

#include "common/check.h"

namespace incidenthub::testing {

void KnownLog::Add(LoggedEvent event) {
  INCIDENTHUB_CHECK(event.sequence > head());
  const auto [newest, is_new] = newest_.emplace(event.incident_id, events_.size());
  if (!is_new) {
    next_[newest->second] = events_.size();
    newest->second = events_.size();
  }
  events_.push_back(std::move(event));
  next_.push_back(0);
}

const LoggedEvent* KnownLog::Find(uint64_t sequence) const {
  const size_t through = CountThrough(sequence);
  if (through == 0 || events_[through - 1].sequence != sequence) return nullptr;
  return &events_[through - 1];
}

const LoggedEvent* KnownLog::Next(const LoggedEvent& event) const {
  const size_t next = next_[CountThrough(event.sequence) - 1];
  return next == 0 ? nullptr : &events_[next];
}

size_t KnownLog::CountThrough(uint64_t sequence) const {
  const auto above = std::upper_bound(
      events_.begin(), events_.end(), sequence,
      [](uint64_t wanted, const LoggedEvent& event) { return wanted < event.sequence; });
  return static_cast<size_t>(above - events_.begin());
}

bool KnownLog::HasHole(uint64_t from, uint64_t to) const {
  return std::any_of(holes_.begin(), holes_.end(), [from, to](const auto& hole) {
    return hole.first <= to && from <= hole.second;
  });
}

IncidentSequences KnownLog::StateAt(uint64_t sequence, size_t filter) const {
  IncidentSequences state;
  const size_t through = CountThrough(sequence);
  for (size_t i = 0; i < through; ++i) {
    const LoggedEvent& event = events_[i];
    if (next_[i] != 0 && next_[i] < through) continue;
    if (Matches(&event, filter)) state[event.incident_id] = event.sequence;
  }
  return state;
}

}  // namespace incidenthub::testing
