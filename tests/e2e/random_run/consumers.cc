#include "tests/e2e/random_run/consumers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "tests/e2e/random_run/follower_hub.h"
#include "tests/support/log_checks.h"

namespace incidenthub::testing {
namespace {

using Kind = v1::SubscribeResponse;

// Between two streams.
constexpr absl::Duration kReconnectDelayMax = absl::Milliseconds(300);
constexpr absl::Duration kStallMin = absl::Milliseconds(500);
constexpr absl::Duration kStallMax = absl::Seconds(4);
constexpr absl::Duration kStreamMax = absl::Seconds(15);
constexpr absl::Duration kCallDeadline = absl::Seconds(1);
// So short that the answer is lost now and then, and the commit is not.
constexpr absl::Duration kLostDeadlineMax = absl::Milliseconds(8);
constexpr double kLosesAnswer = 0.1;
// A stream that was taken over is over long before, also if the hub was stopped meanwhile.
constexpr absl::Duration kTakenOverMax = absl::Seconds(20);

}  // namespace

// An open call.
class RandomConsumer::Stream {
 public:
  Start start;
  RecordedStream recorded;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::SubscribeResponse>> reader;
  v1::SubscribeResponse opened;
  // It is in the history.
  bool adopted = false;
  bool ended = false;
};

RandomConsumer::RandomConsumer(SubscriberPlan plan, uint64_t seed, int port, bool may_reset)
    : RandomFollower(std::move(plan), port),
      consumer_(absl::StrReplaceAll(plan_.name, {{" ", "-"}, {",", ""}})),
      may_reset_(may_reset),
      rng_(seed, absl::StrCat("consumer ", plan_.name)),
      ledger_(may_reset) {
  StartThread([this] { Run(); });
}

RandomConsumer::~RandomConsumer() { Stop(); }

void RandomConsumer::Run() {
  do {
    std::unique_ptr<Stream> stream = Open(ChooseStart(), absl::InfiniteFuture());
    if (stream != nullptr) Follow(std::move(stream));
    // A commit counts also when its stream is over, and on the next hub.
    if (rng_.Chance(plan_.commits)) CommitSomething();
  } while (Pause(rng_.Between(absl::ZeroDuration(), kReconnectDelayMax)));
}

RandomConsumer::Start RandomConsumer::ChooseStart() {
  absl::MutexLock lock(&mu_);
  if (lost_ && ledger_.Least().has_value()) {
    return {.kind = Start::Kind::kToken, .message = *ledger_.Least()};
  }
  if (!settling_ && rng_.Chance(plan_.starts_anew)) return {.kind = Start::Kind::kSnapshot};
  const size_t end = EndOfTokens();
  if (end != 0 && rng_.Chance(plan_.reconnects)) {
    return {.kind = Start::Kind::kToken, .message = end - 1};
  }
  return {};
}

std::unique_ptr<RandomConsumer::Stream> RandomConsumer::Open(const Start& start,
                                                             absl::Time deadline) {
  auto stream = std::make_unique<Stream>();
  stream->start = start;
  stream->recorded.latest_only = plan_.latest_only;
  v1::SubscribeRequest request = MakeRequest(stream->recorded);
  request.set_consumer(consumer_);
  if (start.kind == Start::Kind::kSnapshot) request.mutable_snapshot();
  if (start.kind == Start::Kind::kToken) {
    absl::MutexLock lock(&mu_);
    request.set_resume_token(tokens_[start.message]);
  }
  stream->context.set_wait_for_ready(true);
  const bool probes = deadline != absl::InfiniteFuture();
  if (probes) stream->context.set_deadline(absl::ToChronoTime(deadline));
  AddContext(&stream->context, probes);
  stream->reader = hub_->rpc->Subscribe(&stream->context, request);
  if (stream->reader->Read(&stream->opened)) return stream;
  const absl::Status end = FromGrpcStatus(stream->reader->Finish());
  absl::MutexLock lock(&mu_);
  RemoveContext(&stream->context);
  ledger_.NotOpened(start);
  Note(absl::StrCat("has no answer to Subscribe: ", end.ToString()));
  if (!absl::IsUnavailable(end) && !absl::IsCancelled(end)) {
    findings_.push_back(
        {.check = "resumable",
         .text = absl::StrCat("Subscribe of consumer ", consumer_, " ended with ", end.ToString()),
         .time = absl::Now()});
  }
  return nullptr;
}

bool RandomConsumer::Adopt(Stream* stream) {
  {
    absl::MutexLock lock(&mu_);
    ledger_.Opened(stream->start);
    TakeLedger();
  }
  const bool listed = rng_.Chance(0.7) && List();
  absl::MutexLock lock(&mu_);
  RecordedStream& recorded = stream->recorded;
  ConsumerLedger::Position from;
  if (stream->start.kind == Start::Kind::kToken) from = stream->start.message;
  if (stream->start.kind == Start::Kind::kPosition) {
    const std::optional<ConsumerLedger::Position> where = ledger_.Where();
    lost_ = !where.has_value() || (may_reset_ && !listed);
    if (lost_) return false;
    from = *where;
  }
  lost_ = false;
  recorded.start = from.has_value() ? StreamStart::kToken : StreamStart::kSnapshot;
  if (from.has_value()) recorded.resumed_after = *from;
  held_ = from.has_value() ? HeldAfter(LifeUpTo(history_, *from)) : HeldSet();
  history_.streams.push_back(recorded);
  stream->adopted = true;
  ledger_.Begins(from);
  Record(stream->opened);
  ledger_.Take(history_.streams.back().messages.back());
  changed_.SignalAll();
  return true;
}

bool RandomConsumer::Read(Stream* stream) {
  v1::SubscribeResponse response;
  if (!stream->reader->Read(&response)) {
    stream->ended = true;
    return false;
  }
  absl::MutexLock lock(&mu_);
  Record(response);
  ledger_.Take(history_.streams.back().messages.back());
  changed_.SignalAll();
  return true;
}

void RandomConsumer::Close(Stream* stream) {
  if (!stream->ended) stream->context.TryCancel();
  const absl::Status end = FromGrpcStatus(stream->reader->Finish());
  absl::MutexLock lock(&mu_);
  RemoveContext(&stream->context);
  if (stream->adopted) history_.streams.back().end = end;
  changed_.SignalAll();
}

void RandomConsumer::Follow(std::unique_ptr<Stream> stream) {
  if (!Adopt(stream.get())) return Close(stream.get());
  size_t messages = 1 + rng_.Below(plan_.messages_max);
  const absl::Time end = absl::Now() + rng_.Between(absl::ZeroDuration(), kStreamMax);
  while (Read(stream.get())) {
    if (rng_.Chance(plan_.commits)) CommitSomething();
    bool settling = false;
    {
      absl::MutexLock lock(&mu_);
      settling = settling_;
    }
    if (settling) continue;
    if (--messages == 0 || absl::Now() >= end) break;
    if (rng_.Chance(plan_.stalls)) Pause(rng_.Between(kStallMin, kStallMax));
    if (rng_.Chance(plan_.taken_over)) stream = TakeOver(std::move(stream));
    if (stream == nullptr) return;
  }
  Close(stream.get());
}

std::unique_ptr<RandomConsumer::Stream> RandomConsumer::TakeOver(std::unique_ptr<Stream> older) {
  {
    absl::MutexLock lock(&mu_);
    history_.streams.back().newer = NewerStream::kAskedFor;
  }
  const Start start = ChooseStart();
  std::unique_ptr<Stream> newer = Open(start, absl::InfiniteFuture());
  if (newer == nullptr) return older;
  {
    absl::MutexLock lock(&mu_);
    history_.streams.back().newer = NewerStream::kOpened;
    history_.streams.back().newer_head = newer->opened.head_sequence();
  }
  // What it was sent before is still to be read.
  const absl::Time deadline = absl::Now() + kTakenOverMax;
  while (Read(older.get())) {
    if (absl::Now() < deadline) continue;
    absl::MutexLock lock(&mu_);
    history_.streams.back().outlived_newer = true;
    break;
  }
  Close(older.get());
  if (Adopt(newer.get())) return newer;
  Close(newer.get());
  return nullptr;
}

void RandomConsumer::CommitSomething() {
  v1::CommitRequest request;
  request.set_consumer(consumer_);
  std::optional<size_t> message;
  {
    absl::MutexLock lock(&mu_);
    message = ChooseCommit();
    if (!message.has_value()) return;
    request.set_resume_token(tokens_[*message]);
    last_commit_ = message;
  }
  grpc::ClientContext context;
  const absl::Duration patience = rng_.Chance(kLosesAnswer)
                                      ? rng_.Between(absl::Milliseconds(1), kLostDeadlineMax)
                                      : kCallDeadline;
  context.set_deadline(absl::ToChronoTime(absl::Now() + patience));
  v1::CommitResponse response;
  const absl::Status status = FromGrpcStatus(hub_->consumers->Commit(&context, request, &response));
  absl::MutexLock lock(&mu_);
  ledger_.Committed(*message, status, response.changed());
  ++counts_.commits;
  if (!status.ok()) ++counts_.unanswered;
  if (response.changed()) ++counts_.moved;
  Note(absl::StrCat("commits message ", *message, ": ", status.ToString(),
                    response.changed() ? ", changed" : ""));
  TakeLedger();
}

std::optional<size_t> RandomConsumer::ChooseCommit() {
  const size_t end = EndOfTokens();
  if (end == 0) return std::nullopt;
  size_t message = end - 1;
  const size_t die = rng_.Below(10);
  if (die == 0 && last_commit_.has_value()) return last_commit_;
  // One that is older, perhaps of a stream before.
  if (die == 1) message -= rng_.Below(std::min<size_t>(end, 30));
  if (die == 2) message = rng_.Below(end);
  return tokens_[message].empty() ? std::nullopt : std::make_optional(message);
}

bool RandomConsumer::List() {
  v1::ListConsumersRequest request;
  v1::ListConsumersResponse response;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kCallDeadline));
  // All of them fit into a page.
  if (!hub_->consumers->ListConsumers(&context, request, &response).ok()) return false;
  std::optional<uint64_t> position;
  for (const v1::Consumer& consumer : response.consumers()) {
    if (consumer.name() == consumer_ && consumer.has_commit_time()) {
      position = consumer.position_sequence();
    }
  }
  absl::MutexLock lock(&mu_);
  ledger_.Listed(position);
  Note(position.has_value() ? absl::StrCat("is listed at ", *position)
                            : "is listed without position");
  TakeLedger();
  return true;
}

