// One random run: real binaries, the actors and faults of a plan, and at the end every check.

#ifndef INCIDENTHUB_TESTS_E2E_RANDOM_RUN_RUN_H_
#define INCIDENTHUB_TESTS_E2E_RANDOM_RUN_RUN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/e2e/random_run/checks.h"
#include "tests/e2e/random_run/facts.h"
#include "tests/e2e/random_run/followers.h"
#include "tests/e2e/random_run/hub_reader.h"
#include "tests/e2e/random_run/plan.h"
#include "tests/e2e/random_run/posters.h"
#include "tests/e2e/random_run/report.h"
#include "tests/e2e/random_run/responders.h"
#include "tests/e2e/random_run/subscribers.h"
#include "tests/e2e/random_run/world.h"
#include "tests/support/finding.h"

namespace incidenthub::testing {

// Threads: one at a time.
class RandomRun {
 public:
  RandomRun(Plan plan, bool with_small_disk);

  // Everything, from the start of the servers to the last check. What it returns is what is wrong.
  Findings Run();

  // How much happened, for people.
  std::string Summary() const;
  // The history that matters for a finding.
  std::string MinimalHistory(const Finding& finding) const;
  // Writes findings, timeline, logs and data to `directory`, which exists.
  void Keep(const std::string& directory, const Findings& findings);

 private:
  void Act();
  // Incidents that nobody touches any more are acknowledged, the hub is killed, and started again.
  absl::Status ExpireAcrossAKill(Responders* responders);
  absl::Status Quiesce();
  // What the hub holds now, by filter.
  absl::Status ReadTruth();
  void MakeRecord();
  void CheckSubscribers();
  void CheckSubscriber(RandomFollower* subscriber);
  void CheckReference();
  void CheckTruth();
  void CheckHistories();
  void AddStatus(const absl::Status& status);
  void Add(Findings findings, const std::string& actor = "");
  void Add(const Complaints& complaints, const std::string& actor);

  const Plan plan_;
  absl::Time begin_;
  World world_;
  Deliveries deliveries_;
  Facts facts_;
  HubReader reader_;
  // Follows from before the first event to the last, and never looks away.
  std::unique_ptr<RandomSubscriber> reference_;
  std::vector<std::unique_ptr<RandomFollower>> subscribers_;
  // By filter.
  std::vector<HubState> truth_;
  Record record_;
  Timeline timeline_;
  absl::Mutex mu_;
  Findings findings_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_RANDOM_RUN_RUN_H_
