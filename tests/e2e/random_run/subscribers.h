// A subscriber of a random run that keeps its own position: it follows the hub as its plan says,
// stalls, cancels, resumes, looks back and starts anew.
//
// Looking back is done in two ways, as services do it that crash: with the state that belonged to
// the older token, or with a state that is newer than the token.
//
// Threads: as RandomFollower.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SUBSCRIBERS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SUBSCRIBERS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/e2e/random_run/followers.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/support/finding.h"
#include "tests/support/stream_validator.h"

namespace incidenthub::testing {

class RandomSubscriber : public RandomFollower {
 public:
  // Called for each entry, on the subscriber's thread.
  using Observer = std::function<void(const v1::Entry&)>;

  RandomSubscriber(SubscriberPlan plan, uint64_t seed, int port, Observer observer = nullptr);
  // Stops.
  ~RandomSubscriber() override;

  // Until it has seen an event at or above.
  bool WaitForSequence(uint64_t sequence, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Until a stream was answered.
  bool WaitUntilOpened(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Resumes with `count` tokens of all those it was sent, one after the other, each with the state
  // that belonged to it.
  Findings Probe(size_t count, const IncidentSequences& expected, absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Start {
    RecordedStream stream;
    std::string token;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  Start ChooseStart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Start GoBack(size_t newest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Start ResumeAfter(size_t message, bool latest_only) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  // The stream that was just refused for what it required: where the next one begins.
  void FallBack() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Until the stream ends, or `wants_more` of the message just recorded says no. Returns whether
  // it is recorded.
  bool RunStream(const Start& start, absl::Time deadline, const std::function<bool()>& wants_more)
      ABSL_LOCKS_EXCLUDED(mu_);
  void TakeMessage(const v1::SubscribeResponse& response) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Observer observer_;

  Rng rng_ ABSL_GUARDED_BY(mu_);
  // The first message of this life whose token a newer state may be used with: before that one the
  // client began empty, and is not told what it cannot hold. Unset: there is none yet.
  std::optional<size_t> exact_from_ ABSL_GUARDED_BY(mu_);
  // The message to resume after without `require_history`, since with it that was refused.
  std::optional<size_t> refused_after_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_SUBSCRIBERS_H_