void RandomConsumer::TakeLedger() {
  for (Finding& finding : ledger_.TakeFindings()) {
    finding.time = absl::Now();
    findings_.push_back(std::move(finding));
  }
}

Findings RandomConsumer::Probe(size_t count, const IncidentSequences& expected,
                               absl::Duration timeout) {
  Findings findings;
  for (size_t i = 0; i < count; ++i) {
    const absl::Time deadline = absl::Now() + timeout;
    Start start;
    {
      absl::MutexLock lock(&mu_);
      if (lost_ && ledger_.Least().has_value()) {
        start = {.kind = Start::Kind::kToken, .message = *ledger_.Least()};
      }
    }
    std::unique_ptr<Stream> stream = Open(start, deadline);
    if (stream == nullptr) continue;
    if (!Adopt(stream.get())) {
      Close(stream.get());
      continue;
    }
    const auto holds = [&] {
      absl::MutexLock lock(&mu_);
      return held_.Equals(expected);
    };
    while (!holds() && Read(stream.get())) {
      if (rng_.Chance(plan_.commits)) CommitSomething();
    }
    Close(stream.get());
    CommitSomething();
    absl::MutexLock lock(&mu_);
    for (Finding& finding : held_.Differences(expected)) {
      finding.check = "resumable";
      absl::StrAppend(&finding.text, ", after a resume where it had committed: ",
                      history_.streams.back().end.ToString());
      findings.push_back(std::move(finding));
    }
    // Each that fails has used up its time.
    if (!findings.empty()) break;
  }
  return findings;
}

void RandomConsumer::Note(std::string text) {
  steps_.push_back({.time = absl::Now(), .text = std::move(text)});
}

Findings RandomConsumer::Check() {
  absl::MutexLock lock(&mu_);
  return findings_;
}

}  // namespace incidenthub::testing
