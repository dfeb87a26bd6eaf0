// Posters: each posts deliveries over a connection of its own, and each until it is answered 200.
//
// Threads: any, all methods. One of its own a poster.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_POSTERS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_POSTERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/e2e/random_run/deliveries.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/support/http_client.h"

namespace incidenthub::testing {

// One try of one delivery.
struct Post {
  absl::Time begin;
  absl::Time end = {};
  size_t poster = 0;
  uint64_t serial = 0;
  std::string incident_id;
  // 0: no answer, see `error`.
  int status = 0;
  std::string error = {};
  // Of a 200.
  std::string answered_id = {};
  uint64_t sequence = 0;
  bool duplicate = false;
};

class Posters {
 public:
  Posters(const Plan& plan, int port, Deliveries* deliveries);
  // Gives up what is under way.
  ~Posters();
  Posters(const Posters&) = delete;
  Posters& operator=(const Posters&) = delete;

  // Each ends with the delivery that it is at. False: some are not answered yet.
  bool Finish(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  std::vector<Post> posts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run(size_t poster, uint64_t seed, absl::Duration interval) ABSL_LOCKS_EXCLUDED(mu_);
  void Deliver(size_t poster, HttpClient* http, const DeliverySpec& spec) ABSL_LOCKS_EXCLUDED(mu_);
  // False: it is time to end.
  bool Pause(absl::Duration duration, bool even_if_finishing) ABSL_LOCKS_EXCLUDED(mu_);
  bool AllDone() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return running_ == 0; }

  const int port_;
  Deliveries* const deliveries_;
  mutable absl::Mutex mu_;
  absl::CondVar changed_;
  bool finishing_ ABSL_GUARDED_BY(mu_) = false;
  bool giving_up_ ABSL_GUARDED_BY(mu_) = false;
  size_t running_ ABSL_GUARDED_BY(mu_);
  std::vector<Post> posts_ ABSL_GUARDED_BY(mu_);
  // Last: they use all of the above.
  std::vector<std::thread> threads_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_POSTERS_H_
