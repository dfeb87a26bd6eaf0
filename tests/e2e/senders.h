// Senders that never give up: each posts updates of incidents of its own, one after the other, each
// until it is answered 200.
//
// Invariants: (1) an incident's update is posted only after the one before was answered 200; (2) a
//             body that is posted again is the same to the byte, so that it is the same delivery.
// Threads:    any, all methods. One of its own a sender.

#ifndef INCIDENTHUB_TESTS_E2E_SENDERS_H_
#define INCIDENTHUB_TESTS_E2E_SENDERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/support/stream_validator.h"

namespace incidenthub::testing {

inline constexpr int kUpdatesPerIncident = 3;

class Senders {
 public:
  // A delivery that was answered 200.
  struct Answered {
    std::string incident_id;
    // What makes it another delivery than the incident's others.
    int64_t updated_on = 0;
    uint64_t sequence = 0;
    bool duplicate = false;
  };

  struct Report {
    std::vector<Answered> answered;
    // Answers by HTTP status.
    std::map<int, size_t> statuses;
    // Posts that got no answer, with the first of the errors.
    size_t connection_errors = 0;
    std::string first_connection_error;
    // Answers that say 200 and cannot be read, or name another incident.
    std::vector<std::string> wrong_answers;

    std::vector<KnownEvent> events() const;
  };

  // Starts `count` of them, which post to 127.0.0.1:`port`.
  Senders(int port, size_t count);
  // Gives up what is under way.
  ~Senders();
  Senders(const Senders&) = delete;
  Senders& operator=(const Senders&) = delete;

  // Deliveries answered 200 so far.
  size_t accepted() const ABSL_LOCKS_EXCLUDED(mu_);
  // False: it took longer.
  bool WaitForAccepted(size_t count, absl::Duration timeout) const ABSL_LOCKS_EXCLUDED(mu_);

  // From now on they post to `port`, over new connections. Waits until each of them does, as a load
  // balancer is given time to notice. False: it took longer.
  bool MoveTo(int port, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Each sender completes the incident that it is at, and stops. False: it took longer.
  bool Finish(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  Report report() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run(size_t sender) ABSL_LOCKS_EXCLUDED(mu_);
  // Until it is answered 200. False: gave up.
  bool Deliver(class HttpClient* http, const std::string& incident_id, int64_t updated_on)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Where the next post goes; `*http` is replaced if that is elsewhere.
  void Follow(std::unique_ptr<class HttpClient>* http, int* port) ABSL_LOCKS_EXCLUDED(mu_);
  bool AllDone() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return running_ == 0; }

  mutable absl::Mutex mu_;
  int port_ ABSL_GUARDED_BY(mu_);
  // Senders that post to it.
  size_t moved_ ABSL_GUARDED_BY(mu_);
  mutable absl::CondVar changed_;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool giving_up_ ABSL_GUARDED_BY(mu_) = false;
  size_t running_ ABSL_GUARDED_BY(mu_);
  Report report_ ABSL_GUARDED_BY(mu_);
  // Last: they use all of the above.
  std::vector<std::thread> threads_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_SENDERS_H_
