// The incidents that changed last, as of their newest events: what changed a moment ago is likely
// to change again, and is then decided on without reading the database.
//
// Goes by the same order and bytes as the ring that subscribers read: what is here shares its
// event's memory with it, and takes little of its own. The database has all of it too.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_SERVER_CORE_RECENT_INCIDENTS_H_
#define INCIDENTHUB_SERVER_CORE_RECENT_INCIDENTS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "server/store/applied_event.h"
#include "server/store/store.h"

namespace incidenthub {

struct RecentIncident {
  std::string id;
  // An encoded v1.Event: its newest.
  std::shared_ptr<const std::string> event;
  // An encoded internal.v1.Bookkeeping.
  std::string bookkeeping;
};

class RecentIncidents {
 public:
  // Holds those whose newest event is among the last events that have this many bytes together,
  // counting for each what it takes here.
  explicit RecentIncidents(size_t bytes_max) : bytes_max_(bytes_max) {}

  // `event` is applied, and is `shared`. A purged incident leaves.
  void Add(const AppliedEvent& event, const SharedEvent& shared);

  // Null: not known here, which says nothing of the database. Until the next Add.
  const RecentIncident* Find(absl::string_view id) const;

  size_t size() const { return order_.size(); }

 private:
  struct Held {
    RecentIncident incident;
    // Bytes of all events before this one.
    uint64_t begin = 0;
  };
  using Order = std::list<Held>;

  const size_t bytes_max_;
  // Of all events so far.
  uint64_t bytes_ = 0;
  // By their newest events, the oldest first.
  Order order_;
  // By id, which is that in the list.
  absl::flat_hash_map<absl::string_view, Order::iterator> by_id_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_CORE_RECENT_INCIDENTS_H_
