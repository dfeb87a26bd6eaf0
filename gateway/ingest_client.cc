#include "gateway/ingest_client.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "gateway/ingest_stream.h"

namespace incidenthub::gateway {
namespace {

// Lines about streams that come and go: this many at once, then one an interval.
constexpr RepeatedLineRate kStreamLines{10, absl::Seconds(10)};
// A stream that was up this long ended for a reason of its own: the next try is immediate.
constexpr absl::Duration kStreamSettled = absl::Seconds(1);
constexpr absl::Duration kReconnectDelayFirst = absl::Milliseconds(25);
// Small messages cost both sides more than they save in time. So while the hub has this many
// deliveries in hand, what comes waits until it is as many, or until receipts come, or for
// kGatherTimeMax, should they not: two messages take turns, one being gathered while the other is
// committed.
constexpr size_t kSentEagerly = 8;
constexpr absl::Duration kGatherTimeMax = absl::Milliseconds(5);
// Incident ids named in the line about what is lost at exit.
constexpr size_t kLoggedIdsMax = 100;

// Why a delivery that was taken has no receipt.
absl::Status HubUnavailable() {
  return ReasonError(absl::StatusCode::kUnavailable, "HUB_UNAVAILABLE",
                     "the hub cannot be reached; the delivery is kept and handed over when it is "
                     "back, and sending it again is safe");
}

absl::Status OutcomeUnknown() {
  return ReasonError(absl::StatusCode::kDeadlineExceeded, "OUTCOME_UNKNOWN",
                     "the hub has not confirmed the delivery in time; it may have been stored, "
                     "and sending it again is safe");
}

class IngestClientImpl final : public IngestClient, private IngestStream::Owner {
 public:
  IngestClientImpl(IngestClientOptions options, Metrics* metrics)
      : options_(std::move(options)),
        metrics_(*metrics),
        stub_(MakeIngestStub(options_.hub, options_.credentials.get())),
        window_(options_.window),
        down_since_(absl::Now()),
        down_cause_(absl::UnavailableError("not connected yet")),
        thread_([this] { Run(); }) {}

  ~IngestClientImpl() override { StopAndJoin(); }

  void Deliver(v1::Delivery delivery, absl::Time start, ReceiptCallback done) override
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Ready() const override ABSL_LOCKS_EXCLUDED(mu_);
  Metrics::Gauges gauges() const override ABSL_LOCKS_EXCLUDED(mu_);
  bool Drain(absl::Time deadline) override ABSL_LOCKS_EXCLUDED(mu_);
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_) { StopAndJoin(); }

 private:
  // IngestStream::Owner.
  void OnUp() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnReceipts(v1::IngestResponse* response) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mu_);
  void OnReadEnd() override ABSL_LOCKS_EXCLUDED(mu_);
  void OnDone(const absl::Status& status) override ABSL_LOCKS_EXCLUDED(mu_);

  void Run() ABSL_LOCKS_EXCLUDED(mu_);
  // One stream from its start to its end. Returns how long it was up.
  absl::Duration RunStream() ABSL_LOCKS_EXCLUDED(mu_);
  void StopAndJoin() ABSL_LOCKS_EXCLUDED(mu_);

