// The acknowledgements that end by themselves, by when they do. Part of the fold: an incident is
// here exactly while it is acknowledged with an expire_time, at that time.
//
// Threads: the store's one writer.
// Errors:  of Database.

#ifndef INCIDENTHUB_SERVER_STORE_ACK_EXPIRIES_H_
#define INCIDENTHUB_SERVER_STORE_ACK_EXPIRIES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/db/database.h"
#include "server/store/applied_event.h"

namespace incidenthub {

struct AckExpiry {
  absl::Time time;
  std::string incident_id;
};

class AckExpiries {
 public:
  // `database` outlives it. To be loaded before it is used.
  explicit AckExpiries(Database* database) : database_(database) {}
  absl::Status Load();

  // Adds to `changes` what `event` does to the index.
  void Stage(const AppliedEvent& event, WriteSet* changes);
  // REQUIRES: what was staged is written.
  absl::Status Written();

  // When the first one ends; InfiniteFuture: there is none.
  absl::Time next() const { return next_; }

  // Those that have ended at `now`, the first first, at most `max`.
  absl::StatusOr<std::vector<AckExpiry>> Due(absl::Time now, size_t max) const;

 private:
  Database* const database_;
  absl::Time next_ = absl::InfiniteFuture();
  // Whether the one at `next_` may have left, so that what follows it must be looked up.
  bool first_left_ = false;
};

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_STORE_ACK_EXPIRIES_H_
