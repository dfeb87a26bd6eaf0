// A subscriber of a random run: it follows the hub as its plan says, stalls, cancels, resumes,
// looks back and starts anew, records everything it was sent, and keeps the set of incidents that
// the published client rule leaves it with.
//
// Looking back is done in two ways, as services do it that crash: with the state that belonged to
// the older token, or with a state that is newer than the token.
//
// Threads: any, all methods. One of its own reads.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SUBSCRIBERS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SUBSCRIBERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/support/finding.h"
#include "tests/support/log_checks.h"
#include "tests/support/stream_validator.h"

namespace grpc {
class ClientContext;
}

namespace incidenthub::testing {

class RandomSubscriber {
 public:
  // Called for each entry, on the subscriber's thread.
  using Observer = std::function<void(const v1::Entry&)>;

  RandomSubscriber(SubscriberPlan plan, uint64_t seed, int port, Observer observer = nullptr);
  // Stops.
  ~RandomSubscriber();
  RandomSubscriber(const RandomSubscriber&) = delete;
  RandomSubscriber& operator=(const RandomSubscriber&) = delete;

  const SubscriberPlan& plan() const { return plan_; }

  // From now on it only follows.
  void Settle() ABSL_LOCKS_EXCLUDED(mu_);
  // Until it holds just that. False: it did not within `timeout`.
  bool WaitUntilHolds(const IncidentSequences& expected, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Until it has seen an event at or above.
  bool WaitForSequence(uint64_t sequence, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Until a stream was answered.
  bool WaitUntilOpened(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream; nothing is recorded after it has returned, but by Probe().
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Resumes with `count` tokens of all those it was sent, one after the other, each with the state
  // that belonged to it, and follows until it holds `expected`. REQUIRES: stopped.
  Findings Probe(size_t count, const IncidentSequences& expected, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);

  StreamHistory history() const ABSL_LOCKS_EXCLUDED(mu_);
  HeldSet held() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Start {
    RecordedStream stream;
    std::string token;
  };
  class Hub;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  Start ChooseStart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Start GoBack(size_t newest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Start ResumeAfter(size_t message, bool latest_only) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  // Until the stream ends, or `wants_more` of the message just recorded says no. Returns whether
  // it is recorded.
  bool RunStream(const Start& start, absl::Time deadline, const std::function<bool()>& wants_more)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Record(const v1::SubscribeResponse& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool Pause(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mu_);
  bool WaitFor(const std::function<bool()>& done, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  const SubscriberPlan plan_;
  const Observer observer_;
  const std::unique_ptr<Hub> hub_;

  mutable absl::Mutex mu_;
  absl::CondVar changed_;
  Rng rng_ ABSL_GUARDED_BY(mu_);
  bool settling_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // Of the stream that is open, to be cancelled.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mu_) = nullptr;
  StreamHistory history_ ABSL_GUARDED_BY(mu_);
  // Places of the tokens in `history_`: by message, through all streams. Empty: it had none.
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mu_);
  HeldSet held_ ABSL_GUARDED_BY(mu_);
  // The first message of this life whose token a newer state may be used with: before that one the
  // client began empty, and is not told what it cannot hold. Unset: there is none yet.
  std::optional<size_t> exact_from_ ABSL_GUARDED_BY(mu_);

  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SUBSCRIBERS_H_
