// The webhooks of a FakeBigPanda, sent one after the other in the order in which they were made.
//
// Threads: any, all methods. One of its own sends.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_WEBHOOKS_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_WEBHOOKS_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/support/fake_bigpanda_types.h"

namespace incidenthub::testing {

// Past these the newest, or of those that are done the oldest, are dropped; what was never sent
// counts as given up.
inline constexpr size_t kWebhooksWaitingMax = 100'000;
inline constexpr size_t kWebhooksKeptMax = 100'000;

class FakeWebhooks {
 public:
  explicit FakeWebhooks(const FakeBigPandaOptions& options);
  // Drops what waits; an attempt that is under way ends within the timeout of a webhook.
  ~FakeWebhooks();
  FakeWebhooks(const FakeWebhooks&) = delete;
  FakeWebhooks& operator=(const FakeWebhooks&) = delete;

  void Send(std::string incident_id, std::string event, std::string body) ABSL_LOCKS_EXCLUDED(mu_);
  // Of webhooks from now on, those that wait included.
  void SetUrl(std::string url) ABSL_LOCKS_EXCLUDED(mu_);

  // Those that are done, the oldest first.
  std::vector<BigPandaWebhook> done() const ABSL_LOCKS_EXCLUDED(mu_);
  size_t given_up() const ABSL_LOCKS_EXCLUDED(mu_);
  // The first that is done and tells of this; nothing: none in that time.
  std::optional<BigPandaWebhook> WaitFor(absl::string_view incident_id, absl::string_view event,
                                         absl::Duration timeout) const ABSL_LOCKS_EXCLUDED(mu_);
  // False: not so many were done in that time.
  bool WaitForCount(size_t count, absl::Duration timeout) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // All attempts of one.
  void Attempt(BigPandaWebhook* webhook) ABSL_LOCKS_EXCLUDED(mu_);
  // False: the fake stops.
  bool Pause() ABSL_LOCKS_EXCLUDED(mu_);

  const FakeBigPandaOptions options_;

  mutable absl::Mutex mu_;
  mutable absl::CondVar changed_;
  std::string url_ ABSL_GUARDED_BY(mu_);
  std::deque<BigPandaWebhook> waiting_ ABSL_GUARDED_BY(mu_);
  std::deque<BigPandaWebhook> done_ ABSL_GUARDED_BY(mu_);
  size_t done_count_ ABSL_GUARDED_BY(mu_) = 0;
  size_t given_up_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;

  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_WEBHOOKS_H_
