// What every kind of subscriber of a random run has: its thread, the record of everything it was
// sent, and the set of incidents that the published client rule leaves it with.
//
// Threads: any, all public methods. One of its own reads.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FOLLOWERS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FOLLOWERS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/support/finding.h"
#include "tests/support/known_log.h"
#include "tests/support/log_checks.h"
#include "tests/support/stream_validator.h"

namespace grpc {
class ClientContext;
}

namespace incidenthub::testing {

// What a subscriber did or was told beside its streams.
struct FollowerStep {
  absl::Time time;
  std::string text;
};

struct CommitCounts {
  size_t commits = 0;
  size_t moved = 0;
  size_t unanswered = 0;
};

class RandomFollower {
 public:
  virtual ~RandomFollower();
  RandomFollower(const RandomFollower&) = delete;
  RandomFollower& operator=(const RandomFollower&) = delete;

  const SubscriberPlan& plan() const { return plan_; }

  // From now on it only follows.
  void Settle() ABSL_LOCKS_EXCLUDED(mu_);
  // Until it holds just that. False: it did not within `timeout`.
  bool WaitUntilHolds(const IncidentSequences& expected, absl::Duration timeout)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the stream; nothing is recorded after it has returned, but by Probe().
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // Begins anew `count` times where it may, and follows until it holds `expected` each time.
  // REQUIRES: stopped.
  virtual Findings Probe(size_t count, const IncidentSequences& expected,
                         absl::Duration timeout) = 0;
  // What only this kind of subscriber can tell. REQUIRES: stopped.
  virtual Findings Check() { return {}; }

  StreamHistory history() const ABSL_LOCKS_EXCLUDED(mu_);
  HeldSet held() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<FollowerStep> steps() const ABSL_LOCKS_EXCLUDED(mu_);
  CommitCounts counts() const ABSL_LOCKS_EXCLUDED(mu_);

 protected:
  class Hub;

  RandomFollower(SubscriberPlan plan, int port);

  // What the thread does. To be called once, by the constructor of what derives from this; its
  // destructor stops it.
  void StartThread(std::function<void()> run);

  // As the plan has it, without a start.
  v1::SubscribeRequest MakeRequest(const RecordedStream& stream) const;
  // While a stream is open, so that Stop() cancels it. `probes`: it does not.
  void AddContext(grpc::ClientContext* context, bool probes) ABSL_LOCKS_EXCLUDED(mu_);
  void RemoveContext(grpc::ClientContext* context) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Adds it to the last stream.
  void Record(const v1::SubscribeResponse& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // False: it is to end.
  bool Pause(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mu_);
  bool WaitFor(const std::function<bool()>& done, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // The newest message with a token, plus 1; 0: there is none.
  size_t EndOfTokens() const ABSL_SHARED_LOCKS_REQUIRED(mu_);

  const SubscriberPlan plan_;
  const std::unique_ptr<Hub> hub_;

  mutable absl::Mutex mu_;
  absl::CondVar changed_;
  bool settling_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  StreamHistory history_ ABSL_GUARDED_BY(mu_);
  // Places of the tokens in `history_`: by message, through all streams. Empty: it had none.
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mu_);
  HeldSet held_ ABSL_GUARDED_BY(mu_);
  std::vector<FollowerStep> steps_ ABSL_GUARDED_BY(mu_);
  CommitCounts counts_ ABSL_GUARDED_BY(mu_);

 private:
  // Of the streams that are open.
  std::vector<grpc::ClientContext*> contexts_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_FOLLOWERS_H_
