#include "tests/e2e/random_run/posters.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

// Before the same is posted again. Shorter than Retry-After: the more posts, the more is tested.
constexpr absl::Duration kRetryDelay = absl::Milliseconds(50);
// Sometimes many come at once.
constexpr double kBurst = 0.01;
constexpr size_t kBurstPosts = 40;

}  // namespace

Posters::Posters(const Plan& plan, int port, Deliveries* deliveries)
    : port_(port), deliveries_(deliveries), running_(plan.posters) {
  for (size_t i = 0; i < plan.posters; ++i) {
    threads_.emplace_back(
        [this, i, seed = plan.seed, interval = plan.post_interval] { Run(i, seed, interval); });
  }
}

Posters::~Posters() {
  {
    absl::MutexLock lock(&mu_);
    finishing_ = giving_up_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

bool Posters::Finish(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  finishing_ = true;
  changed_.SignalAll();
  return mu_.AwaitWithTimeout(absl::Condition(this, &Posters::AllDone), timeout);
}

std::vector<Post> Posters::posts() const {
  absl::MutexLock lock(&mu_);
  return posts_;
}

bool Posters::Pause(absl::Duration duration, bool even_if_finishing) {
  const absl::Time next = absl::Now() + duration;
  absl::MutexLock lock(&mu_);
  while (!giving_up_ && (even_if_finishing || !finishing_) && absl::Now() < next) {
    changed_.WaitWithDeadline(&mu_, next);
  }
  return !giving_up_ && (even_if_finishing || !finishing_);
}

void Posters::Run(size_t poster, uint64_t seed, absl::Duration interval) {
  Rng rng(seed, absl::StrCat("poster ", poster));
  HttpClient http(port_, absl::Seconds(30));
  size_t burst = 0;
  while (true) {
    if (burst == 0 && rng.Chance(kBurst)) burst = kBurstPosts;
    const absl::Duration pause = burst > 0 ? absl::ZeroDuration() : rng.Around(interval);
    if (burst > 0) --burst;
    if (!Pause(pause, /*even_if_finishing=*/false)) break;
    Deliver(poster, &http, deliveries_->Next(&rng));
  }
  absl::MutexLock lock(&mu_);
  --running_;
}

void Posters::Deliver(size_t poster, HttpClient* http, const DeliverySpec& spec) {
  const std::string body = BodyOf(spec);
  while (true) {
    Post post{.begin = absl::Now(),
              .poster = poster,
              .serial = spec.serial,
              .incident_id = spec.incident_id};
    const absl::StatusOr<HttpResponse> response = http->Post(kWebhookPath, WebhookHeaders(), body);
    post.end = absl::Now();
    if (!response.ok()) {
      post.error = response.status().ToString();
    } else {
      post.status = response->status;
      if (response->status == 200) {
        const absl::StatusOr<Accepted> accepted = ParseAccepted(response->body);
        if (accepted.ok()) {
          post.answered_id = accepted->incident_id;
          post.sequence = accepted->sequence;
          post.duplicate = accepted->duplicate;
        } else {
          post.error = accepted.status().ToString();
        }
      } else {
        post.error = ParseErrorReason(response->body);
      }
    }
    const bool done = post.status == 200;
    {
      absl::MutexLock lock(&mu_);
      posts_.push_back(std::move(post));
    }
    if (done || !Pause(kRetryDelay, /*even_if_finishing=*/true)) return;
  }
}

}  // namespace incidenthub::testing
