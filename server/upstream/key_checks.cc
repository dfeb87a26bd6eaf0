#include "server/upstream/key_checks.h"

#include <algorithm>
#include <iterator>

namespace incidenthub {

void KeyChecks::SetSources(const UpstreamConfig& config, absl::Time now) {
  for (auto it = checks_.begin(); it != checks_.end();) {
    it = config.contains(it->first) ? std::next(it) : checks_.erase(it);
  }
  for (const auto& [name, source] : config) {
    const auto [place, is_new] = checks_.try_emplace(name);
    Check& check = place->second;
    if (!is_new && check.source == source) continue;
    // An answer that is on its way is about the entry as it was.
    check = Check();
    check.source = source;
    check.due = now;
  }
}

std::vector<KeyChecks::Run> KeyChecks::Due(absl::Time now) {
  std::vector<Run> due;
  for (auto& [name, check] : checks_) {
    if (check.running != 0 || check.due > now) continue;
    check.running = ++last_run_;
    check.last = now;
    due.push_back({check.source, check.running});
  }
  return due;
}

bool KeyChecks::Answered(const Run& run, const Reading& reading, absl::Time now) {
  const auto found = checks_.find(run.source.name);
  if (found == checks_.end() || found->second.running != run.number) return false;
  Check& check = found->second;
  check.running = 0;
  check.state.error = reading.text;
  switch (reading.verdict) {
    case Verdict::kForbidden:
      // The key is one, but of a role that may not list environments: no reason to doubt.
      check.state.error.clear();
      [[fallthrough]];
    case Verdict::kDone:
    case Verdict::kAlready:
      check.state.good = true;
      check.state.good_time = now;
      check.due = now + kInterval;
      return true;
    case Verdict::kNotFound:
      check.state.error += "; is base_url that of the right region?";
      [[fallthrough]];
    case Verdict::kBadKey:
      check.state.good = false;
      check.due = now + kRetryInterval;
      return true;
    default:
      check.due = now + kRetryInterval;
      return false;
  }
}

void KeyChecks::Ask(const std::string& source, absl::Time now) {
  const auto found = checks_.find(source);
  if (found == checks_.end()) return;
  Check& check = found->second;
  // One that failed is looked at each minute anyway.
  if (!check.state.good && check.due > now) return;
  check.due = std::min(check.due, std::max(now, check.last + kIntervalMin));
}

absl::Time KeyChecks::WakeTime() const {
  absl::Time wake = absl::InfiniteFuture();
  for (const auto& [name, check] : checks_) {
    if (check.running == 0) wake = std::min(wake, check.due);
  }
  return wake;
}

bool KeyChecks::WasJustGood(absl::string_view source, absl::Time now) const {
  const auto found = checks_.find(source);
  return found != checks_.end() && found->second.state.good &&
         now - found->second.state.good_time < kRetryInterval;
}

std::map<std::string, KeyChecks::State> KeyChecks::states() const {
  std::map<std::string, State> states;
  for (const auto& [name, check] : checks_) states.emplace(name, check.state);
  return states;
}

}  // namespace incidenthub
