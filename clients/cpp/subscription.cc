#include "clients/cpp/subscription.h"

#include <algorithm>
#include <utility>

#include "clients/cpp/hub_stub.h"
#include "clients/cpp/subscribe_stream.h"
#include "common/error_details.h"

namespace incidenthub::client {
namespace {

absl::Duration FromProto(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

void ToProto(absl::Duration duration, google::protobuf::Duration* proto) {
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

// Nothing that a hub says makes a client wait for ever, or spin.
absl::Duration BoundedDelay(absl::Duration delay) {
  return std::clamp(delay, absl::ZeroDuration(), kServerDelayMax);
}

template <typename... Parameters, typename... Arguments>
void Call(const std::function<void(Parameters...)>& callback, const Arguments&... arguments) {
  if (callback) callback(arguments...);
}

}  // namespace

SubscriptionStart SubscriptionStart::Snapshot() {
  SubscriptionStart start;
  start.snapshot_ = true;
  return start;
}

SubscriptionStart SubscriptionStart::FromNow() {
  SubscriptionStart start;
  start.from_now_ = true;
  return start;
}

SubscriptionStart SubscriptionStart::AfterToken(std::string resume_token) {
  SubscriptionStart start;
  start.resume_token_ = std::move(resume_token);
  return start;
}

void SubscriptionStart::Fill(v1::SubscribeRequest* request) const {
  if (!resume_token_.empty()) {
    request->set_resume_token(resume_token_);
  } else if (from_now_) {
    request->mutable_from_now();
  } else if (snapshot_ || request->consumer().empty()) {
    request->mutable_snapshot();
  }
}

bool IsRetryable(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
    // Not by us, so by a proxy or a hub that is going away.
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    // What proxies make of a connection that broke.
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnavailable:
      return true;
    default:
      return false;
  }
}

Subscription::Subscription(std::shared_ptr<HubStub> stub, SubscriptionOptions options,
                           SubscriptionHandler handler)
    : stub_(std::move(stub)),
      options_(std::move(options)),
      handler_(std::move(handler)),
      backoff_(options_.backoff, options_.random),
      resume_token_(options_.start.resume_token()) {}

Subscription::~Subscription() = default;

absl::Status Subscription::Run() {
  for (;;) {
    StreamState state;
    state.silence_max = options_.open_timeout;
    absl::Status status = RunStream(&state);
    if (stopped()) return absl::OkStatus();
    if (!IsRetryable(status.code())) return status;
    const absl::Duration delay = ReconnectDelay(status, state);
    Call(handler_.on_disconnect, status, delay);
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&stopped_), delay)) return absl::OkStatus();
  }
}

void Subscription::Stop() {
  absl::MutexLock lock(&mu_);
  stopped_ = true;
  if (stream_ != nullptr) stream_->Cancel();
}

std::string Subscription::resume_token() const {
  absl::MutexLock lock(&mu_);
  return resume_token_;
}

bool Subscription::stopped() const {
  absl::MutexLock lock(&mu_);
  return stopped_;
}

v1::SubscribeRequest Subscription::MakeRequest() const {
  v1::SubscribeRequest request;
  request.set_consumer(options_.consumer);
  options_.start.Fill(&request);
  if (std::string token = resume_token(); !token.empty()) {
    request.set_resume_token(std::move(token));
  }
  ToProto(options_.heartbeat_interval, request.mutable_heartbeat_interval());
  request.set_client(options_.client);
  for (const std::string& matcher : options_.matchers) request.add_matchers(matcher);
  request.set_mode(options_.mode);
  request.set_require_history(options_.require_history);
  return request;
}

absl::Status Subscription::RunStream(StreamState* state) {
  SubscribeStream stream(stub_.get(), MakeRequest());
  {
    absl::MutexLock lock(&mu_);
    if (stopped_) return absl::OkStatus();
    stream_ = &stream;
  }
  v1::SubscribeResponse response;
  while (stream.Read(state->silence_max, &response)) {
    if (!Handle(response, state)) {
      stream.Cancel();
      break;
    }
  }
  absl::Status status = stream.Finish();
  absl::MutexLock lock(&mu_);
  stream_ = nullptr;
  return status;
}

bool Subscription::Handle(const v1::SubscribeResponse& response, StreamState* state) {
  if (stopped()) return false;
  const Position position{response.resume_token(), response.head_sequence()};
  switch (response.message_case()) {
    case v1::SubscribeResponse::kOpened: {
      const absl::Duration interval = FromProto(response.opened().heartbeat_interval());
      state->silence_max = kSilentIntervalsMax * (interval > absl::ZeroDuration()
                                                      ? std::min(interval, kHeartbeatIntervalMax)
                                                      : options_.heartbeat_interval);
      Call(handler_.on_opened, response.opened(), position);
      break;
    }
    case v1::SubscribeResponse::kBatch:
      if (!HandleBatch(response)) return false;
      break;
    case v1::SubscribeResponse::kSnapshotEnd:
      Call(handler_.on_snapshot_end, response.snapshot_end().sequence(), position);
      break;
    case v1::SubscribeResponse::kHeartbeat:
      Call(handler_.on_heartbeat, position);
      break;
    case v1::SubscribeResponse::kReset:
      Call(handler_.on_reset, response.reset().reason(), position);
      break;
    case v1::SubscribeResponse::kCompacted:
      Call(handler_.on_compacted, response.compacted(), position);
      break;
    case v1::SubscribeResponse::kDraining:
      state->draining = true;
      state->drain_delay = BoundedDelay(FromProto(response.draining().reconnect_delay()));
      break;
    case v1::SubscribeResponse::MESSAGE_NOT_SET:
      // A kind that this client is too old to know; its token still counts.
      break;
  }
  // A hub that opens streams only to end them is in trouble; one that has got as far as this is
  // not.
  if (response.has_batch() || response.has_snapshot_end() || response.has_heartbeat()) {
    backoff_.Reset();
  }
  if (!response.resume_token().empty()) {
    absl::MutexLock lock(&mu_);
    resume_token_ = response.resume_token();
  }
  return true;
}

bool Subscription::HandleBatch(const v1::SubscribeResponse& response) {
  Position position{resume_token(), response.head_sequence()};
  const int count = response.batch().entries_size();
  for (int i = 0; i < count; ++i) {
    if (i > 0 && stopped()) return false;
    if (i == count - 1) position.resume_token = response.resume_token();
    Call(handler_.on_entry, response.batch().entries(i), position);
  }
  return true;
}

absl::Duration Subscription::ReconnectDelay(const absl::Status& status, const StreamState& state) {
  // The hub spreads this over its clients, so that nothing is added.
  if (state.draining) return state.drain_delay;
  return BoundedDelay(RetryDelay(status, absl::ZeroDuration())) + backoff_.Next();
}

}  // namespace incidenthub::client
