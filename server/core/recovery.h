// Brings the store up to the log at start.

#ifndef INCIDENTHUB_SERVER_CORE_RECOVERY_H_
#define INCIDENTHUB_SERVER_CORE_RECOVERY_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "server/log/event_log.h"
#include "server/store/store.h"

namespace incidenthub {

// Applies what `log` holds beyond store->applied(), and returns how many events that were.
// DATA_LOSS: a record does not parse, or the store is ahead of its log.
absl::StatusOr<uint64_t> Recover(const EventLog& log, Store* store);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_CORE_RECOVERY_H_
