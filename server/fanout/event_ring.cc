#include "server/fanout/event_ring.h"

#include <algorithm>
#include <memory>

#include "common/check.h"
#include "server/fanout/event_labels.h"

namespace incidenthub {

EventRing::EventRing(size_t bytes_max, Sequence head)
    : bytes_max_(bytes_max), floor_(head), head_(head) {}

void EventRing::Push(absl::Span<const SharedEvent> events) {
  absl::MutexLock lock(&mu_);
  for (const SharedEvent& event : events) {
    INCIDENTHUB_CHECK(event.sequence > head_);
    head_ = event.sequence;
    bytes_ += event.bytes->size();
    events_.push_back(event);
    events_.back().labels = std::make_shared<EventLabels>();
  }
  while (bytes_ > bytes_max_ && events_.size() > 1) {
    bytes_ -= events_.front().bytes->size();
    floor_ = events_.front().sequence;
    events_.pop_front();
  }
}

bool EventRing::Find(Sequence sequence, SharedEvent* event) const {
  absl::MutexLock lock(&mu_);
  if (sequence <= floor_) return false;
  const auto found = std::lower_bound(
      events_.begin(), events_.end(), sequence,
      [](const SharedEvent& held, Sequence wanted) { return held.sequence < wanted; });
  if (found == events_.end() || found->sequence != sequence) return false;
  *event = *found;
  return true;
}

bool EventRing::ReadAfter(Sequence after, const ReadLimits& limits,
                          std::vector<SharedEvent>* events) const {
  events->clear();
  absl::MutexLock lock(&mu_);
  if (after < floor_) return false;
  auto next = std::upper_bound(
      events_.begin(), events_.end(), after,
      [](Sequence sequence, const SharedEvent& event) { return sequence < event.sequence; });
  size_t bytes = 0;
  for (; next != events_.end() && events->size() < limits.events; ++next) {
    bytes += next->bytes->size();
    if (!events->empty() && bytes > limits.bytes) break;
    events->push_back(*next);
  }
  return true;
}

Sequence EventRing::head() const {
  absl::MutexLock lock(&mu_);
  return head_;
}

size_t EventRing::bytes() const {
  absl::MutexLock lock(&mu_);
  return bytes_;
}

}  // namespace incidenthub
