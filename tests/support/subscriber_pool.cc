#include "tests/support/subscriber_pool.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::testing {

class SubscriberPool::Impl {
 public:
  explicit Impl(Options options) : options_(std::move(options)) {
    v1::SubscribeRequest request;
    if (!options_.resume_token.empty()) {
      request.set_resume_token(options_.resume_token);
    } else if (options_.from_now) {
      request.mutable_from_now();
    } else {
      request.mutable_snapshot();
    }
    request.mutable_heartbeat_interval()->set_seconds(
        absl::ToInt64Seconds(options_.heartbeat_interval));
    for (size_t i = 0; i < options_.subscribers; ++i) {
      if (i % options_.per_connection == 0) {
        stubs_.push_back(v1::IncidentService::NewStub(ConnectToHub(options_.port)));
      }
      subscribers_.push_back(std::make_unique<Subscriber>(this, i, request, stubs_.back().get()));
    }
  }

  ~Impl() { CancelAll(); }

  bool WaitFor(const std::function<bool(const Totals&)>& done, absl::Duration timeout) const {
    const absl::Time deadline = absl::Now() + timeout;
    absl::MutexLock lock(&mu_);
    while (!done(totals_)) {
      if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) {
        return done(totals_);
      }
    }
    return true;
  }

  Totals totals() const {
    absl::MutexLock lock(&mu_);
    return totals_;
  }

  void CancelAll() {
    for (const auto& subscriber : subscribers_) subscriber->Cancel();
    WaitFor([this](const Totals& totals) { return totals.ended == options_.subscribers; },
            absl::InfiniteDuration());
  }

 private:
  class Subscriber final : public grpc::ClientReadReactor<v1::SubscribeResponse> {
   public:
    Subscriber(Impl* pool, size_t index, v1::SubscribeRequest request,
               v1::IncidentService::Stub* stub)
        : pool_(pool), index_(index), request_(std::move(request)) {
      stub->async()->Subscribe(&context_, &request_, this);
      if (pool_->options_.reads) StartRead(&response_);
      StartCall();
    }

    void Cancel() { context_.TryCancel(); }

    void OnReadDone(bool ok) override {
      if (!ok) return;
      pool_->OnResponse(index_, response_);
      StartRead(&response_);
    }

    void OnDone(const grpc::Status& status) override {
      pool_->OnEnd(static_cast<absl::StatusCode>(status.error_code()));
    }

   private:
    Impl* const pool_;
    const size_t index_;
    const v1::SubscribeRequest request_;
    grpc::ClientContext context_;
    v1::SubscribeResponse response_;
  };

  void OnResponse(size_t index, const v1::SubscribeResponse& response) ABSL_LOCKS_EXCLUDED(mu_) {
    if (options_.on_response) options_.on_response(index, response);
    absl::MutexLock lock(&mu_);
    if (response.has_opened()) ++totals_.opened;
    totals_.entries += static_cast<size_t>(response.batch().entries_size());
    if (response.has_snapshot_end()) ++totals_.snapshot_ends;
    if (response.has_draining()) ++totals_.draining;
    changed_.SignalAll();
  }

  void OnEnd(absl::StatusCode code) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    ++totals_.ended;
    totals_.end_codes.push_back(code);
    changed_.SignalAll();
  }

  const Options options_;
  mutable absl::Mutex mu_;
  mutable absl::CondVar changed_;
  Totals totals_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<v1::IncidentService::Stub>> stubs_;
  // Last: they call into all of the above until they are done.
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
};

SubscriberPool::SubscriberPool(Options options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
SubscriberPool::~SubscriberPool() = default;

bool SubscriberPool::WaitFor(const std::function<bool(const Totals&)>& done,
                             absl::Duration timeout) const {
  return impl_->WaitFor(done, timeout);
}

SubscriberPool::Totals SubscriberPool::totals() const { return impl_->totals(); }

void SubscriberPool::CancelAll() { impl_->CancelAll(); }

}  // namespace incidenthub::testing
