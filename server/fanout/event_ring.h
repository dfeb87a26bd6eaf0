// The newest events, in memory, shared by every subscriber that keeps up.
//
// Invariants: holds every event in (floor, head]; at most `bytes_max` of them, or the single newest
//             one. Each has its EventLabels, which are empty until somebody with matchers asks, and
//             go with it.
// Threads:    all.

#ifndef INCIDENTHUB_SERVER_FANOUT_EVENT_RING_H_
#define INCIDENTHUB_SERVER_FANOUT_EVENT_RING_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "server/domain/ids.h"
#include "server/store/store.h"

namespace incidenthub {

class EventRing {
 public:
  // Begins empty, with every event up to `head` out of reach.
  EventRing(size_t bytes_max, Sequence head);

  // REQUIRES: sequences rise, from above head().
  void Push(absl::Span<const SharedEvent> events) ABSL_LOCKS_EXCLUDED(mu_);

  // The event of this sequence, if it is held.
  bool Find(Sequence sequence, SharedEvent* event) const ABSL_LOCKS_EXCLUDED(mu_);

  // Replaces `events` with those after `after`, within `limits`. False if some of them are no
  // longer held.
  bool ReadAfter(Sequence after, const ReadLimits& limits, std::vector<SharedEvent>* events) const
      ABSL_LOCKS_EXCLUDED(mu_);

  Sequence head() const ABSL_LOCKS_EXCLUDED(mu_);
  size_t bytes() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const size_t bytes_max_;
  mutable absl::Mutex mu_;
  std::deque<SharedEvent> events_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  Sequence floor_ ABSL_GUARDED_BY(mu_);
  Sequence head_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_FANOUT_EVENT_RING_H_
