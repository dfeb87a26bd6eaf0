#include "server/fanout/membership.h"

#include <optional>
#include <utility>

#include "common/status_macros.h"

namespace incidenthub {

absl::StatusOr<Verdict> MembershipReader::Conflated(const SharedEvent& event, bool began_empty) {
  Verdict verdict;
  verdict.membership = began_empty ? v1::MEMBERSHIP_ENTERED : v1::MEMBERSHIP_UPDATED;
  if (matchers_->empty() && !event.tombstone) return verdict;
  ASSIGN_OR_RETURN(verdict.labels, LabelsOf(event));
  if (event.tombstone || !matchers_->Matches(*verdict.labels)) {
    // Nobody can hold an incident from before its first event.
    const bool cannot_hold = began_empty || event.previous_sequence == 0;
    verdict.membership = cannot_hold ? v1::MEMBERSHIP_UNSPECIFIED : v1::MEMBERSHIP_LEFT;
  }
  return verdict;
}

absl::StatusOr<Verdict> MembershipReader::EveryEvent(const SharedEvent& event, Sequence cut,
                                                     bool may_read_store) {
  Verdict verdict;
  if (matchers_->empty()) {
    const bool is_new = event.previous_sequence == 0 || event.after_tombstone;
    verdict.membership = event.tombstone ? v1::MEMBERSHIP_LEFT
                         : is_new        ? v1::MEMBERSHIP_ENTERED
                                         : v1::MEMBERSHIP_UPDATED;
    return verdict;
  }
  ASSIGN_OR_RETURN(verdict.labels, LabelsOf(event));
  const bool matches = !event.tombstone && matchers_->Matches(*verdict.labels);
  bool matched = false;
  bool known = true;
  if (event.previous_sequence != 0 && event.previous_sequence <= cut) {
    known = false;
  } else if (event.previous_sequence != 0 && !event.after_tombstone) {
    ASSIGN_OR_RETURN(const SharedLabels before,
                     Before(event, may_read_store, &verdict.needs_store));
    if (verdict.needs_store) return verdict;
    known = before != nullptr;
    matched = known && matchers_->Matches(*before);
  }
  seen_[event.sequence] = verdict.labels;
  if (matches) {
    verdict.membership = matched || !known ? v1::MEMBERSHIP_UPDATED : v1::MEMBERSHIP_ENTERED;
  } else if (matched || !known) {
    verdict.membership = v1::MEMBERSHIP_LEFT;
  }
  return verdict;
}

absl::StatusOr<SharedLabels> MembershipReader::Before(const SharedEvent& event, bool may_read_store,
                                                      bool* needs_store) {
  if (const auto seen = seen_.find(event.previous_sequence); seen != seen_.end()) {
    return seen->second;
  }
  if (event.labels != nullptr) {
    if (SharedLabels before = event.labels->before(); before != nullptr) return before;
  }
  SharedEvent before;
  if (!source_->FindRecent(event.previous_sequence, &before)) {
    if (!may_read_store) {
      *needs_store = true;
      return nullptr;
    }
    ASSIGN_OR_RETURN(std::optional<SharedEvent> read, source_->ReadEvent(event.previous_sequence));
    if (!read.has_value()) return nullptr;
    before = *std::move(read);
  }
  ASSIGN_OR_RETURN(SharedLabels labels, LabelsOf(before));
  if (event.labels != nullptr) event.labels->set_before(labels);
  return labels;
}

}  // namespace incidenthub