  // The part of Deliver() that is under the lock; `*done` is moved from if OK.
  absl::Status Take(EncodedDelivery delivery, absl::Time start, ReceiptCallback* done,
                    std::vector<LostDelivery>* lost, IngestStream** claimed, std::string* message)
      ABSL_LOCKS_EXCLUDED(mu_);
  // Of the thread: sleeps until `time` or until it is woken, and tells those whose time is up.
  void SleepUntil(absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<SettledDelivery> GiveUpOverdue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // If the stream can take a message and there is something to send: joins it into `*message` and
  // returns the stream; the caller must then Send() it, after it has let go of the lock.
  IngestStream* ClaimWrite(std::string* message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Sends what waits, if nothing is being sent.
  void Kick() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether what waits shall become more before it is sent.
  bool Gathers(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // When the thread must Kick() because nobody else will.
  absl::Time NextKickTime() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  void Report(DropCause cause, const std::vector<LostDelivery>& lost);
  bool WindowEmpty() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return window_.empty(); }

  const IngestClientOptions options_;
  Metrics& metrics_;
  const std::unique_ptr<IngestStub> stub_;
  std::atomic<uint64_t> next_id_{1};

  mutable absl::Mutex mu_;
  // Wakes the thread: the stream is done, it must kick earlier than it knows, or it shall stop.
  absl::CondVar wake_;
  IngestWindow window_ ABSL_GUARDED_BY(mu_);
  // Null between streams; the thread owns it.
  IngestStream* stream_ ABSL_GUARDED_BY(mu_) = nullptr;
  // Of the present stream. The write is claimed under the lock and done without it.
  bool write_in_flight_ ABSL_GUARDED_BY(mu_) = false;
  bool write_failed_ ABSL_GUARDED_BY(mu_) = false;
  bool read_ended_ ABSL_GUARDED_BY(mu_) = false;
  bool stream_done_ ABSL_GUARDED_BY(mu_) = false;
  bool up_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time up_since_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  // While no stream is up: since when, and why.
  absl::Time down_since_ ABSL_GUARDED_BY(mu_);
  absl::Status down_cause_ ABSL_GUARDED_BY(mu_);
  // Whether a stream was ever up: then `down_since_` is when the last one ended.
  bool was_up_ ABSL_GUARDED_BY(mu_) = false;
  // When what waits is sent however little it is. InfiniteFuture() if nothing is being gathered.
  absl::Time gather_until_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  // What the thread sleeps until.
  absl::Time wake_time_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  RepeatedLine stream_lines_{kStreamLines};
  RepeatedLine lost_lines_{kOfCallers};

  // Last: it uses all of the above.
  std::thread thread_;
};

void IngestClientImpl::Deliver(v1::Delivery delivery, absl::Time start, ReceiptCallback done) {
  delivery.set_id(next_id_.fetch_add(1, std::memory_order_relaxed));
  EncodedDelivery encoded = EncodeDelivery(delivery);
  std::vector<LostDelivery> lost;
  std::string message;
  IngestStream* claimed = nullptr;
  const absl::Status taken = Take(std::move(encoded), start, &done, &lost, &claimed, &message);
  if (!taken.ok()) return done(taken);
  if (claimed != nullptr) claimed->Send(std::move(message));
  Report(DropCause::kPushedOut, lost);
}

absl::Status IngestClientImpl::Take(EncodedDelivery delivery, absl::Time start,
                                    ReceiptCallback* done, std::vector<LostDelivery>* lost,
                                    IngestStream** claimed, std::string* message) {
  if (delivery.wire.size() > kRequestBytesMax) {
    return ReasonError(
        absl::StatusCode::kInvalidArgument, "EVENT_TOO_LARGE",
        absl::StrCat("the delivery is larger than ", kRequestBytesMax, " bytes when encoded"));
  }
  const absl::Time deadline = start + options_.hold;
  absl::MutexLock lock(&mu_);
  if (stopping_) {
    return ReasonError(absl::StatusCode::kUnavailable, "DRAINING", "the gateway is shutting down");
  }
  RETURN_IF_ERROR(window_.Add(std::move(delivery), start, deadline, done, lost));
  if (deadline < wake_time_) wake_.Signal();
  *claimed = ClaimWrite(message);
  return absl::OkStatus();
}

std::vector<SettledDelivery> IngestClientImpl::GiveUpOverdue(absl::Time now) {
  std::vector<SettledDelivery> settled;
  while (true) {
    const IngestWindow::Awaited next = window_.NextDeadline();
    if (next.deadline > now) return settled;
    const absl::Time last = next.start + options_.answer_timeout;
    const bool is_hold = next.deadline < last;
    absl::Status error = window_.Rejection(next.id);
    if (is_hold && error.ok() && (up_ || (was_up_ && down_since_ > next.start))) {
      // The hub is, or was, there to take it: its receipt may still come.
      window_.SetDeadline(next.id, last);
      continue;
    }
    if (error.ok()) error = is_hold ? HubUnavailable() : OutcomeUnknown();
    window_.Abandon(next.id, std::move(error), &settled);
  }
}

void IngestClientImpl::SleepUntil(absl::Time time) {
  wake_time_ = std::min(time, window_.NextDeadline().deadline);
  wake_.WaitWithDeadline(&mu_, wake_time_);
  // Nobody needs to wake a thread that is awake, and looks again before it sleeps.
  wake_time_ = absl::InfinitePast();
  std::vector<SettledDelivery> settled = GiveUpOverdue(absl::Now());
  if (settled.empty()) return;
  mu_.Unlock();
  TellAll(std::move(settled));
  mu_.Lock();
}

IngestStream* IngestClientImpl::ClaimWrite(std::string* message) {
  if (stream_ == nullptr || write_in_flight_ || write_failed_ || read_ended_) return nullptr;
  const absl::Time now = absl::Now();
  const bool gathers = Gathers(now);
  size_t resent = 0;
  if (!gathers) resent = window_.NextRequest(now, message);
  if (message->empty()) {
    if (NextKickTime() < wake_time_) wake_.Signal();
    return nullptr;
  }
  if (resent > 0) metrics_.Resent(resent);
  write_in_flight_ = true;
  return stream_;
}

bool IngestClientImpl::Gathers(absl::Time now) {
  const bool enough = window_.sent() < kSentEagerly || window_.unsent() >= window_.sent() ||
                      window_.unsent() >= kDeliveriesPerRequestMax;
  if (enough || now >= gather_until_ || window_.unsent() == 0) {
    gather_until_ = absl::InfiniteFuture();
    return false;
  }
  gather_until_ = std::min(gather_until_, now + kGatherTimeMax);
  return true;
}

absl::Time IngestClientImpl::NextKickTime() const {
  // The end of a write looks after what is due by then.
  if (write_in_flight_ || write_failed_ || read_ended_) return absl::InfiniteFuture();
  // Retries that are due go along with what is gathered.
  if (gather_until_ < absl::InfiniteFuture()) return gather_until_;
  // Under load something is gathered again and again: looking after it now and then is cheaper than
  // being woken each time.
  const absl::Time look =
      window_.sent() >= kSentEagerly ? absl::Now() + kGatherTimeMax : absl::InfiniteFuture();
  return std::min(look, window_.NextRetryTime());
}

void IngestClientImpl::Kick() {
  std::string message;
  IngestStream* claimed = nullptr;
  {
    absl::MutexLock lock(&mu_);
    claimed = ClaimWrite(&message);
  }
  if (claimed != nullptr) claimed->Send(std::move(message));
}

void IngestClientImpl::OnUp() {
  absl::MutexLock lock(&mu_);
  up_ = true;
  was_up_ = true;
  up_since_ = absl::Now();
  metrics_.StreamOpened();
  if (const auto left_out = stream_lines_.Next()) {
    Log(LogLevel::kInfo, "stream to the hub is up",
        {{"hub", options_.hub},
         {"down", up_since_ - down_since_},
         {"window", window_.size()},
         {"more_before", *left_out}});
  }
}

void IngestClientImpl::OnReceipts(v1::IngestResponse* response) {
  std::vector<SettledDelivery> settled;
  std::vector<LostDelivery> lost;
  std::string message;
  IngestStream* claimed = nullptr;
  {
    absl::MutexLock lock(&mu_);
    const absl::Time now = absl::Now();
    for (v1::Receipt& receipt : *response->mutable_receipts()) {
      window_.OnReceipt(std::move(receipt), now, &settled, &lost);
    }
    claimed = ClaimWrite(&message);
  }
  if (claimed != nullptr) claimed->Send(std::move(message));
  TellAll(std::move(settled));
  Report(DropCause::kRejected, lost);
}

void IngestClientImpl::OnWriteDone(bool ok) {
  std::string message;
  IngestStream* claimed = nullptr;
  IngestStream* released = nullptr;
  {
    absl::MutexLock lock(&mu_);
    write_in_flight_ = false;
    write_failed_ = !ok;
    if (read_ended_) {
      released = stream_;
    } else {
      claimed = ClaimWrite(&message);
    }
  }
  if (claimed != nullptr) claimed->Send(std::move(message));
  if (released != nullptr) released->Release();
}

void IngestClientImpl::OnReadEnd() {
  IngestStream* released = nullptr;
  {
    absl::MutexLock lock(&mu_);
    read_ended_ = true;
    if (!write_in_flight_) released = stream_;
  }
  if (released != nullptr) released->Release();
}

void IngestClientImpl::OnDone(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  if (up_) down_since_ = absl::Now();
  up_ = false;
  down_cause_ = status.ok() ? absl::UnavailableError("the hub ended the stream") : status;
  stream_done_ = true;
  wake_.Signal();
}

void IngestClientImpl::Run() {
  absl::BitGen random;
  absl::Duration delay = absl::ZeroDuration();
  while (true) {
    const absl::Duration up_for = RunStream();
    if (up_for >= kStreamSettled) {
      delay = absl::ZeroDuration();
    } else {
      delay = std::clamp(delay * 2, kReconnectDelayFirst, kReconnectDelayMax);
    }
    const absl::Time next = absl::Now() + delay * absl::Uniform(random, 0.5, 1.0);
    absl::MutexLock lock(&mu_);
    while (!stopping_ && absl::Now() < next) SleepUntil(next);
    if (stopping_) return;
  }
}

absl::Duration IngestClientImpl::RunStream() {
  IngestStream stream(stub_.get(), options_.credentials.get(), this);
  {
    absl::MutexLock lock(&mu_);
    stream_ = &stream;
    write_in_flight_ = false;
    write_failed_ = false;
    read_ended_ = false;
    stream_done_ = false;
  }
  stream.Start();
  Kick();
  absl::MutexLock lock(&mu_);
  while (!stream_done_ && !stopping_) {
    const absl::Time kick = NextKickTime();
    SleepUntil(kick);
    if (absl::Now() < kick) continue;
    mu_.Unlock();
    Kick();
    mu_.Lock();
  }
  // Without the lock, which the stream's last calls will want.
  mu_.Unlock();
  stream.Cancel();
  mu_.Lock();
  while (!stream_done_) wake_.Wait(&mu_);
  stream_ = nullptr;
  window_.OnStreamEnd();
  const bool was_up = up_since_ > absl::InfinitePast();
  const absl::Duration up_for = was_up ? down_since_ - up_since_ : absl::ZeroDuration();
  up_since_ = absl::InfinitePast();
  const auto left_out = stopping_ ? std::nullopt : stream_lines_.Next();
  if (left_out.has_value()) {
    Log(LogLevel::kWarning, was_up ? "stream to the hub ended" : "no stream to the hub",
        {{"hub", options_.hub},
         {"cause", down_cause_},
         {"window", window_.size()},
         {"more_before", *left_out}});
  }
  return up_for;
}

absl::Status IngestClientImpl::Ready() const {
  absl::MutexLock lock(&mu_);
  if (up_) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("no stream to the hub at ", options_.hub, " since ",
                   absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", down_since_, absl::UTCTimeZone()), " (",
                   down_cause_.message(), ")"));
}

Metrics::Gauges IngestClientImpl::gauges() const {
  absl::MutexLock lock(&mu_);
  return {window_.size(), window_.bytes(), up_};
}

bool IngestClientImpl::Drain(absl::Time deadline) {
  absl::MutexLock lock(&mu_);
  return mu_.AwaitWithDeadline(absl::Condition(this, &IngestClientImpl::WindowEmpty), deadline);
}

void IngestClientImpl::StopAndJoin() {
  std::vector<SettledDelivery> settled;
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return;
    stopping_ = true;
    window_.AbandonAll(ReasonError(absl::StatusCode::kUnavailable, "DRAINING",
                                   "the gateway is shutting down and the hub has not confirmed the "
                                   "delivery; sending it again is safe"),
                       &settled);
    wake_.SignalAll();
  }
  TellAll(std::move(settled));
  thread_.join();
  absl::MutexLock lock(&mu_);
  if (window_.empty()) return;
  metrics_.Dropped(DropCause::kExit, window_.size());
  Log(LogLevel::kError, "deliveries given up without a receipt: the process ends",
      {{"count", window_.size()},
       {"incident_ids", absl::StrJoin(window_.IncidentIds(kLoggedIdsMax), ",")}});
}

void IngestClientImpl::Report(DropCause cause, const std::vector<LostDelivery>& lost) {
  if (lost.empty()) return;
  metrics_.Dropped(cause, lost.size());
  for (const LostDelivery& delivery : lost) {
    if (const auto left_out = lost_lines_.Next()) {
      Log(LogLevel::kError, "delivery given up without a receipt",
          {{"incident_id", delivery.incident_id},
           {"cause", delivery.cause},
           {"trace_id", delivery.trace_id},
           {"more_before", *left_out}});
    }
  }
}

}  // namespace

std::unique_ptr<IngestClient> IngestClient::Start(IngestClientOptions options, Metrics* metrics) {
  return std::make_unique<IngestClientImpl>(std::move(options), metrics);
}

}  // namespace incidenthub::gateway
