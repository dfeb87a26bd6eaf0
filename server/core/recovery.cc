#include "server/core/recovery.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace incidenthub {
namespace {

// Events applied in one write.
constexpr size_t kEventsPerWrite = 1024;

}  // namespace

absl::StatusOr<uint64_t> Recover(const EventLog& log, Store* store) {
  if (store->applied() > log.head()) {
    return absl::DataLossError(absl::StrCat("the store has applied sequence ", store->applied(),
                                            ", but its log ends at ", log.head()));
  }
  uint64_t count = 0;
  std::vector<AppliedEvent> pending;
  RETURN_IF_ERROR(log.Replay(store->applied(),
                             [&](Sequence sequence, absl::string_view record) -> absl::Status {
                               ASSIGN_OR_RETURN(AppliedEvent event, ParseRecord(sequence, record));
                               pending.push_back(std::move(event));
                               ++count;
                               if (pending.size() < kEventsPerWrite) return absl::OkStatus();
                               RETURN_IF_ERROR(store->Apply(pending));
                               pending.clear();
                               return absl::OkStatus();
                             }));
  RETURN_IF_ERROR(store->Apply(pending));
  return count;
}

}  // namespace incidenthub
