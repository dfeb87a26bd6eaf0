#include "tests/e2e/random_run/followers.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "tests/e2e/random_run/follower_hub.h"

namespace incidenthub::testing {

RandomFollower::RandomFollower(SubscriberPlan plan, int port)
    : plan_(std::move(plan)), hub_(std::make_unique<Hub>(port)) {
  absl::MutexLock lock(&mu_);
  history_.filtered = plan_.filter != 0;
}

RandomFollower::~RandomFollower() = default;

void RandomFollower::StartThread(std::function<void()> run) {
  thread_ = std::thread(std::move(run));
}

void RandomFollower::Settle() {
  absl::MutexLock lock(&mu_);
  settling_ = true;
  changed_.SignalAll();
}

bool RandomFollower::WaitFor(const std::function<bool()>& done, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::MutexLock lock(&mu_);
  while (!done()) {
    if (changed_.WaitWithDeadline(&mu_, deadline) && absl::Now() >= deadline) return done();
  }
  return true;
}

bool RandomFollower::WaitUntilHolds(const IncidentSequences& expected, absl::Duration timeout) {
  return WaitFor([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return held_.Equals(expected); }, timeout);
}

void RandomFollower::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    for (grpc::ClientContext* context : contexts_) context->TryCancel();
    changed_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

StreamHistory RandomFollower::history() const {
  absl::MutexLock lock(&mu_);
  return history_;
}

HeldSet RandomFollower::held() const {
  absl::MutexLock lock(&mu_);
  return held_;
}

std::vector<FollowerStep> RandomFollower::steps() const {
  absl::MutexLock lock(&mu_);
  return steps_;
}

CommitCounts RandomFollower::counts() const {
  absl::MutexLock lock(&mu_);
  return counts_;
}

bool RandomFollower::Pause(absl::Duration duration) {
  const absl::Time next = absl::Now() + duration;
  absl::MutexLock lock(&mu_);
  while (!stopping_ && !settling_ && absl::Now() < next) changed_.WaitWithDeadline(&mu_, next);
  return !stopping_;
}

v1::SubscribeRequest RandomFollower::MakeRequest(const RecordedStream& stream) const {
  v1::SubscribeRequest request;
  request.set_mode(stream.latest_only ? v1::SubscribeRequest::MODE_LATEST_ONLY
                                      : v1::SubscribeRequest::MODE_EVERY_EVENT);
  request.set_require_history(stream.require_history);
  request.mutable_heartbeat_interval()->set_seconds(1);
  request.set_client(plan_.name);
  for (const std::string& matcher : Filters()[plan_.filter].matchers) request.add_matchers(matcher);
  return request;
}

void RandomFollower::AddContext(grpc::ClientContext* context, bool probes) {
  absl::MutexLock lock(&mu_);
  contexts_.push_back(context);
  if (stopping_ && !probes) context->TryCancel();
}

void RandomFollower::RemoveContext(grpc::ClientContext* context) {
  contexts_.erase(std::remove(contexts_.begin(), contexts_.end(), context), contexts_.end());
}

void RandomFollower::Record(const v1::SubscribeResponse& response) {
  history_.Add(response);
  const RecordedMessage& message = history_.streams.back().messages.back();
  tokens_.push_back(message.token);
  held_.Apply(message, plan_.start);
}

size_t RandomFollower::EndOfTokens() const {
  size_t end = tokens_.size();
  while (end > 0 && tokens_[end - 1].empty()) --end;
  return end;
}

}  // namespace incidenthub::testing
