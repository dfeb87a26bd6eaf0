#include "server/rpc/subscribe_reactor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "common/strings.h"
#include "grpcpp/server_context.h"
#include "server/rpc/subscribe_messages.h"

namespace incidenthub {
namespace {

using Kind = Subscription::Outgoing::Kind;

// How long a stream waits for its hub to come up to its token.
constexpr absl::Duration kAwaitTokenMax = absl::Seconds(5);

absl::Status ShuttingDown() {
  return WithRetryDelay(
      ReasonError("SHUTTING_DOWN",
                  "the hub is shutting down; resume with the newest token you handled"),
      absl::Seconds(1));
}

// Whether a stream may well end so: what is wrong with the hub has no reason, or was said before.
bool IsExpected(const absl::Status& status) {
  return status.ok() || absl::IsCancelled(status) || !ErrorReason(status).empty();
}

absl::Status ClientGone() { return absl::CancelledError("the client is gone"); }

absl::Status BehindToken() {
  return WithRetryDelay(
      ReasonError("HUB_BEHIND_TOKEN",
                  "the hub has not come as far as the resume_token yet; resume with it again"),
      absl::Seconds(1));
}

}  // namespace

SubscribeReactor::SubscribeReactor(const Environment& environment,
                                   grpc::CallbackServerContext* context, Parameters parameters)
    : environment_(environment), context_(context), parameters_(std::move(parameters)) {
  if (parameters_.consumer.empty()) {
    subscription_.emplace(environment_.source, environment_.generations, parameters_.start,
                          parameters_.options);
  } else {
    consumer_ = std::make_unique<ConsumerStream>(environment_.consumers, parameters_.consumer,
                                                 ConsumerUser{parameters_.caller.principal});
  }
}

SubscribeReactor* SubscribeReactor::Start(const Environment& environment,
                                          grpc::CallbackServerContext* context,
                                          Parameters parameters) {
  const bool is_consumer = !parameters.consumer.empty();
  static RepeatedLine lines(kOfCallers);
  if (const auto left_out = lines.Next()) {
    Log(LogLevel::kInfo, "subscription opened",
        {{"client", parameters.label.client},
         {"peer", parameters.label.peer},
         {"consumer", parameters.consumer},
         {"matchers", Echo(absl::StrJoin(parameters.options.matchers->canonical(), " "))},
         {"latest_only", parameters.options.latest_only},
         {"more_before", *left_out}});
  }
  const std::shared_ptr<SubscribeReactor> reactor(
      new SubscribeReactor(environment, context, std::move(parameters)));
  LiveSubscriptions::Registration live;
  if (!is_consumer) live = environment.live->Add(reactor);
  {
    absl::MutexLock lock(&reactor->mu_);
    reactor->self_ = reactor;
    const absl::Time now = absl::Now();
    reactor->heartbeat_due_ = now + reactor->parameters_.heartbeat_interval;
    // Spread, so that streams which were opened together do not all end together.
    absl::BitGen random;
    if (!is_consumer && reactor->subscription_->awaiting()) {
      reactor->await_due_ = now + kAwaitTokenMax;
    }
    reactor->rotation_due_ = now + environment.max_stream_age * absl::Uniform(random, 0.9, 1.1);
    reactor->registration_ = environment.broadcaster->Add(reactor);
    reactor->live_ = std::move(live);
    reactor->pumping_ = is_consumer;
    reactor->holds_ = is_consumer ? 1 : 0;
  }
  if (is_consumer) {
    reactor->StartSendInitialMetadata();
  } else {
    reactor->PumpIfIdle();
  }
  return reactor.get();
}

void SubscribeReactor::OnSendInitialMetadataDone(bool ok) {
  if (ok) {
    environment_.read_pool->Post([self = shared_from_this()] { self->OpenConsumer(); });
  } else {
    FinishOnce(ClientGone());
    ReleaseCall();
  }
}

void SubscribeReactor::OpenConsumer() {
  const absl::Status status = TryOpenConsumer();
  if (!status.ok()) FinishOnce(status);
  ReleaseCall();
  if (status.ok()) Pump(/*may_read_store=*/true);
}

absl::Status SubscribeReactor::TryOpenConsumer() {
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return finish_status_;
  }
  const absl::Time now = absl::Now();
  ASSIGN_OR_RETURN(
      const Subscription::Start start,
      consumer_->Begin(parameters_.start, parameters_.at_position,
                       parameters_.options.matchers->hash(), environment_.generations->current(),
                       environment_.source->head(), now));
  subscription_.emplace(environment_.source, environment_.generations, start, parameters_.options);
  subscription_->SetStream(consumer_->number(), consumer_->hash());
  LiveSubscriptions::Registration live =
      environment_.live->Add(shared_from_this(), parameters_.consumer, consumer_->number(), now);
  {
    absl::MutexLock lock(&mu_);
    // Else it leaves the list at once.
    if (!finished_) live_ = std::move(live);
    if (subscription_->awaiting()) await_due_ = now + kAwaitTokenMax;
  }
  // What happened before it was on the list found nobody to end.
  return consumer_->CheckCurrent(now);
}

