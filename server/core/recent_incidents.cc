#include "server/core/recent_incidents.h"

#include <iterator>

namespace incidenthub {
namespace {

// Of one, beside its texts: the list's and the table's, and what allocators add.
constexpr size_t kBytesPerIncident = 256;

}  // namespace

void RecentIncidents::Add(const AppliedEvent& event, const SharedEvent& shared) {
  const uint64_t begin = bytes_;
  bytes_ += shared.bytes->size() + event.bookkeeping.size() + event.incident_id.size() +
            kBytesPerIncident;
  const auto known = by_id_.find(event.incident_id);
  if (event.tombstone) {
    if (known != by_id_.end()) {
      const Order::iterator purged = known->second;
      by_id_.erase(known);
      order_.erase(purged);
    }
  } else {
    if (known != by_id_.end()) {
      order_.splice(order_.end(), order_, known->second);
    } else {
      order_.emplace_back().incident.id = event.incident_id;
      by_id_.emplace(order_.back().incident.id, std::prev(order_.end()));
    }
    Held& held = order_.back();
    held.incident.event = shared.bytes;
    held.incident.bookkeeping = event.bookkeeping;
    held.begin = begin;
  }
  while (!order_.empty() && bytes_ - order_.front().begin > bytes_max_) {
    by_id_.erase(order_.front().incident.id);
    order_.pop_front();
  }
}

const RecentIncident* RecentIncidents::Find(absl::string_view id) const {
  const auto known = by_id_.find(id);
  return known == by_id_.end() ? nullptr : &known->second->incident;
}

}  // namespace incidenthub
