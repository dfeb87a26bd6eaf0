// Every event that there was, in order: the truth that subscribers' histories are compared with.
//
// Where it comes from may have missed some; those ranges are holes, and nothing is known of them.
//
// Threads: one at a time; const methods any number.

#ifndef INCIDENTHUB_TESTS_SUPPORT_KNOWN_LOG_H_
#define INCIDENTHUB_TESTS_SUPPORT_KNOWN_LOG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "incidenthub/v1/event.pb.h"

namespace incidenthub::testing {

// Filters are known by number: what each means is the business of who fills the log.
using FilterMask = uint32_t;
inline constexpr size_t kFiltersMax = 32;

struct LoggedEvent {
  uint64_t sequence = 0;
  uint64_t previous_sequence = 0;
  std::string incident_id;
  v1::EventType type = v1::EVENT_TYPE_UNSPECIFIED;
  // As RecordedEntry's.
  uint64_t fingerprint = 0;
  // Bit i: the incident, as it was after the event, matches filter i. None of a PURGED event.
  FilterMask matches = 0;
};

// Sequences of the newest events of incidents, by id.
using IncidentSequences = std::map<std::string, uint64_t>;

class KnownLog {
 public:
  // REQUIRES: its sequence is above those before.
  void Add(LoggedEvent event);
  // Events from `from` to `to`, both included, may be missing.
  void AddHole(uint64_t from, uint64_t to) { holes_.emplace_back(from, to); }

  const std::vector<LoggedEvent>& events() const { return events_; }
  uint64_t head() const { return events_.empty() ? 0 : events_.back().sequence; }

  // Null: there is none.
  const LoggedEvent* Find(uint64_t sequence) const;
  // The next event of the same incident; null: it is the newest.
  const LoggedEvent* Next(const LoggedEvent& event) const;
  // How many events are at or below.
  size_t CountThrough(uint64_t sequence) const;
  bool HasHole(uint64_t from, uint64_t to) const;

  static bool Matches(const LoggedEvent* event, size_t filter) {
    return event != nullptr && ((event->matches >> filter) & 1U) != 0;
  }

  // Who matches as of `sequence`.
  IncidentSequences StateAt(uint64_t sequence, size_t filter) const;

 private:
  std::vector<LoggedEvent> events_;
  // By place in `events_`: the place of the same incident's next event; 0: none.
  std::vector<size_t> next_;
  absl::flat_hash_map<std::string, size_t> newest_;
  std::vector<std::pair<uint64_t, uint64_t>> holes_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_KNOWN_LOG_H_
