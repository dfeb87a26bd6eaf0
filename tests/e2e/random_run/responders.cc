#include "tests/e2e/random_run/responders.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::testing {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(120);
constexpr absl::Duration kDeadline = absl::Seconds(3);
constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);
// A command is sent so often at most until it is answered: after that its outcome stays unknown.
// Long enough to acknowledge all there are, and to end the hub before any of it ends.
constexpr absl::Duration kLastAckFor = absl::Seconds(3);
constexpr size_t kTriesMax = 200;
constexpr size_t kOldCommandsMax = 64;

bool OutcomeUnknown(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status) || absl::IsCancelled(status);
}

template <typename Response>
CommandAnswer Answer(const grpc::Status& status, const Response& response) {
  CommandAnswer answer;
  answer.status = FromGrpcStatus(status);
  if (answer.status.ok()) {
    answer.changed = response.changed();
    answer.incident_id = response.incident().id();
    answer.sequence = response.incident().sequence();
    answer.etag = response.incident().etag();
  }
  return answer;
}

}  // namespace

class Responders::Responder {
 public:
  Responder(Responders* all, const Plan& plan, size_t index, int port, const Deliveries* deliveries)
      : all_(all),
        name_(absl::StrCat("responder ", index)),
        deliveries_(deliveries),
        rng_(plan.seed, name_),
        rpc_(v1::IncidentService::NewStub(ConnectToHub(port))) {}

  void Run() {
    while (all_->Pause(rng_.Around(kInterval))) {
      if (!old_.empty() && rng_.Chance(0.1)) {
        // Long after it was answered, and whatever has happened since.
        SendAgain(old_[rng_.Below(old_.size())]);
        continue;
      }
      const std::string incident_id = deliveries_->SomeIncident(&rng_);
      if (incident_id.empty()) continue;
      SendNew(Choose(incident_id));
    }
  }

  void AckForAWhile(const std::vector<std::string>& incident_ids) {
    const absl::Time expire_time = absl::Now() + kLastAckFor;
    for (const std::string& incident_id : incident_ids) {
      Command command;
      command.incident_id = incident_id;
      command.note = absl::StrCat(name_, " command ", ++count_);
      command.request_id = absl::StrCat("request ", name_, " ", count_);
      command.expire_time = expire_time;
      Keep(Keep(command), Send(command));
    }
  }

 private:
  Command Choose(const std::string& incident_id) {
    Command command;
    command.incident_id = incident_id;
    command.kind = rng_.Chance(0.6)   ? CommandKind::kAck
                   : rng_.Chance(0.6) ? CommandKind::kUnack
                                      : CommandKind::kResolve;
    command.note = absl::StrCat(name_, " command ", ++count_);
    if (rng_.Chance(0.8)) command.request_id = absl::StrCat("request ", name_, " ", count_);
    if (rng_.Chance(0.3)) command.etag = CurrentEtag(incident_id);
    if (command.kind == CommandKind::kAck && rng_.Chance(0.6)) {
      command.expire_time =
          absl::Now() + rng_.Between(absl::Milliseconds(300), absl::Milliseconds(2500));
    }
    return command;
  }

  void SendNew(Command command) {
    const size_t index = Keep(command);
    for (size_t i = 0; i < kTriesMax; ++i) {
      const CommandAnswer answer = Send(command);
      Keep(index, answer);
      if (!OutcomeUnknown(answer.status) || !all_->Pause(kRetryDelay)) break;
    }
    if (!command.request_id.empty()) {
      if (old_.size() < kOldCommandsMax) {
        old_.push_back(index);
      } else {
        old_[rng_.Below(old_.size())] = index;
      }
      if (rng_.Chance(0.1)) SendAgain(index);
    }
  }

  void SendAgain(size_t index) {
    Command command;
    {
      absl::MutexLock lock(&all_->mu_);
      command = all_->commands_[index];
    }
    Keep(index, Send(command));
  }

  size_t Keep(const Command& command) {
    absl::MutexLock lock(&all_->mu_);
    all_->commands_.push_back(command);
    return all_->commands_.size() - 1;
  }

  void Keep(size_t index, const CommandAnswer& answer) {
    absl::MutexLock lock(&all_->mu_);
    all_->commands_[index].answers.push_back(answer);
  }

  static void SetDeadline(grpc::ClientContext* context) {
    context->set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
  }

  std::string CurrentEtag(const std::string& incident_id) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetIncidentRequest request;
    request.set_incident_id(incident_id);
    v1::GetIncidentResponse response;
    const bool ok = rpc_->GetIncident(&context, request, &response).ok();
    return ok ? response.incident().etag() : "";
  }

  template <typename Request>
  Request Fill(const Command& command) const {
    Request request;
    request.set_incident_id(command.incident_id);
    request.set_actor(name_);
    request.set_note(command.note);
    request.set_request_id(command.request_id);
    request.set_etag(command.etag);
    return request;
  }

  CommandAnswer Send(const Command& command) {
    grpc::ClientContext context;
    SetDeadline(&context);
    const absl::Time begin = absl::Now();
    CommandAnswer answer = Call(command, &context);
    answer.begin = begin;
    answer.end = absl::Now();
    return answer;
  }

  CommandAnswer Call(const Command& command, grpc::ClientContext* context) {
    if (command.kind == CommandKind::kUnack) {
      v1::UnackResponse response;
      const auto request = Fill<v1::UnackRequest>(command);
      const grpc::Status status = rpc_->Unack(context, request, &response);
      return Answer(status, response);
    }
    if (command.kind == CommandKind::kResolve) {
      v1::ResolveResponse response;
      const auto request = Fill<v1::ResolveRequest>(command);
      const grpc::Status status = rpc_->Resolve(context, request, &response);
      return Answer(status, response);
    }
    v1::AckResponse response;
    auto request = Fill<v1::AckRequest>(command);
    if (command.expire_time != absl::InfiniteFuture()) {
      request.mutable_expire_time()->set_seconds(absl::ToUnixSeconds(command.expire_time));
      request.mutable_expire_time()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(
          command.expire_time - absl::FromUnixSeconds(absl::ToUnixSeconds(command.expire_time)))));
    }
    const grpc::Status status = rpc_->Ack(context, request, &response);
    return Answer(status, response);
  }

  Responders* const all_;
  const std::string name_;
  const Deliveries* const deliveries_;
  Rng rng_;
  const std::unique_ptr<v1::IncidentService::Stub> rpc_;
  size_t count_ = 0;
  // Places in Responders::commands_.
  std::vector<size_t> old_;
};

Responders::Responders(const Plan& plan, int port, const Deliveries* deliveries) {
  last_ = std::make_unique<Responder>(this, plan, plan.responders, port, deliveries);
  for (size_t i = 0; i < plan.responders; ++i) {
    auto responder = std::make_shared<Responder>(this, plan, i, port, deliveries);
    threads_.emplace_back([responder] { responder->Run(); });
  }
}

Responders::~Responders() { Finish(); }

void Responders::AckForAWhile(const std::vector<std::string>& incident_ids) {
  last_->AckForAWhile(incident_ids);
}

void Responders::Finish() {
  {
    absl::MutexLock lock(&mu_);
    finishing_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<Command> Responders::commands() const {
  absl::MutexLock lock(&mu_);
  return commands_;
}

bool Responders::Pause(absl::Duration duration) {
  const absl::Time next = absl::Now() + duration;
  absl::MutexLock lock(&mu_);
  while (!finishing_ && absl::Now() < next) changed_.WaitWithDeadline(&mu_, next);
  return !finishing_;
}

}  // namespace incidenthub::testing
