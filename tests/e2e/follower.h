// A program built on the C++ client, as users write one: it follows the hub, keeps the incidents,
// and remembers what came and when.
//
// Threads: any, all methods. One of its own runs the subscription.

#ifndef INCIDENTHUB_TESTS_E2E_FOLLOWER_H_
#define INCIDENTHUB_TESTS_E2E_FOLLOWER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "clients/cpp/incident_client.h"
#include "clients/cpp/incident_set.h"
#include "incidenthub/v1/incident_service.pb.h"

namespace incidenthub::testing {

class Follower {
 public:
  struct Seen {
    v1::Entry entry;
    absl::Time time;
  };
  // Everything so far.
  struct Record {
    std::vector<Seen> entries;
    client::IncidentSet incidents;
    int snapshot_ends = 0;
    // Resume tokens of the newest entry and the newest heartbeat, and the heartbeats since that
    // entry.
    std::string entry_token;
    std::string heartbeat_token;
    int heartbeats_since_entry = 0;
  };

  explicit Follower(int port);
  // Stops.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Waits until `done`, which is called with the lock held. False: it was not within `timeout`.
  bool WaitFor(absl::FunctionRef<bool(const Record&)> done, absl::Duration timeout) const
      ABSL_LOCKS_EXCLUDED(mu_);
  // For the first entry with this sequence; null: it did not come.
  std::unique_ptr<Seen> WaitForSequence(uint64_t sequence, absl::Duration timeout) const;

  // Ends the subscription; returns how Run() ended.
  absl::Status Stop();

  // A copy.
  std::vector<Seen> entries() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  client::SubscriptionHandler Handler();
  template <typename F>
  void Change(F change) ABSL_LOCKS_EXCLUDED(mu_);

  mutable absl::Mutex mu_;
  mutable absl::CondVar changed_;
  Record record_ ABSL_GUARDED_BY(mu_);

  const client::IncidentClient client_;
  const std::unique_ptr<client::Subscription> subscription_;
  absl::Status end_;
  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_FOLLOWER_H_