void SubscribeReactor::ResetConsumer(const Subscription::Outgoing& reset) {
  const absl::Status status = consumer_->Restart(absl::Now());
  if (status.ok()) {
    subscription_->SetStream(consumer_->number(), consumer_->hash());
    Write(ToMessage(reset));
  } else {
    FinishOnce(status);
  }
  ReleaseCall();
}

void SubscribeReactor::OnPublished() { PumpIfIdle(); }

absl::Time SubscribeReactor::OnTick(absl::Time now) {
  if (const absl::Status status =
          environment_.gate->AdmitAgain(Rpc::kSubscribe, parameters_.caller);
      !status.ok()) {
    // As one that is taken over: nothing more is sent, and what is being sent goes first.
    Supersede(status);
    EndSuperseded();
  }
  bool pump = false;
  bool stuck = false;
  absl::Time next;
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return absl::InfiniteFuture();
    stuck = write_in_flight_ && now - write_started_ >= environment_.stuck_write_timeout;
    if (stuck) {
      ++holds_;
      // Once is enough.
      write_started_ = absl::InfiniteFuture();
    }
    if (now >= rotation_due_ && !draining_) draining_ = rotating_ = true;
    pump = now >= heartbeat_due_ || now >= await_due_ || rotating_;
    next = std::min(now >= heartbeat_due_ ? now + parameters_.heartbeat_interval : heartbeat_due_,
                    now + environment_.stuck_write_timeout);
    if (now < await_due_) next = std::min(next, await_due_);
    if (!draining_) next = std::min(next, rotation_due_);
  }
  if (stuck) {
    CancelStuck();
  } else if (pump) {
    PumpIfIdle();
  }
  return next;
}

void SubscribeReactor::CancelStuck() {
  environment_.stuck_writes->fetch_add(1, std::memory_order_relaxed);
  static RepeatedLine lines(kOfCallers);
  if (const auto left_out = lines.Next()) {
    Log(LogLevel::kWarning, "subscription cancelled: its client does not read",
        {{"client", parameters_.label.client},
         {"peer", parameters_.label.peer},
         {"stuck_write_timeout", environment_.stuck_write_timeout},
         {"more_before", *left_out}});
  }
  // A status would have to wait behind the message that is stuck.
  context_->TryCancel();
  ReleaseCall();
}

bool SubscribeReactor::HoldCall() {
  absl::MutexLock lock(&mu_);
  if (finished_) return false;
  ++holds_;
  return true;
}

void SubscribeReactor::ReleaseCall() {
  absl::Status status;
  {
    absl::MutexLock lock(&mu_);
    if (--holds_ > 0 || !finished_) return;
    status = finish_status_;
  }
  Finish(ToGrpcStatus(status));
}

SubscribeReactor::Description SubscribeReactor::Describe(absl::Time now) const {
  Description description;
  description.label = parameters_.label;
  description.matchers = parameters_.options.matchers;
  absl::MutexLock lock(&mu_);
  description.sent = sent_;
  // In the infinite future: it is being cancelled for that.
  const bool stalled = write_in_flight_ && (now - write_started_ >= kStalledAfter ||
                                            write_started_ == absl::InfiniteFuture());
  if (stalled) {
    description.state = State::kStalled;
  } else {
    description.state = caught_up_ ? State::kLive : State::kCatchingUp;
  }
  return description;
}

void SubscribeReactor::Supersede(const absl::Status& why) {
  absl::MutexLock lock(&mu_);
  if (superseded_.ok()) superseded_ = why;
}

void SubscribeReactor::EndSuperseded() {
  absl::Status why;
  {
    absl::MutexLock lock(&mu_);
    if (pumping_ || write_in_flight_) {
      look_again_ = true;
      return;
    }
    why = superseded_;
  }
  FinishOnce(why);
}

void SubscribeReactor::OnDrain() {
  {
    absl::MutexLock lock(&mu_);
    rotating_ = false;
    if (draining_) return;
    draining_ = true;
  }
  PumpIfIdle();
}

void SubscribeReactor::PumpIfIdle() {
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return;
    if (pumping_ || write_in_flight_) {
      look_again_ = true;
      return;
    }
    pumping_ = true;
  }
  Pump(/*may_read_store=*/false);
}

SubscribeReactor::Idle SubscribeReactor::AtEnd() {
  absl::MutexLock lock(&mu_);
  if (look_again_) {
    look_again_ = false;
    return Idle::kLookAgain;
  }
  if (await_due_ != absl::InfiniteFuture()) {
    if (!subscription_->awaiting()) {
      await_due_ = absl::InfiniteFuture();
    } else if (absl::Now() >= await_due_) {
      return Idle::kGiveUp;
    }
  }
  if (!finished_ && absl::Now() >= heartbeat_due_) return Idle::kHeartbeat;
  pumping_ = false;
  caught_up_ = true;
  return Idle::kWait;
}

