#include "tests/support/recording_subscriber.h"

#include <utility>

#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::testing {
namespace {

// Between two streams.
constexpr absl::Duration kReconnectDelay = absl::Milliseconds(20);

}  // namespace

class SubscriberStub {
 public:
  explicit SubscriberStub(const RecordingSubscriber::Options& options)
      : rpc(v1::IncidentService::NewStub(
            ConnectToHub(options.port, 0, options.credentials.get()))) {}
  const std::unique_ptr<v1::IncidentService::Stub> rpc;
};

RecordingSubscriber::RecordingSubscriber(Options options)
    : options_(std::move(options)), thread_([this] { Run(); }) {
  absl::MutexLock lock(&mu_);
  history_.filtered = !options_.matchers.empty();
}

RecordingSubscriber::~RecordingSubscriber() { Stop(); }

bool RecordingSubscriber::WaitFor(absl::FunctionRef<bool(const StreamHistory&)> done,
                                  absl::Duration timeout) const {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (!done(history_)) {
    if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) return done(history_);
  }
  return true;
}

bool RecordingSubscriber::WaitForSequence(uint64_t sequence, absl::Duration timeout) const {
  return WaitFor(
      [sequence](const StreamHistory& history) { return history.last_sequence >= sequence; },
      timeout);
}

bool RecordingSubscriber::WaitForSnapshot(absl::Duration timeout) const {
  return WaitFor([](const StreamHistory& history) { return history.snapshot_end_count > 0; },
                 timeout);
}

void RecordingSubscriber::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    if (context_ != nullptr) context_->TryCancel();
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

StreamHistory RecordingSubscriber::history() const {
  absl::MutexLock lock(&mu_);
  return history_;
}

void RecordingSubscriber::Run() {
  SubscriberStub stub(options_);
  while (true) {
    RunStream(&stub);
    absl::MutexLock lock(&mu_);
    if (!options_.reconnect) return;
    const absl::Time next = absl::Now() + kReconnectDelay;
    while (!stopping_ && !changed_.WaitWithDeadline(&mu_, next)) {
    }
    if (stopping_) return;
  }
}

void RecordingSubscriber::RunStream(SubscriberStub* stub) {
  v1::SubscribeRequest request;
  grpc::ClientContext context;
  // A connection is made only while somebody waits for it: a call that failed at once would leave
  // it half made for seconds.
  context.set_wait_for_ready(true);
  if (options_.credentials != nullptr) options_.credentials->AddTo(&context);
  RecordedStream stream;
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) return;
    context_ = &context;
    const std::string& token =
        history_.last_token.empty() ? options_.resume_token : history_.last_token;
    if (!token.empty()) {
      stream.start = StreamStart::kToken;
      request.set_resume_token(token);
    } else if (options_.start == StreamStart::kFromNow) {
      stream.start = StreamStart::kFromNow;
      request.mutable_from_now();
    } else {
      request.mutable_snapshot();
    }
  }
  request.mutable_heartbeat_interval()->set_seconds(
      absl::ToInt64Seconds(options_.heartbeat_interval));
  request.set_client("recording-subscriber");
  request.set_consumer(options_.consumer);
  for (const std::string& matcher : options_.matchers) request.add_matchers(matcher);
  const auto reader = stub->rpc->Subscribe(&context, request);
  v1::SubscribeResponse response;
  bool recorded = false;
  while (reader->Read(&response)) {
    absl::MutexLock lock(&mu_);
    if (stopping_) {
      context.TryCancel();
      break;
    }
    if (!std::exchange(recorded, true)) history_.streams.push_back(stream);
    history_.Add(response);
    changed_.SignalAll();
  }
  const absl::Status end = FromGrpcStatus(reader->Finish());
  absl::MutexLock lock(&mu_);
  context_ = nullptr;
  // A stream that the hub never answered is no part of the history, unless it is all there is.
  if (!recorded && !options_.reconnect) history_.streams.push_back(std::move(stream));
  if (recorded || !options_.reconnect) history_.streams.back().end = end;
  changed_.SignalAll();
}

}  // namespace incidenthub::testing
