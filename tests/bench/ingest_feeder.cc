#include "tests/bench/ingest_feeder.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/client_callback.h"
#include "tests/bench/wire_walk.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::bench {
namespace {

constexpr char kMethod[] = "/incidenthub.v1.IngestService/Ingest";
constexpr absl::Duration kLastReceiptsTime = absl::Seconds(30);
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

}  // namespace

size_t FeedWindow(size_t subscribers) {
  constexpr size_t kFullWindowSubscribers = 64;
  const size_t shared = kFeedWindow * kFullWindowSubscribers / std::max<size_t>(subscribers, 1);
  return std::clamp(shared / kFeedBatch * kFeedBatch, 2 * kFeedBatch, kFeedWindow);
}

class IngestFeeder::Stream final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(int port, const DeliveryTemplate* deliveries, uint64_t first)
      : deliveries_(deliveries), first_(first), stub_(testing::ConnectToHub(port)) {
    stub_.PrepareBidiStreamingCall(&context_, kMethod, {}, this);
  }

  void Begin(size_t subscribers, std::function<uint64_t()> delivered) ABSL_LOCKS_EXCLUDED(mu_) {
    // Writes begin on other threads: the call must not be over before End().
    AddHold();
    StartRead(&response_);
    {
      absl::MutexLock lock(&mu_);
      begun_ = true;
      window_ = FeedWindow(subscribers);
      delivered_ = std::move(delivered);
      WriteIfRoom();
    }
    StartCall();
  }

  void OnDelivered(uint64_t before, uint64_t after) ABSL_LOCKS_EXCLUDED(mu_) {
    const uint64_t wanted = wanted_;
    if (before >= wanted || after < wanted) return;
    absl::MutexLock lock(&mu_);
    WriteIfRoom();
  }

  uint64_t receipts() const { return receipts_; }

  absl::Status Stop(uint64_t* sent) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    const absl::Time deadline = absl::Now() + kLastReceiptsTime;
    stopping_ = true;
    while (!broken_ && (write_in_flight_ || receipts_ < sent_)) {
      if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) {
        return absl::DeadlineExceededError("receipts are missing");
      }
    }
    *sent = sent_;
    if (broken_) return absl::UnavailableError("the Ingest stream has ended");
    if (accepted_ < sent_) {
      return absl::InternalError(
          absl::StrCat("of ", sent_, " deliveries only ", accepted_, " were accepted"));
    }
    return absl::OkStatus();
  }

  // Nothing is called after it.
  void End() ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      if (!begun_) return;
      stopping_ = true;
    }
    context_.TryCancel();
    RemoveHold();
    absl::MutexLock lock(&mu_);
    while (!done_) changed_.Wait(&mu_);
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mu_);
    write_in_flight_ = false;
    broken_ |= !ok;
    if (ok) WriteIfRoom();
    changed_.SignalAll();
  }

  void OnReadDone(bool ok) override {
    const std::optional<Receipts> got =
        ok ? CountReceipts(Flat(response_)) : std::optional<Receipts>();
    absl::MutexLock lock(&mu_);
    if (!got.has_value()) {
      broken_ = true;
      changed_.SignalAll();
      return context_.TryCancel();
    }
    receipts_ += got->all;
    accepted_ += got->accepted;
    WriteIfRoom();
    changed_.SignalAll();
    StartRead(&response_);
  }

  void OnDone(const grpc::Status&) override {
    absl::MutexLock lock(&mu_);
    done_ = true;
    changed_.SignalAll();
  }

 private:
  void WriteIfRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (stopping_ || write_in_flight_ || sent_ + kFeedBatch > receipts_ + window_) return;
    if (delivered_ && sent_ + kFeedBatch > window_) {
      // Whoever gets there after this calls; whoever was there before is seen.
      wanted_ = sent_ + kFeedBatch - window_;
      if (delivered_() < wanted_) return;
      wanted_ = kNever;
    }
    message_ = deliveries_->Request(first_ + sent_, kFeedBatch);
    sent_ += kFeedBatch;
    write_in_flight_ = true;
    StartWrite(&message_);
  }

  const DeliveryTemplate* const deliveries_;
  const uint64_t first_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  // What the subscribers must have had before the next request; kNever: not waited for.
  std::atomic<uint64_t> wanted_ = kNever;
  std::atomic<uint64_t> receipts_ = 0;

  absl::Mutex mu_;
  absl::CondVar changed_;
  grpc::ByteBuffer message_;
  grpc::ByteBuffer response_;
  std::function<uint64_t()> delivered_ ABSL_GUARDED_BY(mu_);
  bool begun_ ABSL_GUARDED_BY(mu_) = false;
  size_t window_ ABSL_GUARDED_BY(mu_) = kFeedWindow;
  uint64_t sent_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t accepted_ ABSL_GUARDED_BY(mu_) = 0;
  bool write_in_flight_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // It takes no more, and says no more.
  bool broken_ ABSL_GUARDED_BY(mu_) = false;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
};

IngestFeeder::IngestFeeder(int port, const DeliveryTemplate* deliveries, uint64_t first)
    : stream_(std::make_unique<Stream>(port, deliveries, first)) {}
IngestFeeder::~IngestFeeder() { stream_->End(); }

void IngestFeeder::Begin(size_t subscribers, std::function<uint64_t()> delivered) {
  stream_->Begin(subscribers, std::move(delivered));
}

void IngestFeeder::OnDelivered(uint64_t before, uint64_t after) {
  stream_->OnDelivered(before, after);
}
uint64_t IngestFeeder::receipts() const { return stream_->receipts(); }
absl::Status IngestFeeder::Stop(uint64_t* sent) { return stream_->Stop(sent); }

}  // namespace incidenthub::bench
