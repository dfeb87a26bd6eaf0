#include "tests/bench/raw_subscribers.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/client_callback.h"
#include "incidenthub/v1/incident_service.pb.h"
#include "tests/bench/wire_walk.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::bench {
namespace {

constexpr char kMethod[] = "/incidenthub.v1.IncidentService/Subscribe";
constexpr int64_t kHeartbeatSeconds = 60;
// A thousand connections at once are more than a listening socket takes.
constexpr size_t kOpeningAtOnce = 32;
constexpr uint64_t kNobodyWaits = std::numeric_limits<uint64_t>::max();
// Counters of different subscribers are written by different threads.
constexpr size_t kCacheLine = 64;

grpc::ByteBuffer Request(const std::string& resume_token) {
  v1::SubscribeRequest request;
  if (resume_token.empty()) {
    request.mutable_from_now();
  } else {
    request.set_resume_token(resume_token);
  }
  request.mutable_heartbeat_interval()->set_seconds(kHeartbeatSeconds);
  const grpc::Slice slice(request.SerializeAsString());
  return {&slice, 1};
}

}  // namespace

class RawSubscribers::Impl {
 public:
  explicit Impl(Options options)
      : options_(std::move(options)), request_(Request(options_.resume_token)) {
    for (size_t i = 0; i < options_.subscribers; ++i) {
      if (i % options_.per_connection == 0) {
        stubs_.push_back(std::make_unique<grpc::GenericStub>(testing::ConnectToHub(options_.port)));
      }
      subscribers_.push_back(std::make_unique<Subscriber>(this, i, stubs_.back().get()));
    }
    for (size_t i = 0; i < kOpeningAtOnce; ++i) StartNext();
  }

  ~Impl() { CancelAll(); }

  absl::Status WaitForMessages(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const absl::Time deadline = absl::Now() + timeout;
    while (opened_ < options_.subscribers) {
      if (ended_ > 0) return end_;
      if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) {
        return absl::DeadlineExceededError(
            absl::StrCat("only ", opened_, " subscriptions were opened"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status WaitForEntries(uint64_t each, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    // Whoever gets there after this says so; whoever was there before is seen.
    wanted_ = each;
    const absl::Time deadline = absl::Now() + timeout;
    while (least_entries() < each) {
      if (ended_ > 0) return end_;
      if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) {
        return absl::DeadlineExceededError(
            absl::StrCat("a subscriber has had ", least_entries(), " events of ", each));
      }
    }
    wanted_ = kNobodyWaits;
    return absl::OkStatus();
  }

  uint64_t entries() const {
    uint64_t all = 0;
    for (const auto& subscriber : subscribers_) all += subscriber->entries();
    return all;
  }

  uint64_t messages() const {
    uint64_t all = 0;
    for (const auto& subscriber : subscribers_) all += subscriber->messages();
    return all;
  }

  uint64_t least_entries() const {
    uint64_t least = std::numeric_limits<uint64_t>::max();
    for (const auto& subscriber : subscribers_) least = std::min(least, subscriber->entries());
    return least;
  }

  void CancelAll() ABSL_LOCKS_EXCLUDED(mu_) {
    size_t started = 0;
    {
      absl::MutexLock lock(&mu_);
      cancelled_ = true;
      started = started_;
    }
    for (size_t i = 0; i < started; ++i) subscribers_[i]->Cancel();
    absl::MutexLock lock(&mu_);
    while (ended_ < started) changed_.Wait(&mu_);
  }

 private:
  // gRPC has no server-streaming call of raw bytes; on the wire this is one.
  class alignas(kCacheLine) Subscriber final
      : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
   public:
    Subscriber(Impl* pool, size_t index, grpc::GenericStub* stub)
        : pool_(pool), index_(index), stub_(stub) {}

    void Start() {
      stub_->PrepareBidiStreamingCall(&context_, kMethod, {}, this);
      StartWriteLast(&pool_->request_, {});
      StartRead(&message_);
      StartCall();
    }

    void Cancel() { context_.TryCancel(); }
    uint64_t entries() const { return entries_; }
    uint64_t messages() const { return messages_; }

    void OnReadDone(bool ok) override {
      if (!ok) return;
      if (pool_->options_.on_message) pool_->options_.on_message(index_, message_);
      const std::optional<size_t> entries = CountEntries(message_, &slices_);
      if (!entries.has_value()) return pool_->OnNonsense();
      // Reads come one after the other: nobody else adds.
      const uint64_t before = entries_.load(std::memory_order_relaxed);
      if (*entries > 0) {
        messages_ = messages_.load(std::memory_order_relaxed) + 1;
        entries_ = before + *entries;
      }
      if (!opened_) {
        opened_ = true;
        pool_->OnOpened();
      }
      if (entries_ >= pool_->wanted_) pool_->Signal();
      if (*entries > 0 && pool_->options_.on_entries) {
        pool_->options_.on_entries(before, before + *entries);
      }
      StartRead(&message_);
    }

    void OnDone(const grpc::Status& status) override { pool_->OnEnd(status); }

   private:
    Impl* const pool_;
    const size_t index_;
    grpc::GenericStub* const stub_;
    grpc::ClientContext context_;
    grpc::ByteBuffer message_;
    std::vector<grpc::Slice> slices_;
    bool opened_ = false;
    std::atomic<uint64_t> entries_ = 0;
    std::atomic<uint64_t> messages_ = 0;
  };

  void StartNext() ABSL_LOCKS_EXCLUDED(mu_) {
    Subscriber* next = nullptr;
    {
      absl::MutexLock lock(&mu_);
      if (cancelled_ || started_ == subscribers_.size()) return;
      next = subscribers_[started_++].get();
    }
    next->Start();
  }

  void OnOpened() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      ++opened_;
      changed_.SignalAll();
    }
    StartNext();
  }

  void Signal() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    changed_.SignalAll();
  }

  void OnNonsense() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (end_.ok()) end_ = absl::InternalError("a message is no SubscribeResponse");
    cancelled_ = true;
    for (size_t i = 0; i < started_; ++i) subscribers_[i]->Cancel();
  }

  void OnEnd(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (end_.ok()) {
      end_ = absl::UnavailableError(
          absl::StrCat("a subscription has ended: ", status.error_message()));
    }
    ++ended_;
    changed_.SignalAll();
  }

  const Options options_;
  const grpc::ByteBuffer request_;
  // A subscriber that has had so many entries signals.
  std::atomic<uint64_t> wanted_ = kNobodyWaits;
  absl::Mutex mu_;
  absl::CondVar changed_;
  size_t started_ ABSL_GUARDED_BY(mu_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mu_) = false;
  size_t opened_ ABSL_GUARDED_BY(mu_) = 0;
  size_t ended_ ABSL_GUARDED_BY(mu_) = 0;
  // Why the first one ended.
  absl::Status end_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  // Last: they call into all of the above until they are done.
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
};

RawSubscribers::RawSubscribers(Options options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
RawSubscribers::~RawSubscribers() = default;

absl::Status RawSubscribers::WaitUntilOpen(absl::Duration timeout) const {
  return impl_->WaitForMessages(timeout);
}

absl::Status RawSubscribers::WaitForEntries(uint64_t each, absl::Duration timeout) const {
  return impl_->WaitForEntries(each, timeout);
}

uint64_t RawSubscribers::entries() const { return impl_->entries(); }
uint64_t RawSubscribers::messages() const { return impl_->messages(); }
uint64_t RawSubscribers::least_entries() const { return impl_->least_entries(); }
void RawSubscribers::CancelAll() { impl_->CancelAll(); }

}  // namespace incidenthub::bench
