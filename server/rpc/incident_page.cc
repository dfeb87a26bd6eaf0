#include "server/rpc/incident_page.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/incident_labels.h"
#include "server/rpc/paging.h"

namespace incidenthub {

absl::StatusOr<Sequence> ReadIncidentPage(
    const Store& store, Sequence position, const ReadLimits& page, const Matchers& matchers,
    google::protobuf::RepeatedPtrField<v1::Incident>* incidents) {
  // With matchers a reading is no page, and what it brings is mostly thrown away.
  const ReadLimits limits = matchers.empty() ? page : PageLimitsMax();
  size_t bytes = 0;
  size_t looked_at = 0;
  while (looked_at < kPageLookedAtBytesMax) {
    bool complete = false;
    ASSIGN_OR_RETURN(const std::vector<SharedEvent> events,
                     store.ReadLatest(position, store.applied(), limits, &complete));
    for (const SharedEvent& shared : events) {
      if (shared.tombstone) {
        position = shared.sequence;
        continue;
      }
      v1::Event event;
      if (!event.ParseFromString(*shared.bytes)) {
        return absl::DataLossError(absl::StrCat("event ", shared.sequence, " does not parse"));
      }
      const size_t size = shared.bytes->size();
      if (matchers.empty() || matchers.Matches(IncidentLabels(event.incident()))) {
        const auto count = static_cast<size_t>(incidents->size());
        if (count >= page.events || (count > 0 && bytes + size > page.bytes)) return position;
        bytes += size;
        *incidents->Add() = std::move(*event.mutable_incident());
      }
      position = shared.sequence;
      looked_at += size;
    }
    if (complete || events.empty()) return Sequence{0};
    if (matchers.empty()) break;
  }
  return position;
}

}  // namespace incidenthub
