// Whether the API keys of the sources are good, as far as is known, and when to look again. Pure.
//
// Looked at when a source is new or its entry has changed, then every hour; after a failure every
// minute; and when an answer makes one doubt.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_SERVER_UPSTREAM_KEY_CHECKS_H_
#define INCIDENTHUB_SERVER_UPSTREAM_KEY_CHECKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/upstream/bigpanda_api.h"
#include "server/upstream/config.h"

namespace incidenthub {

class KeyChecks {
 public:
  static constexpr absl::Duration kInterval = absl::Hours(1);
  static constexpr absl::Duration kRetryInterval = absl::Minutes(1);
  // However many answers make one doubt.
  static constexpr absl::Duration kIntervalMin = absl::Seconds(2);

  struct State {
    // A check has said so since the entry was last changed.
    bool good = false;
    // Why it is not, or why it is not known; empty: it is good.
    std::string error = "was not checked yet";
    // When it last was good.
    absl::Time good_time = absl::InfinitePast();
  };

  // The sources are these; what has changed is looked at anew.
  void SetSources(const UpstreamConfig& config, absl::Time now);

  struct Run {
    UpstreamSource source;
    // Tells it from those before and after.
    uint64_t number = 0;
  };
  // Checks to be made now. Each is running until Answered.
  std::vector<Run> Due(absl::Time now);
  // What came of it. True: it says whether the source can be asked, which is in `good`.
  bool Answered(const Run& run, const Reading& reading, absl::Time now);
  // Somebody doubts.
  void Ask(const std::string& source, absl::Time now);

  absl::Time WakeTime() const;
  // Whether it was good a moment ago: nobody need doubt.
  bool WasJustGood(absl::string_view source, absl::Time now) const;
  // By source.
  std::map<std::string, State> states() const;

 private:
  struct Check {
    UpstreamSource source;
    State state;
    absl::Time due;
    absl::Time last = absl::InfinitePast();
    // Of the check that runs; 0: none does.
    uint64_t running = 0;
  };
  uint64_t last_run_ = 0;
  std::map<std::string, Check, std::less<>> checks_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_UPSTREAM_KEY_CHECKS_H_
