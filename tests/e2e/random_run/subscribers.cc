#include "tests/e2e/random_run/subscribers.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "tests/e2e/random_run/follower_hub.h"
#include "tests/support/log_checks.h"
#include "tests/support/require_history_checks.h"

namespace incidenthub::testing {
namespace {

// Between two streams.
constexpr absl::Duration kReconnectDelayMax = absl::Milliseconds(300);
constexpr absl::Duration kStallMin = absl::Milliseconds(500);
constexpr absl::Duration kStallMax = absl::Seconds(4);
constexpr absl::Duration kStreamMax = absl::Seconds(15);
// Whoever looks back mostly does not look far.
constexpr size_t kFewMessages = 50;

}  // namespace

RandomSubscriber::RandomSubscriber(SubscriberPlan plan, uint64_t seed, int port, Observer observer)
    : RandomFollower(std::move(plan), port),
      observer_(std::move(observer)),
      rng_(seed, absl::StrCat("subscriber ", plan_.name)) {
  StartThread([this] { Run(); });
}

RandomSubscriber::~RandomSubscriber() { Stop(); }

bool RandomSubscriber::WaitForSequence(uint64_t sequence, absl::Duration timeout) {
  return WaitFor(
      [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return history_.last_sequence >= sequence; }, timeout);
}

bool RandomSubscriber::WaitUntilOpened(absl::Duration timeout) {
  return WaitFor([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !tokens_.empty(); }, timeout);
}

void RandomSubscriber::Run() {
  const bool follows_for_ever = plan_.messages_max == kForEver;
  std::optional<Start> start;
  while (true) {
    size_t messages = 0;
    absl::Time end;
    absl::Duration delay;
    {
      absl::MutexLock lock(&mu_);
      if (stopping_) return;
      // What was decided stands until a stream begins with it: the state has been set to match.
      if (!start.has_value()) start = ChooseStart();
      messages = 1 + rng_.Below(plan_.messages_max);
      end = absl::Now() + rng_.Between(absl::ZeroDuration(), kStreamMax);
      delay = rng_.Between(absl::ZeroDuration(), kReconnectDelayMax);
    }
    const bool recorded = RunStream(*start, absl::InfiniteFuture(), [&] {
      absl::Duration stall;
      {
        absl::MutexLock lock(&mu_);
        if (settling_ || follows_for_ever) return true;
        if (--messages == 0 || absl::Now() >= end) return false;
        if (rng_.Chance(plan_.stalls)) stall = rng_.Between(kStallMin, kStallMax);
      }
      Pause(stall);
      return true;
    });
    if (recorded) start.reset();
    if (!Pause(delay)) return;
  }
}

RandomSubscriber::Start RandomSubscriber::ChooseStart() {
  const size_t newest = EndOfTokens();
  if (refused_after_.has_value()) {
    Start start = ResumeAfter(*refused_after_, plan_.latest_only);
    start.stream.require_history = false;
    refused_after_.reset();
    return start;
  }
  if (newest == 0 || (!settling_ && rng_.Chance(plan_.starts_anew))) {
    held_ = HeldSet();
    exact_from_.reset();
    Start start;
    start.stream.start = plan_.start;
    start.stream.latest_only = plan_.alternates ? rng_.Chance(0.5) : plan_.latest_only;
    start.stream.require_history = plan_.require_history;
    return start;
  }
  if (!settling_ && rng_.Chance(plan_.goes_back)) return GoBack(newest - 1);
  return ResumeAfter(newest - 1, plan_.alternates ? rng_.Chance(0.5) : plan_.latest_only);
}

RandomSubscriber::Start RandomSubscriber::GoBack(size_t newest) {
  const bool latest_only = plan_.alternates ? rng_.Chance(0.5) : plan_.latest_only;
  const bool keeps_state = exact_from_.has_value() && rng_.Chance(0.5);
  const size_t first = keeps_state ? *exact_from_ : 0;
  const size_t far = newest - std::min(newest, first);
  size_t message =
      newest - rng_.Below(1 + (rng_.Chance(plan_.goes_far) ? far : std::min(far, kFewMessages)));
  while (tokens_[message].empty()) ++message;
  if (!keeps_state) {
    const Life life = LifeUpTo(history_, message);
    held_ = HeldAfter(life);
    const bool exact =
        life.start == StreamStart::kFromNow ||
        std::any_of(life.messages.begin(), life.messages.end(), [](const RecordedMessage* m) {
          return m->kind == v1::SubscribeResponse::kSnapshotEnd;
        });
    exact_from_.reset();
    if (exact) exact_from_ = tokens_.size();
  }
  return ResumeAfter(message, latest_only);
}

RandomSubscriber::Start RandomSubscriber::ResumeAfter(size_t message, bool latest_only) const {
  Start start;
  start.stream.start = StreamStart::kToken;
  start.stream.latest_only = latest_only;
  start.stream.resumed_after = message;
  start.stream.require_history = plan_.require_history;
  start.token = tokens_[message];
  return start;
}

void RandomSubscriber::FallBack() {
  const RecordedStream& stream = history_.streams.back();
  const bool told =
      std::any_of(stream.messages.begin(), stream.messages.end(), [](const RecordedMessage& m) {
        return m.kind == v1::SubscribeResponse::kBatch ||
               m.kind == v1::SubscribeResponse::kSnapshotEnd ||
               m.kind == v1::SubscribeResponse::kReset;
      });
  if (!told && stream.start == StreamStart::kToken) {
    // The tokens that came with the refusal are of where the missing history begins, which may be
    // behind what it holds.
    std::fill(tokens_.end() - static_cast<std::ptrdiff_t>(stream.messages.size()), tokens_.end(),
              std::string());
    refused_after_ = stream.resumed_after;
  } else if (EndOfTokens() != 0) {
    refused_after_ = EndOfTokens() - 1;
  }
}

bool RandomSubscriber::RunStream(const Start& start, absl::Time deadline,
                                 const std::function<bool()>& wants_more) {
  v1::SubscribeRequest request = MakeRequest(start.stream);
  switch (start.stream.start) {
    case StreamStart::kSnapshot:
      request.mutable_snapshot();
      break;
    case StreamStart::kFromNow:
      request.mutable_from_now();
      break;
    case StreamStart::kToken:
      request.set_resume_token(start.token);
      break;
  }
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  if (deadline != absl::InfiniteFuture()) context.set_deadline(absl::ToChronoTime(deadline));
  AddContext(&context, /*probes=*/deadline != absl::InfiniteFuture());
  const auto reader = hub_->rpc->Subscribe(&context, request);
  v1::SubscribeResponse response;
  bool recorded = false;
  while (reader->Read(&response)) {
    if (observer_ != nullptr) {
      for (const v1::Entry& entry : response.batch().entries()) observer_(entry);
    }
    {
      absl::MutexLock lock(&mu_);
      if (!std::exchange(recorded, true)) history_.streams.push_back(start.stream);
      TakeMessage(response);
      changed_.SignalAll();
    }
    if (!wants_more()) {
      context.TryCancel();
      break;
    }
  }
  const absl::Status end = FromGrpcStatus(reader->Finish());
  absl::MutexLock lock(&mu_);
  RemoveContext(&context);
  // A stream that nobody answered is part of the history if that was no accident.
  if (!recorded && !absl::IsUnavailable(end) && !absl::IsCancelled(end)) {
    history_.streams.push_back(start.stream);
    recorded = true;
  }
  if (recorded) history_.streams.back().end = end;
  if (recorded && IsRefusedHistory(end)) FallBack();
  changed_.SignalAll();
  return recorded;
}

void RandomSubscriber::TakeMessage(const v1::SubscribeResponse& response) {
  Record(response);
  const RecordedStream& stream = history_.streams.back();
  if (response.has_reset()) exact_from_.reset();
  const bool from_now = stream.start == StreamStart::kFromNow && response.has_opened();
  if (response.has_snapshot_end() || from_now) exact_from_ = tokens_.size() - 1;
}

Findings RandomSubscriber::Probe(size_t count, const IncidentSequences& expected,
                                 absl::Duration timeout) {
  Findings findings;
  for (size_t i = 0; i < count; ++i) {
    Start start;
    bool stays = false;
    {
      absl::MutexLock lock(&mu_);
      if (tokens_.empty()) return findings;
      const size_t message = rng_.Below(tokens_.size());
      if (tokens_[message].empty()) continue;
      start = ResumeAfter(message, plan_.alternates ? rng_.Chance(0.5) : plan_.latest_only);
      // What is long gone it gets all the same.
      start.stream.require_history = false;
      held_ = HeldAfter(LifeUpTo(history_, message));
      stays = rng_.Chance(0.3);
    }
    const absl::Time deadline = absl::Now() + timeout;
    RunStream(start, deadline, [&] {
      absl::MutexLock lock(&mu_);
      // Some wait for more than is to come.
      const auto kind = history_.streams.back().messages.back().kind;
      return !held_.Equals(expected) || (stays && kind != v1::SubscribeResponse::kHeartbeat);
    });
    absl::MutexLock lock(&mu_);
    for (Finding& finding : held_.Differences(expected)) {
      finding.check = "resumable";
      absl::StrAppend(&finding.text, ", after a resume with the token of message ",
                      start.stream.resumed_after, ": ", history_.streams.back().end.ToString());
      findings.push_back(std::move(finding));
    }
    // Each that fails has used up its time.
    if (!findings.empty()) break;
  }
  return findings;
}

}  // namespace incidenthub::testing
