// What happened in a random run: every event, as a subscriber that never looks away sees it, in the
// form that the checks need.
//
// Threads: any.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FACTS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FACTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/support/known_log.h"

namespace incidenthub::testing {

struct EventFact {
  LoggedEvent logged;
  v1::State state = v1::STATE_UNSPECIFIED;
  v1::Status status = v1::STATUS_UNSPECIFIED;
  std::string etag;
  std::string title;
  int64_t update_seconds = 0;
  // Of the incident after it.
  uint64_t incident_fingerprint = 0;
  absl::Time commit_time;
  // Of the acknowledgement. InfiniteFuture: none.
  absl::Time expire_time = absl::InfiniteFuture();
  // The cause: a delivery's serial, or a command's note and request id, or the hub itself.
  uint64_t serial = 0;
  std::string note;
  std::string request_id;
  v1::SystemCause::Reason reason = v1::SystemCause::REASON_UNSPECIFIED;
};

EventFact FactOf(const v1::Event& event);

class Facts {
 public:
  // An entry of a subscriber that began when there was nothing, in its order. What comes again
  // changes nothing.
  void Take(const v1::Entry& entry) ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<EventFact> all() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::vector<EventFact> facts_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FACTS_H_
