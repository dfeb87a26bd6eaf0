#include "tests/e2e/senders.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/http_client.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

// Before the same is posted again. Shorter than Retry-After: the more posts, the more is tested.
constexpr absl::Duration kRetryDelay = absl::Milliseconds(20);
constexpr int64_t kFirstUpdate = 1'790'000'100;

}  // namespace

std::vector<KnownEvent> Senders::Report::events() const {
  std::vector<KnownEvent> events;
  for (const Answered& answer : answered) events.push_back({answer.incident_id, answer.sequence});
  return events;
}

Senders::Senders(int port, size_t count) : port_(port), moved_(count), running_(count) {
  for (size_t i = 0; i < count; ++i) {
    threads_.emplace_back([this, i] { Run(i); });
  }
}

Senders::~Senders() {
  {
    absl::MutexLock lock(&mu_);
    finishing_ = giving_up_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

size_t Senders::accepted() const {
  absl::MutexLock lock(&mu_);
  return report_.answered.size();
}

bool Senders::WaitForAccepted(size_t count, absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (report_.answered.size() < count) {
    if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) return false;
  }
  return true;
}

bool Senders::MoveTo(int port, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  port_ = port;
  moved_ = 0;
  while (moved_ < threads_.size()) {
    if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) return false;
  }
  return true;
}

void Senders::Follow(std::unique_ptr<HttpClient>* http, int* port) {
  absl::MutexLock lock(&mu_);
  if (*port == port_) return;
  *port = port_;
  *http = std::make_unique<HttpClient>(port_);
  ++moved_;
  changed_.SignalAll();
}

bool Senders::Finish(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  finishing_ = true;
  return mu_.AwaitWithTimeout(absl::Condition(this, &Senders::AllDone), timeout);
}

Senders::Report Senders::report() const {
  absl::MutexLock lock(&mu_);
  return report_;
}

void Senders::Run(size_t sender) {
  int port = 0;
  {
    absl::MutexLock lock(&mu_);
    port = port_;
  }
  auto http = std::make_unique<HttpClient>(port);
  for (int incident = 0;; ++incident) {
    {
      absl::MutexLock lock(&mu_);
      if (finishing_) break;
    }
    const std::string id = absl::StrCat("sender-", sender, "-incident-", incident);
    for (int update = 0; update < kUpdatesPerIncident; ++update) {
      Follow(&http, &port);
      if (!Deliver(http.get(), id, kFirstUpdate + update)) break;
    }
  }
  absl::MutexLock lock(&mu_);
  --running_;
}

bool Senders::Deliver(HttpClient* http, const std::string& incident_id, int64_t updated_on) {
  const std::string body = SmallIncident(incident_id, updated_on);
  while (true) {
    const absl::StatusOr<HttpResponse> response = http->Post(kWebhookPath, WebhookHeaders(), body);
    absl::MutexLock lock(&mu_);
    if (!response.ok()) {
      if (report_.connection_errors++ == 0) {
        report_.first_connection_error = response.status().ToString();
      }
    } else {
      ++report_.statuses[response->status];
      if (response->status == 200) {
        const absl::StatusOr<Accepted> accepted = ParseAccepted(response->body);
        if (!accepted.ok() || accepted->incident_id != incident_id || accepted->sequence == 0) {
          report_.wrong_answers.push_back(absl::StrCat(incident_id, ": ", response->body));
          return false;
        }
        report_.answered.push_back(
            {incident_id, updated_on, accepted->sequence, accepted->duplicate});
        changed_.SignalAll();
        return true;
      }
    }
    const absl::Time next = absl::Now() + kRetryDelay;
    while (!giving_up_ && absl::Now() < next) changed_.WaitWithDeadline(&mu_, next);
    if (giving_up_) return false;
  }
}

}  // namespace incidenthub::testing
