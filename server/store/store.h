// The store: the fold of the log. The newest event of each incident, by id and by sequence, ready
// to be read; the acknowledgements that expire; the requests that are remembered.
//
// Invariants: (1) what it shows is the log up to `applied()`, and nothing else: every change to the
//             indexes is one atomic write that also moves `applied()`; (2) each incident is in the
//             `latest` index exactly once, at the sequence of its newest event; (3) events
//             themselves are stored once, by the log.
// Threads:    Apply, Quarantine, ack_expiries and request_ids by the one writer; the rest by any.
// Errors:     of Database.

#ifndef INCIDENTHUB_SERVER_STORE_STORE_H_
#define INCIDENTHUB_SERVER_STORE_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "incidenthub/internal/v1/log_record.pb.h"
#include "server/db/database.h"
#include "server/domain/ids.h"
#include "server/domain/lifecycle.h"
#include "server/store/ack_expiries.h"
#include "server/store/applied_event.h"
#include "server/store/request_ids.h"

namespace incidenthub {

// Bounds of the quarantine; past them the oldest bodies leave.
inline constexpr uint64_t kQuarantineBodiesMax = 10'000;
inline constexpr uint64_t kQuarantineBytesMax = uint64_t{256} << 20U;

// What matchers look at, decoded at most once; of server/fanout.
class EventLabels;

// An event as subscribers get it: encoded once, shared by all.
struct SharedEvent {
  Sequence sequence = 0;
  // Of the same incident's event before; 0: it is the first.
  Sequence previous_sequence = 0;
  // An encoded v1.Event.
  std::shared_ptr<const std::string> bytes;
  // Of an event on the ring; null: nobody shares it.
  std::shared_ptr<EventLabels> labels{};
};

// How much one read may return. At least one event is returned if there is one, however large.
struct ReadLimits {
  size_t events = 0;
  size_t bytes = 0;
};

class Store {
 public:
  // `database` outlives the store.
  static absl::StatusOr<std::unique_ptr<Store>> Open(Database* database);

  // Makes `events`, in the order of the log, visible.
  absl::Status Apply(absl::Span<const AppliedEvent> events);

  // Sequence of the last event applied.
  Sequence applied() const { return applied_.load(std::memory_order_acquire); }

  // The incident as of applied(); empty if its id is unknown.
  absl::StatusOr<std::optional<IncidentState>> FindIncident(absl::string_view id) const;

  // Events after `after`, in order.
  absl::StatusOr<std::vector<SharedEvent>> ReadEvents(Sequence after,
                                                      const ReadLimits& limits) const;

  // Newest events of incidents, by sequence, of those in (after, up_to]. Sets `complete` if no more
  // are there at the moment of reading. An incident that changes moves to the end, so reading on
  // from the last sequence misses none.
  absl::StatusOr<std::vector<SharedEvent>> ReadLatest(Sequence after, Sequence up_to,
                                                      const ReadLimits& limits,
                                                      bool* complete) const;

  // Events of one incident, from the one at `newest` back to its first, the newest first. Sets
  // `next` to the sequence of the one after those returned; 0: there is none. Empty if `newest` is
  // no event of this incident.
  absl::StatusOr<std::vector<SharedEvent>> ReadHistory(absl::string_view id, Sequence newest,
                                                       const ReadLimits& limits,
                                                       Sequence* next) const;

  // Sequence of the incident's newest event; 0 if its id is unknown.
  absl::StatusOr<Sequence> FindNewest(absl::string_view id) const;

  const AckExpiries& ack_expiries() const { return ack_expiries_; }
  const RequestIds& request_ids() const { return request_ids_; }

  // Keeps `bodies`, durably if `durability` says so, and returns the number of the first; the rest
  // follow it.
  absl::StatusOr<uint64_t> Quarantine(const std::vector<internal::v1::QuarantinedBody>& bodies,
                                      Database::Durability durability);

  // Incidents in the store, counted at Open and with each Apply.
  uint64_t incident_count() const { return incident_count_.load(std::memory_order_relaxed); }
  uint64_t quarantined_count() const { return quarantined_count_.load(std::memory_order_relaxed); }

 private:
  explicit Store(Database* database)
      : database_(database), ack_expiries_(database), request_ids_(database) {}
  absl::Status Load();

  Database* const database_;
  std::atomic<Sequence> applied_{0};
  std::atomic<uint64_t> incident_count_{0};
  std::atomic<uint64_t> quarantined_count_{0};
  // The writer's alone, as is all that follows.
  AckExpiries ack_expiries_;
  RequestIds request_ids_;
  // Sizes of the bodies held, oldest first; the last one's number is
  // `quarantine_last_`.
  std::deque<uint64_t> quarantine_sizes_;
  uint64_t quarantine_bytes_ = 0;
  uint64_t quarantine_last_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_STORE_H_
