// The store: the fold of the log. The newest event of each incident, by id and by sequence, ready
// to be read; the acknowledgements that expire; the requests that are remembered. A purged incident
// is there with its PURGED event, its tombstone, until that is forgotten.
//
// Invariants: (1) what it shows is the log up to `applied()`, and nothing else: every change to the
//             indexes is one atomic write that also moves `applied()`; (2) each incident is in the
//             `latest` index exactly once, at the sequence of its newest event; (3) events
//             themselves are stored once, by the log.
// Threads:    Apply, Forget, Find, ack_expiries and request_ids by the one writer;
//             Trim by retention, not while Forget runs; the rest by any.
// Errors:     of Database.

#ifndef INCIDENTHUB_SERVER_STORE_STORE_H_
#define INCIDENTHUB_SERVER_STORE_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "server/db/database.h"
#include "server/domain/ids.h"
#include "server/domain/incident_fields.h"
#include "server/domain/lifecycle.h"
#include "server/store/ack_expiries.h"
#include "server/store/applied_event.h"
#include "server/store/event_trimmer.h"
#include "server/store/quarantine.h"
#include "server/store/request_ids.h"
#include "server/store/upstream_index.h"

namespace incidenthub {

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
  // It is a PURGED; the one before it is.
  bool tombstone = false;
  bool after_tombstone = false;
  // When this process had it synced; InfinitePast(): it was read from the store.
  absl::Time committed = absl::InfinitePast();
};

// What the store knows of an id.
struct StoredIncident {
  // Empty: unknown, or purged.
  std::optional<IncidentState> state;
  // Sequence of the PURGED that it left behind; 0: it did not.
  Sequence tombstone = 0;
};

// The incident of an encoded v1.Event, with these of its fields, and its encoded
// internal.v1.Bookkeeping. `id`: of the incident, for the error, which is DATA_LOSS: one of them
// does not parse.
absl::StatusOr<IncidentState> ParseState(absl::string_view id, absl::string_view event,
                                         absl::string_view bookkeeping,
                                         const IncidentFields& fields);

// What a purged incident leaves behind.
struct Tombstone {
  std::string incident_id;
  Sequence sequence = 0;
  absl::Time commit_time;
};

// Events of one incident, the newest first.
struct History {
  std::vector<SharedEvent> events;
  // Of the one that follows; 0: there is none.
  Sequence next = 0;
  // There was one that follows, and it was dropped.
  bool truncated = false;
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
  // The same, with what a purged one left; of the incident only these fields, and the others unset.
  absl::StatusOr<StoredIncident> Find(absl::string_view id,
                                      const IncidentFields& fields = AllIncidentFields()) const;

  // Events after `after`, in order. All that there were, if floor() is at or below `after` when the
  // call has returned.
  absl::StatusOr<std::vector<SharedEvent>> ReadEvents(Sequence after,
                                                      const ReadLimits& limits) const;

  // The event of this sequence; empty if there is none, or not any more.
  absl::StatusOr<std::optional<SharedEvent>> ReadEvent(Sequence sequence) const;

  // Newest events of incidents, by sequence, of those in (after, up_to]. Sets `complete` if no more
  // are there at the moment of reading. An incident that changes moves to the end, so reading on
  // from the last sequence misses none.
  absl::StatusOr<std::vector<SharedEvent>> ReadLatest(Sequence after, Sequence up_to,
                                                      const ReadLimits& limits,
                                                      bool* complete) const;

  // Events of one incident, from the one at `newest` back to its first. Empty, and not truncated,
  // if `newest` is no event of this incident.
  absl::StatusOr<History> ReadHistory(absl::string_view id, Sequence newest,
                                      const ReadLimits& limits) const;

  // Sequence of the incident's newest event, which may be its PURGED; 0 if its id is unknown.
  absl::StatusOr<Sequence> FindNewest(absl::string_view id) const;

  // Tombstones after `after`, in order, of the next `entries_max` newest events of incidents. Sets
  // `last` to the last that was looked at; it stays if there was none.
  absl::StatusOr<std::vector<Tombstone>> ReadTombstones(Sequence after, size_t entries_max,
                                                        Sequence* last) const;

  // Drops events that newer ones replace; see EventTrimmer.
  absl::StatusOr<TrimStep> Trim(const TrimPolicy& policy) {
    return trimmer_.Trim(applied(), policy);
  }
  // Forgets these ids. REQUIRES: each is that of the incident's newest event, and at or below
  // trim_cursor().
  absl::Status Forget(const std::vector<Tombstone>& tombstones);

  // As in EventTrimmer.
  Sequence floor() const { return trimmer_.floor(); }
  Sequence forgotten() const { return trimmer_.forgotten(); }
  Sequence trim_cursor() const { return trimmer_.cursor(); }
  uint64_t event_bytes() const { return trimmer_.event_bytes(); }

  const AckExpiries& ack_expiries() const { return ack_expiries_; }
  const UpstreamIndex& upstream() const { return upstream_; }
  UpstreamIndex* mutable_upstream() { return &upstream_; }
  const RequestIds& request_ids() const { return request_ids_; }

  const Quarantine& quarantine() const { return quarantine_; }
  Quarantine* mutable_quarantine() { return &quarantine_; }

  // Incidents in the store, tombstones not counted.
  uint64_t incident_count() const { return incident_count_.load(std::memory_order_relaxed); }

 private:
  explicit Store(Database* database)
      : database_(database),
        trimmer_(database),
        upstream_(database),
        quarantine_(database),
        ack_expiries_(database),
        request_ids_(database) {}
  absl::Status Load();

  Database* const database_;
  std::atomic<Sequence> applied_{0};
  std::atomic<uint64_t> incident_count_{0};
  EventTrimmer trimmer_;
  UpstreamIndex upstream_;
  Quarantine quarantine_;
  // The writer's alone, as is all that follows.
  AckExpiries ack_expiries_;
  RequestIds request_ids_;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_STORE_H_
