#include "tests/e2e/random_run/facts.h"

#include <cstddef>
#include <utility>

#include "google/protobuf/timestamp.pb.h"
#include "tests/e2e/random_run/deliveries.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/support/stream_validator.h"

namespace incidenthub::testing {
namespace {

absl::Time TimeOf(const google::protobuf::Timestamp& time) {
  return absl::FromUnixSeconds(time.seconds()) + absl::Nanoseconds(time.nanos());
}

}  // namespace

EventFact FactOf(const v1::Event& event) {
  const v1::Incident& incident = event.incident();
  EventFact fact;
  fact.logged.sequence = event.sequence();
  fact.logged.previous_sequence = event.previous_sequence();
  fact.logged.incident_id = incident.id();
  fact.logged.type = event.type();
  fact.logged.fingerprint = FingerprintOf(event);
  for (size_t i = 0; i < Filters().size() && event.type() != v1::EVENT_TYPE_PURGED; ++i) {
    if (Filters()[i].matches(incident)) fact.logged.matches |= FilterMask{1} << i;
  }
  fact.state = incident.state();
  fact.status = incident.status();
  fact.etag = incident.etag();
  for (const v1::Tag& tag : incident.tags()) {
    if (tag.name() == kTitleTag.data()) fact.title = tag.text();
  }
  fact.update_seconds = incident.update_time().seconds();
  fact.incident_fingerprint = FingerprintOf(incident);
  fact.commit_time = TimeOf(event.commit_time());
  if (incident.acknowledgement().has_expire_time()) {
    fact.expire_time = TimeOf(incident.acknowledgement().expire_time());
  }
  fact.serial = SerialOf(event);
  fact.note = event.action().note();
  fact.request_id = event.action().request_id();
  fact.reason = event.system().reason();
  return fact;
}

void Facts::Take(const v1::Entry& entry) {
  if (!entry.has_event()) return;
  EventFact fact = FactOf(entry.event());
  absl::MutexLock lock(&mu_);
  if (facts_.empty() || fact.logged.sequence > facts_.back().logged.sequence) {
    facts_.push_back(std::move(fact));
  }
}

std::vector<EventFact> Facts::all() const {
  absl::MutexLock lock(&mu_);
  return facts_;
}

}  // namespace incidenthub::testing
