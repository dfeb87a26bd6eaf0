// Posts updates of incidents of its own, one connection an incident, as fast as they are answered:
// to see what the hub takes meanwhile.

#ifndef INCIDENTHUB_TESTS_E2E_STEADY_POSTER_H_
#define INCIDENTHUB_TESTS_E2E_STEADY_POSTER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/support/http_client.h"
#include "tests/support/wait.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {

// Threads: any, all methods.
class SteadyPoster {
 public:
  SteadyPoster(int port, size_t connections) {
    for (size_t i = 0; i < connections; ++i) {
      threads_.emplace_back([this, port, i] { Run(port, absl::StrCat("steady-", i)); });
    }
  }
  ~SteadyPoster() {
    stopping_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  SteadyPoster(const SteadyPoster&) = delete;
  SteadyPoster& operator=(const SteadyPoster&) = delete;

  // Posts that were answered 200, and those that were not.
  size_t accepted() const { return accepted_; }
  size_t failed() const { return failed_; }

  // Posts a second until `count` more are accepted; 0: it took longer than `timeout`.
  double RateOf(size_t count, absl::Duration timeout) const {
    const absl::Time start = absl::Now();
    const size_t wanted = accepted_ + count;
    if (!WaitUntil([&] { return accepted_ >= wanted; }, timeout, absl::Milliseconds(1))) return 0;
    return static_cast<double>(count) / absl::ToDoubleSeconds(absl::Now() - start);
  }

 private:
  void Run(int port, const std::string& incident_id) {
    HttpClient http(port);
    for (int64_t updated_on = 1'790'000'000; !stopping_; ++updated_on) {
      const auto response =
          http.Post(kWebhookPath, WebhookHeaders(), SmallIncident(incident_id, updated_on));
      ++(response.ok() && response->status == 200 ? accepted_ : failed_);
    }
  }

  std::atomic<bool> stopping_ = false;
  std::atomic<size_t> accepted_ = 0;
  std::atomic<size_t> failed_ = 0;
  // Last: they use all of the above.
  std::vector<std::thread> threads_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_STEADY_POSTER_H_
