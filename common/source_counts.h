// How many deliveries of each source had which outcome, for a metric whose labels are bounded: the
// first kSourcesCountedMax names that come have counts of their own, all others share one.
//
// Threads: all methods, any.

#ifndef INCIDENTHUB_COMMON_SOURCE_COUNTS_H_
#define INCIDENTHUB_COMMON_SOURCE_COUNTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

namespace incidenthub {

inline constexpr size_t kSourcesCountedMax = 64;
// Names longer than this, which no source can have, are of the others.
inline constexpr size_t kSourceCountedBytesMax = 64;
// What the others, and deliveries without a source, are called.
inline constexpr absl::string_view kOtherSources = "other";

class SourceCounts {
 public:
  // Outcomes are numbered from 0 to one less than `outcomes`.
  explicit SourceCounts(size_t outcomes) : outcomes_(outcomes) {}

  void Add(absl::string_view source, size_t outcome) ABSL_LOCKS_EXCLUDED(mu_);

  // By name, each with the count of every outcome.
  std::vector<std::pair<std::string, std::vector<uint64_t>>> Read() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t outcomes_;
  mutable absl::Mutex mu_;
  absl::flat_hash_map<std::string, std::vector<uint64_t>> counts_ ABSL_GUARDED_BY(mu_);
  // Those of counts_ but kOtherSources.
  size_t named_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_COMMON_SOURCE_COUNTS_H_
