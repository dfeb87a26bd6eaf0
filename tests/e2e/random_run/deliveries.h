// The deliveries of a random run: the documented sample, with another id, time, status and so on.
//
// Each carries its serial as an event type, which comes back in the cause of the event that it
// became: so every event is known to be of one delivery.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_DELIVERIES_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_DELIVERIES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "incidenthub/v1/event.pb.h"
#include "tests/e2e/random_run/plan.h"

namespace incidenthub::testing {

struct DeliverySpec {
  // From 1, through the whole run.
  uint64_t serial = 0;
  std::string incident_id;
  // How new it is, among the incident's deliveries: each another, from 0.
  int64_t version = 0;
  // `incident#new`, `incident#closed`, ...
  std::string event_type;
  bool active = true;
  std::string status;
  std::string severity;
  std::string host;
  std::string environment;
  int priority = 1;
};

// `updatedOn` of a delivery of this version, in seconds since 1970.
int64_t UpdatedOn(int64_t version);
// The tag by which a delivery's text is known in the incident.
inline constexpr absl::string_view kTitleTag = "itd_assignment_group_2";
std::string TitleOf(uint64_t serial);
// The webhook.
std::string BodyOf(const DeliverySpec& spec);
// Of the delivery that made the event; 0: none did.
uint64_t SerialOf(const v1::Event& event);

// What posters post next. They share incidents, bodies and what is held back.
//
// Threads: any.
class Deliveries {
 public:
  // What `rng` chooses: a new version of an incident, one held back before, or one posted before.
  DeliverySpec Next(Rng* rng) ABSL_LOCKS_EXCLUDED(mu_);

  // An incident to act on; empty: there is none yet.
  std::string SomeIncident(Rng* rng) const ABSL_LOCKS_EXCLUDED(mu_);

  // All there were, by serial, less 1.
  std::vector<DeliverySpec> specs() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Known {
    std::string id;
    int64_t versions = 0;
    bool active = true;
  };

  DeliverySpec MakeNew(Rng* rng) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  mutable absl::Mutex mu_;
  std::vector<Known> incidents_ ABSL_GUARDED_BY(mu_);
  std::vector<DeliverySpec> specs_ ABSL_GUARDED_BY(mu_);
  // Serials.
  std::vector<uint64_t> held_back_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> posted_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_DELIVERIES_H_
