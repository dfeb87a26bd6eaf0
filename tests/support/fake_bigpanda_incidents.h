// The incidents of a FakeBigPanda: their state, the lock of new ones, and what is told of them.
//
// Threads: any, all methods. One of its own closes and unlocks when it is time.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_INCIDENTS_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_INCIDENTS_H_

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/support/fake_bigpanda_types.h"
#include "tests/support/fake_bigpanda_webhooks.h"

namespace incidenthub::testing {

// RESOURCE_EXHAUSTED past these.
inline constexpr size_t kBigPandaIncidentsMax = 100'000;
inline constexpr size_t kBigPandaHeldBackMax = 1'000;
inline constexpr size_t kBigPandaCommentsMax = 10'000;

class FakeIncidents {
 public:
  // `webhooks` outlives it.
  FakeIncidents(const FakeBigPandaOptions& options, FakeWebhooks* webhooks);
  ~FakeIncidents();
  FakeIncidents(const FakeIncidents&) = delete;
  FakeIncidents& operator=(const FakeIncidents&) = delete;

  // What happens in BigPanda by itself or in its UI; each is told to the webhook. NOT_FOUND: no
  // such incident or environment. FAILED_PRECONDITION: it is resolved already, or is not.
  //
  // incident#new. ALREADY_EXISTS: the incident does.
  absl::Status Open(const std::string& id, const std::string& environment_id)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Nothing is told: it was told before, by somebody else. Otherwise it is as after Open, with the
  // state and the times that `incident` has. ALREADY_EXISTS: the incident does.
  absl::Status Import(const BigPandaIncident& incident) ABSL_LOCKS_EXCLUDED(mu_);
  // incident#updated; an empty `status` changes nothing but the times.
  absl::Status Update(const std::string& id, const std::string& status) ABSL_LOCKS_EXCLUDED(mu_);
  // incident#commented.
  absl::Status Comment(const std::string& id, const std::string& comment) ABSL_LOCKS_EXCLUDED(mu_);
  // incident#closed.
  absl::Status Close(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);
  // incident#reopen.
  absl::Status Reopen(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);

  // What happens over the API. NOT_FOUND: there is no such incident in this environment.
  //
  // It will be closed soon. FAILED_PRECONDITION: it is resolved.
  absl::Status RequestResolve(const std::string& environment_id, const std::string& id,
                              const std::string& comments) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status AddComment(const std::string& environment_id, const std::string& id,
                          const std::string& comment) ABSL_LOCKS_EXCLUDED(mu_);
  // The callback: what was held back is sent. OK also if nothing is held any more.
  absl::Status Unlock(const std::string& id) ABSL_LOCKS_EXCLUDED(mu_);

  std::optional<BigPandaIncident> Find(const std::string& id) const ABSL_LOCKS_EXCLUDED(mu_);
  // False: it was not, in that time.
  bool WaitForResolved(const std::string& id, absl::Duration timeout) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct HeldBack {
    std::string event;
    std::string body;
  };
  struct Entry {
    BigPandaIncident incident;
    std::deque<HeldBack> held_back;
  };
  struct Due {
    bool close = false;
    std::string incident_id;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // A new one, with nothing but its id and its environment. NOT_FOUND, ALREADY_EXISTS.
  absl::StatusOr<Entry*> Add(const std::string& id, const std::string& environment_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Updates wait from now on.
  void Lock(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Entry*> Get(const std::string& id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<Entry*> GetIn(const std::string& environment_id, const std::string& id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Moves the times, and sends a webhook or holds it back.
  absl::Status Tell(Entry* entry, const std::string& event,
                    const std::optional<std::string>& comment = std::nullopt)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status KeepComment(Entry* entry, const std::string& comment)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status CloseNow(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void UnlockNow(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const FakeBigPandaOptions options_;
  FakeWebhooks& webhooks_;

  mutable absl::Mutex mu_;
  // Anything below.
  mutable absl::CondVar changed_;
  std::map<std::string, Entry> incidents_ ABSL_GUARDED_BY(mu_);
  std::multimap<absl::Time, Due> due_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_INCIDENTS_H_
