// A subscriber of a random run that lets the hub keep its position: it begins where it committed,
// commits at random moments what it has handled, again, or what is older, loses answers, crashes
// with what it has not committed, stalls, and is taken over by a second stream of the same name.
//
// Where the position is, it does not believe the hub: see ConsumerLedger. Only where a lost commit
// leaves two places does it ask.
//
// Threads: as RandomFollower.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_CONSUMERS_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_CONSUMERS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/e2e/random_run/followers.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/support/consumer_ledger.h"
#include "tests/support/finding.h"

namespace incidenthub::testing {

class RandomConsumer : public RandomFollower {
 public:
  // `may_reset`: as in the plan.
  RandomConsumer(SubscriberPlan plan, uint64_t seed, int port, bool may_reset);
  // Stops.
  ~RandomConsumer() override;

  // Crashes `count` times, with what it has not committed.
  Findings Probe(size_t count, const IncidentSequences& expected, absl::Duration timeout) override
      ABSL_LOCKS_EXCLUDED(mu_);
  Findings Check() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Start = ConsumerLedger::Start;
  class Stream;

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  Start ChooseStart() ABSL_LOCKS_EXCLUDED(mu_);
  // Null: none was opened. `deadline` other than the infinite future: it is a probe.
  std::unique_ptr<Stream> Open(const Start& start, absl::Time deadline) ABSL_LOCKS_EXCLUDED(mu_);
  // Makes the stream that was opened part of the history. False: nobody knows where it begins.
  bool Adopt(Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);
  // The next message of the stream. False: it ended.
  bool Read(Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);
  void Close(Stream* stream) ABSL_LOCKS_EXCLUDED(mu_);
  // Follows the stream, and those that take it over, as the plan says.
  void Follow(std::unique_ptr<Stream> stream) ABSL_LOCKS_EXCLUDED(mu_);
  // Opens a second stream beside this one. What is left is the newer one, or if none was opened
  // this one.
  std::unique_ptr<Stream> TakeOver(std::unique_ptr<Stream> older) ABSL_LOCKS_EXCLUDED(mu_);

  void CommitSomething() ABSL_LOCKS_EXCLUDED(mu_);
  // A message with a token. Empty: none is worth it.
  std::optional<size_t> ChooseCommit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Asks the hub for the position. False: it does not say.
  bool List() ABSL_LOCKS_EXCLUDED(mu_);
  void Note(std::string text) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeLedger() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string consumer_;
  const bool may_reset_;

  // Of whoever reads: the thread, and after it Probe().
  Rng rng_;
  ConsumerLedger ledger_ ABSL_GUARDED_BY(mu_);
  // Nobody knows where the position is, and it is to go back to where it certainly was.
  bool lost_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<size_t> last_commit_ ABSL_GUARDED_BY(mu_);
  Findings findings_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_CONSUMERS_H_
