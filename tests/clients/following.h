// A subscription on a thread of its own, and a diary of what its handler was told.

#ifndef INCIDENTHUB_TESTS_CLIENTS_FOLLOWING_H_
#define INCIDENTHUB_TESTS_CLIENTS_FOLLOWING_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cpp/incident_client.h"
#include "common/check.h"
#include "tests/support/fake_incident_service.h"

namespace incidenthub::client {

// Reconnects at once, unless a test wants otherwise.
inline SubscriptionOptions Impatient() {
  SubscriptionOptions options;
  options.random = [] { return 0.0; };
  return options;
}

class Following {
 public:
  // Called on the subscription's thread after a line was written to the diary.
  using Hook = std::function<void(const std::string& line, Subscription& subscription)>;

  Following(const std::string& address, SubscriptionOptions options, Hook hook = nullptr)
      : client_({.address = address}),
        hook_(std::move(hook)),
        subscription_(client_.Subscribe(std::move(options), Handler())) {}

  ~Following() {
    if (!thread_.joinable()) return;
    subscription_->Stop();
    thread_.join();
  }

  void Start() {
    thread_ = std::thread([this] {
      absl::Status status = subscription_->Run();
      absl::MutexLock lock(&mu_);
      result_ = std::move(status);
    });
  }

  Subscription& subscription() { return *subscription_; }

  // What Run() returned; DEADLINE_EXCEEDED if it does not return.
  absl::Status WaitForEnd() {
    absl::MutexLock lock(&mu_);
    const auto ended = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return result_.has_value(); };
    if (!mu_.AwaitWithTimeout(absl::Condition(&ended), testing::kWaitMax)) {
      return absl::DeadlineExceededError("Run() does not return");
    }
    return *result_;
  }

  bool WaitForLines(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto enough = [this, count]()
                            ABSL_SHARED_LOCKS_REQUIRED(mu_) { return diary_.size() >= count; };
    return mu_.AwaitWithTimeout(absl::Condition(&enough), testing::kWaitMax);
  }

  // `opened 5`, `reset why`, `+a@1 [token]`, `end 5`, `heartbeat 5`, `lost UNAVAILABLE`.
  std::vector<std::string> diary() {
    absl::MutexLock lock(&mu_);
    return diary_;
  }
  std::vector<absl::Duration> delays() {
    absl::MutexLock lock(&mu_);
    return delays_;
  }
  absl::Status last_loss() {
    absl::MutexLock lock(&mu_);
    return last_loss_;
  }
  absl::Time last_loss_time() {
    absl::MutexLock lock(&mu_);
    return last_loss_time_;
  }

 private:
  SubscriptionHandler Handler() {
    return {
        .on_opened =
            [this](const v1::SubscribeResponse::Opened& opened, const Position&) {
              Write(absl::StrCat("opened ", opened.head_sequence()));
            },
        .on_reset = [this](const std::string& reason,
                           const Position&) { Write(absl::StrCat("reset ", reason)); },
        .on_entry =
            [this](const v1::Entry& entry, const Position& position) {
              const char* mark = entry.membership() == v1::MEMBERSHIP_ENTERED ? "+"
                                 : entry.membership() == v1::MEMBERSHIP_LEFT  ? "-"
                                                                              : "~";
              Write(absl::StrCat(mark, entry.event().incident().id(), "@", entry.event().sequence(),
                                 " [", position.resume_token, "]"));
            },
        .on_snapshot_end = [this](uint64_t sequence,
                                  const Position&) { Write(absl::StrCat("end ", sequence)); },
        .on_heartbeat =
            [this](const Position& position) {
              Write(absl::StrCat("heartbeat ", position.head_sequence));
            },
        .on_disconnect =
            [this](const absl::Status& status, absl::Duration delay) {
              {
                absl::MutexLock lock(&mu_);
                delays_.push_back(delay);
                last_loss_ = status;
                last_loss_time_ = absl::Now();
              }
              Write(absl::StrCat("lost ", absl::StatusCodeToString(status.code())));
            },
    };
  }

  void Write(std::string line) {
    {
      absl::MutexLock lock(&mu_);
      diary_.push_back(line);
    }
    if (hook_) hook_(line, *subscription_);
  }

  IncidentClient client_;
  const Hook hook_;
  absl::Mutex mu_;
  std::vector<std::string> diary_ ABSL_GUARDED_BY(mu_);
  std::vector<absl::Duration> delays_ ABSL_GUARDED_BY(mu_);
  absl::Status last_loss_ ABSL_GUARDED_BY(mu_);
  absl::Time last_loss_time_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> result_ ABSL_GUARDED_BY(mu_);
  const std::unique_ptr<Subscription> subscription_;
  std::thread thread_;
};

}  // namespace incidenthub::client

#endif  // INCIDENTHUB_TESTS_CLIENTS_FOLLOWING_H_