void SubscribeReactor::Pump(bool may_read_store) {
  while (true) {
    bool drain = false;
    absl::Status superseded;
    {
      absl::MutexLock lock(&mu_);
      if (finished_) return;
      look_again_ = false;
      if (may_read_store) caught_up_ = false;
      superseded = superseded_;
      // `opened` is first in any case, also on a stream that begins as the hub stops.
      drain = draining_sent_ = draining_ && opened_;
      opened_ = true;
    }
    if (!superseded.ok()) return FinishOnce(superseded);
    if (drain) return Write(EncodeDraining());
    absl::StatusOr<Subscription::Outgoing> outgoing = subscription_->Next(may_read_store);
    if (!outgoing.ok()) return FinishOnce(outgoing.status());
    switch (outgoing->kind) {
      case Kind::kNothing:
        switch (AtEnd()) {
          case Idle::kWait:
            return;
          case Idle::kHeartbeat:
            return Write(EncodeHeartbeat(*subscription_));
          case Idle::kLookAgain:
            continue;
          case Idle::kGiveUp:
            return FinishOnce(BehindToken());
        }
        break;
      case Kind::kNeedsStore:
        return environment_.read_pool->Post(
            [self = shared_from_this()] { self->Pump(/*may_read_store=*/true); });
      case Kind::kSkipped:
        return YieldPump();
      case Kind::kReset:
        if (consumer_ == nullptr) return Write(ToMessage(*outgoing));
        if (!HoldCall()) return;
        return environment_.read_pool->Post(
            [self = shared_from_this(), reset = *std::move(outgoing)] {
              self->ResetConsumer(reset);
            });
      default:
        ObserveAge(*outgoing);
        return Write(ToMessage(*outgoing));
    }
  }
}

void SubscribeReactor::YieldPump() {
  bool heartbeat = false;
  {
    absl::MutexLock lock(&mu_);
    heartbeat = absl::Now() >= heartbeat_due_;
  }
  if (heartbeat) return Write(EncodeHeartbeat(*subscription_));
  environment_.read_pool->Post(
      [self = shared_from_this()] { self->Pump(/*may_read_store=*/true); });
}

void SubscribeReactor::Write(grpc::ByteBuffer message) {
  absl::Status superseded;
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return;
    superseded = superseded_;
    if (superseded.ok()) {
      pumping_ = false;
      write_in_flight_ = true;
      write_started_ = absl::Now();
      heartbeat_due_ = write_started_ + parameters_.heartbeat_interval;
      sent_ = subscription_->position();
      message_.Swap(&message);
      return StartWrite(&message_);
    }
  }
  FinishOnce(superseded);
}

grpc::ByteBuffer SubscribeReactor::ToMessage(const Subscription::Outgoing& outgoing) const {
  return EncodeOutgoing(*subscription_, outgoing, environment_.source->floor(),
                        parameters_.heartbeat_interval);
}

void SubscribeReactor::ObserveAge(const Subscription::Outgoing& outgoing) const {
  if (environment_.delivered_age == nullptr || outgoing.entries.empty()) return;
  const absl::Time committed = outgoing.entries.back().event.committed;
  if (committed == absl::InfinitePast()) return;
  environment_.delivered_age->Observe(absl::Now() - committed);
}

void SubscribeReactor::OnWriteDone(bool ok) {
  if (!ok) return FinishOnce(ClientGone());
  bool last = false;
  bool rotating = false;
  absl::Status superseded;
  {
    absl::MutexLock lock(&mu_);
    write_in_flight_ = false;
    superseded = superseded_;
    last = draining_sent_;
    rotating = rotating_;
    // What ends below is not pumped meanwhile: `draining` is sent once.
    pumping_ = last || !superseded.ok();
  }
  if (!superseded.ok()) return FinishOnce(superseded);
  if (last) return FinishOnce(rotating ? absl::OkStatus() : ShuttingDown());
  PumpIfIdle();
}

void SubscribeReactor::OnCancel() { FinishOnce(ClientGone()); }

void SubscribeReactor::FinishOnce(const absl::Status& status) {
  bool must_wait = false;
  {
    // Off the lists before OnDone, after which the lists themselves may go.
    Broadcaster::Registration gone;
    LiveSubscriptions::Registration gone_live;
    absl::MutexLock lock(&mu_);
    if (finished_) return;
    finished_ = true;
    gone = std::move(registration_);
    gone_live = std::move(live_);
    finish_status_ = status;
    must_wait = holds_ > 0;
  }
  static RepeatedLine lines(kOfCallers);
  if (const auto left_out = lines.Next()) {
    Log(IsExpected(status) ? LogLevel::kInfo : LogLevel::kError, "subscription ended",
        {{"client", parameters_.label.client},
         {"peer", parameters_.label.peer},
         {"consumer", parameters_.consumer},
         {"status", status},
         {"more_before", *left_out}});
  }
  if (must_wait) return;
  // Last, and without the lock: OnDone may run at once, on another thread.
  Finish(ToGrpcStatus(status));
}

void SubscribeReactor::OnDone() {
  environment_.open_streams->fetch_sub(1);
  std::shared_ptr<SubscribeReactor> self;
  {
    absl::MutexLock lock(&mu_);
    self = std::move(self_);
  }
}

}  // namespace incidenthub
