// A log around another one that a test can hold up or break.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAULTY_LOG_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAULTY_LOG_H_

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/error_details.h"
#include "server/log/event_log.h"

namespace incidenthub::testing {

// Threads: Append by the one writer; the rest by any.
class FaultyLog final : public EventLog {
 public:
  // How an Append fails, which its caller cannot tell.
  enum class Failure { kNothingWritten, kWrittenAnyway };

  // `log` outlives it.
  explicit FaultyLog(EventLog* log) : log_(log) {}

  // From now on Append waits at the gate, before anything is written.
  void CloseGate() { SetGate(true); }
  void OpenGate() { SetGate(false); }

  // Whether an Append stands at the closed gate, within a time that is long for any machine.
  [[nodiscard]] bool AwaitAppendAtGate() {
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&waiting_), absl::Seconds(30));
  }

  // From now on Append fails.
  void Fail(Failure failure) {
    absl::MutexLock lock(&mu_);
    fails_ = true;
    failure_ = failure;
  }

  // Called at the end of each Append that wrote something, before it returns.
  void OnWritten(std::function<void()> callback) {
    absl::MutexLock lock(&mu_);
    on_written_ = std::move(callback);
  }

  // How many events each Append was given, in their order.
  std::vector<size_t> batches() const {
    absl::MutexLock lock(&mu_);
    return batches_;
  }

  absl::Status Append(absl::Span<const LogEntry> entries) override {
    bool fails = false;
    Failure failure{};
    std::function<void()> on_written;
    {
      absl::MutexLock lock(&mu_);
      batches_.push_back(entries.size());
      waiting_ = closed_;
      mu_.Await(absl::Condition(
          +[](bool* closed) { return !*closed; }, &closed_));
      waiting_ = false;
      fails = fails_;
      failure = failure_;
      on_written = on_written_;
    }
    if (!fails || failure == Failure::kWrittenAnyway) {
      absl::Status status = log_->Append(entries);
      if (!status.ok()) return status;
      if (on_written) on_written();
    }
    if (!fails) return absl::OkStatus();
    return ReasonError(absl::StatusCode::kUnavailable, "LOG_OUTCOME_UNKNOWN",
                       "append to the log failed, its outcome is unknown: a test says so");
  }

  Sequence head() const override { return log_->head(); }
  absl::Status Replay(Sequence after,
                      absl::FunctionRef<absl::Status(Sequence sequence, absl::string_view record)>
                          handle) const override {
    return log_->Replay(after, handle);
  }
  const Generations& generations() const override { return log_->generations(); }

 private:
  void SetGate(bool closed) {
    absl::MutexLock lock(&mu_);
    closed_ = closed;
  }

  EventLog* const log_;
  mutable absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool waiting_ ABSL_GUARDED_BY(mu_) = false;
  bool fails_ ABSL_GUARDED_BY(mu_) = false;
  Failure failure_ ABSL_GUARDED_BY(mu_) = Failure::kNothingWritten;
  std::function<void()> on_written_ ABSL_GUARDED_BY(mu_);
  std::vector<size_t> batches_ ABSL_GUARDED_BY(mu_);
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAULTY_LOG_H_
