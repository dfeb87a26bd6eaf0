// What there is to do upstream, by kind and by the sequence of the event that asked for it.
//
// Resolves are part of the fold: one is here exactly while its state is PENDING, ACCEPTED,
// UNCONFIRMED or FAILED. Callbacks and comments come with the fold too, and stay until they are
// done: that they are is known only here.
//
// Threads: Stage and Written by the store's one writer; the rest by any.
// Errors:  of Database.

#ifndef INCIDENTHUB_SERVER_STORE_UPSTREAM_INDEX_H_
#define INCIDENTHUB_SERVER_STORE_UPSTREAM_INDEX_H_

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/db/database.h"
#include "server/domain/ids.h"
#include "server/store/applied_event.h"

namespace incidenthub {

struct UpstreamWork {
  UpstreamKind kind = UpstreamKind::kNothing;
  // Of the event that asked for it.
  Sequence sequence = 0;
  std::string incident_id;
  // Of the incident.
  std::string source;
  // When it came to be of this kind.
  absl::Time since;
};

class UpstreamIndex {
 public:
  // `database` outlives it.
  explicit UpstreamIndex(Database* database) : database_(database) {}

  // Adds to `changes` what `event` does to the index.
  void Stage(const AppliedEvent& event, WriteSet* changes);
  // REQUIRES: what was staged is written.
  void Written() { newest_.store(newest_staged_, std::memory_order_release); }

  // The last event since the start that asked for something; 0: none did.
  Sequence newest() const { return newest_.load(std::memory_order_acquire); }

  // Of one kind, those after `after`, in order, at most `max`.
  absl::StatusOr<std::vector<UpstreamWork>> Read(UpstreamKind kind, Sequence after,
                                                 size_t max) const;

  // A callback or comment is done. May come back if the machine, not only the process, dies soon.
  absl::Status Finish(UpstreamKind kind, Sequence sequence);

 private:
  Database* const database_;
  std::atomic<Sequence> newest_{0};
  // The writer's.
  Sequence newest_staged_ = 0;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_UPSTREAM_INDEX_H_
