#include "server/fanout/event_labels.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"

namespace incidenthub {
namespace {

absl::StatusOr<SharedLabels> Decode(const SharedEvent& shared) {
  v1::Event event;
  if (!event.ParseFromString(*shared.bytes)) {
    return absl::DataLossError(absl::StrCat("event ", shared.sequence, " does not parse"));
  }
  return std::make_shared<const IncidentLabels>(event.incident());
}

}  // namespace

absl::StatusOr<SharedLabels> LabelsOf(const SharedEvent& event) {
  return event.labels == nullptr ? Decode(event) : event.labels->After(event);
}

absl::StatusOr<SharedLabels> EventLabels::After(const SharedEvent& event) {
  // Whoever comes meanwhile waits for a decoding that would be its own else.
  absl::MutexLock lock(&mu_);
  if (after_ == nullptr) {
    ASSIGN_OR_RETURN(after_, Decode(event));
  }
  return after_;
}

}  // namespace incidenthub
