#include "common/source_counts.h"

#include <algorithm>

namespace incidenthub {

void SourceCounts::Add(absl::string_view source, size_t outcome) {
  if (source.empty() || source.size() > kSourceCountedBytesMax) source = kOtherSources;
  absl::MutexLock lock(&mu_);
  auto found = counts_.find(source);
  if (found == counts_.end()) {
    if (source != kOtherSources && named_ == kSourcesCountedMax) source = kOtherSources;
    const auto [slot, inserted] =
        counts_.try_emplace(std::string(source), std::vector<uint64_t>(outcomes_));
    if (inserted && source != kOtherSources) ++named_;
    found = slot;
  }
  ++found->second[outcome];
}

std::vector<std::pair<std::string, std::vector<uint64_t>>> SourceCounts::Read() const {
  std::vector<std::pair<std::string, std::vector<uint64_t>>> counts;
  {
    absl::MutexLock lock(&mu_);
    counts.assign(counts_.begin(), counts_.end());
  }
  std::sort(counts.begin(), counts.end());
  return counts;
}

}  // namespace incidenthub
