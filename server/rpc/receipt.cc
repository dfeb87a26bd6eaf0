#include "server/rpc/receipt.h"

#include <utility>
#include <variant>

#include "common/error_details.h"
#include "common/grpc_status.h"

namespace incidenthub {

v1::Receipt ToReceipt(uint64_t id, Outcome outcome) {
  v1::Receipt receipt;
  receipt.set_id(id);
  if (!outcome.ok()) {
    *receipt.mutable_rejected() = ToProtoStatus(WithReason(outcome.status()));
  } else if (auto* committed = std::get_if<Committed>(&*outcome)) {
    auto* accepted = receipt.mutable_accepted();
    accepted->set_incident_id(std::move(committed->incident_id));
    accepted->set_sequence(committed->sequence);
    accepted->set_duplicate(!committed->changed);
  } else if (const auto* kept = std::get_if<InQuarantine>(&*outcome)) {
    receipt.mutable_quarantined()->set_id(kept->id);
  } else {
    receipt.mutable_ignored();
  }
  return receipt;
}

}  // namespace incidenthub
