#include "tests/support/fake_incident_service.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/support/server_callback.h"
#include "incidenthub/v1/incident_service.grpc.pb.h"
#include "tests/support/fake_consumer_service.h"
#include "tests/support/fake_quarantine_service.h"

namespace incidenthub::testing {
namespace {

constexpr uint64_t kFirstSequence = 1000;

// The time that the fake's commands are carried out at: 2026-01-02 03:04:05 UTC.
constexpr int64_t kCommandSeconds = 1'767'323'045;

class Stream final : public FakeStream, public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(const v1::SubscribeRequest& request) : request_(request) {}

  const v1::SubscribeRequest& request() const override { return request_; }
  absl::Time start_time() const override { return start_time_; }

  void Send(v1::SubscribeResponse response) override {
    absl::MutexLock lock(&mu_);
    queue_.push_back(std::move(response));
    Pump();
  }

  void End(absl::Status status) override {
    absl::MutexLock lock(&mu_);
    if (!end_.has_value()) end_ = std::move(status);
    Pump();
  }

  bool WaitUntilDone() override {
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&done_), kWaitMax);
  }

  // The gRPC side; it deletes itself, and until then keeps the stream.
  grpc::ServerWriteReactor<v1::SubscribeResponse>* Start() {
    absl::MutexLock lock(&mu_);
    reactor_ = new Reactor(shared_from_this());
    Pump();
    return reactor_;
  }

 private:
  class Reactor final : public grpc::ServerWriteReactor<v1::SubscribeResponse> {
   public:
    explicit Reactor(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}

    void OnWriteDone(bool /*ok*/) override {
      absl::MutexLock lock(&stream_->mu_);
      stream_->writing_ = false;
      stream_->Pump();
    }

    void OnCancel() override {
      absl::MutexLock lock(&stream_->mu_);
      stream_->queue_.clear();
      stream_->writing_ = false;
      stream_->end_ = absl::CancelledError("by the client");
      stream_->Pump();
    }

    void OnDone() override {
      {
        absl::MutexLock lock(&stream_->mu_);
        stream_->done_ = true;
      }
      delete this;
    }

   private:
    const std::shared_ptr<Stream> stream_;
  };

  // Does what comes next. gRPC never calls back from within StartWrite or Finish.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (reactor_ == nullptr || finished_ || writing_) return;
    if (!queue_.empty()) {
      writing_ = true;
      current_ = std::move(queue_.front());
      queue_.pop_front();
      reactor_->StartWrite(&current_);
    } else if (end_.has_value()) {
      finished_ = true;
      reactor_->Finish(ToGrpcStatus(*end_));
    }
  }

  const v1::SubscribeRequest request_;
  const absl::Time start_time_ = absl::Now();
  absl::Mutex mu_;
  Reactor* reactor_ ABSL_GUARDED_BY(mu_) = nullptr;
  std::deque<v1::SubscribeResponse> queue_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  // Untouched while `writing_`.
  v1::SubscribeResponse current_;
};

// A unary call that ends when the client gives up.
class HangingReactor final : public grpc::ServerUnaryReactor {
 public:
  void OnCancel() override { Finish(grpc::Status::CANCELLED); }
  void OnDone() override { delete this; }
};

}  // namespace

class FakeIncidentService::Service final : public v1::IncidentService::CallbackService {
 public:
  struct StreamScript {
    std::vector<v1::SubscribeResponse> messages;
    std::optional<absl::Status> end;
  };

  grpc::ServerWriteReactor<v1::SubscribeResponse>* Subscribe(
      grpc::CallbackServerContext* /*context*/, const v1::SubscribeRequest* request) override {
    auto stream = std::make_shared<Stream>(*request);
    absl::MutexLock lock(&mu_);
    if (!scripts_.empty()) {
      StreamScript script = std::move(scripts_.front());
      scripts_.pop_front();
      for (v1::SubscribeResponse& message : script.messages) stream->Send(std::move(message));
      if (script.end.has_value()) stream->End(*std::move(script.end));
    }
    streams_.push_back(stream);
    return stream->Start();
  }

  grpc::ServerUnaryReactor* GetIncident(grpc::CallbackServerContext* context,
                                        const v1::GetIncidentRequest* request,
                                        v1::GetIncidentResponse* response) override {
    absl::MutexLock lock(&mu_);
    if (hanging_) return new HangingReactor;
    absl::Status status = TakeFailure();
    if (status.ok()) {
      const auto* held = Find(request->incident_id(), &status);
      if (held != nullptr) *response->mutable_incident() = *held;
    }
    return Finish(context, status);
  }

  grpc::ServerUnaryReactor* ListIncidents(grpc::CallbackServerContext* context,
                                          const v1::ListIncidentsRequest* request,
                                          v1::ListIncidentsResponse* response) override {
    absl::MutexLock lock(&mu_);
    if (hanging_) return new HangingReactor;
    lists_.push_back(*request);
    ++list_calls_;
    const absl::Status status = TakeFailure();
    if (!status.ok()) return Finish(context, status);
    AddPage(*request, incidents_, response->mutable_incidents(),
            response->mutable_next_page_token());
    return Finish(context, status);
  }

  grpc::ServerUnaryReactor* Ack(grpc::CallbackServerContext* context, const v1::AckRequest* request,
                                v1::AckResponse* response) override {
    absl::MutexLock lock(&mu_);
    acks_.push_back(*request);
    if (hanging_) return new HangingReactor;
    absl::Status status;
    v1::Incident* held = Check(*request, &status);
    if (held != nullptr && held->state() == v1::STATE_RESOLVED) {
      status = ReasonError(absl::StatusCode::kFailedPrecondition, "INCIDENT_RESOLVED",
                           absl::StrCat("incident \"", held->id(), "\" is resolved"));
    } else if (held != nullptr) {
      if (held->state() == v1::STATE_OPEN) {
        held->set_state(v1::STATE_ACKNOWLEDGED);
        held->mutable_acknowledgement()->set_actor(request->actor());
        held->mutable_acknowledgement()->set_note(request->note());
        held->mutable_acknowledgement()->mutable_time()->set_seconds(kCommandSeconds);
        if (request->has_expire_time()) {
          *held->mutable_acknowledgement()->mutable_expire_time() = request->expire_time();
        }
        Advance(held);
        response->set_changed(true);
      }
      *response->mutable_incident() = *held;
    }
    return Finish(context, status);
  }

  grpc::ServerUnaryReactor* Unack(grpc::CallbackServerContext* context,
                                  const v1::UnackRequest* request,
                                  v1::UnackResponse* response) override {
    absl::MutexLock lock(&mu_);
    unacks_.push_back(*request);
    if (hanging_) return new HangingReactor;
    absl::Status status;
    v1::Incident* held = Check(*request, &status);
    if (held != nullptr) {
      if (held->state() == v1::STATE_ACKNOWLEDGED) {
        held->set_state(v1::STATE_OPEN);
        held->clear_acknowledgement();
        Advance(held);
        response->set_changed(true);
      }
      *response->mutable_incident() = *held;
    }
    return Finish(context, status);
  }

  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override {
    absl::MutexLock lock(&mu_);
    if (hanging_) return new HangingReactor;
    ++list_calls_;
    absl::Status status = TakeFailure();
    if (!status.ok() || Find(request->incident_id(), &status) == nullptr) {
      return Finish(context, status);
    }
    std::vector<v1::Event> events;
    for (auto event = events_.rbegin(); event != events_.rend(); ++event) {
      if (event->incident().id() == request->incident_id()) events.push_back(*event);
    }
    AddPage(*request, events, response->mutable_events(), response->mutable_next_page_token());
    // What the first event that was put here follows, retention has dropped.
    response->set_truncated(response->next_page_token().empty() && !events.empty() &&
                            events.back().previous_sequence() != 0);
    return Finish(context, status);
  }

  grpc::ServerUnaryReactor* Resolve(grpc::CallbackServerContext* context,
                                    const v1::ResolveRequest* request,
                                    v1::ResolveResponse* response) override {
    absl::MutexLock lock(&mu_);
    resolves_.push_back(*request);
    if (hanging_) return new HangingReactor;
    absl::Status status;
    v1::Incident* held = Check(*request, &status);
    if (held != nullptr) {
      if (held->state() != v1::STATE_RESOLVED) {
        held->set_state(v1::STATE_RESOLVED);
        held->mutable_resolution()->set_actor(request->actor());
        held->mutable_resolution()->set_note(request->note());
        held->mutable_resolution()->set_origin(v1::Resolution::ORIGIN_RESPONDER);
        held->mutable_resolution()->mutable_time()->set_seconds(kCommandSeconds);
        Advance(held);
        response->set_changed(true);
      }
      *response->mutable_incident() = *held;
    }
    return Finish(context, status);
  }

  void EndStreams() {
    absl::MutexLock lock(&mu_);
    for (const auto& stream : streams_) stream->End(absl::UnavailableError("the fake ends"));
  }

 private:
  friend class FakeIncidentService;

  static grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                          const absl::Status& status) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }

  // The page of `all` that `request` asks for.
  template <typename Request, typename Entry>
  void AddPage(const Request& request, const std::vector<Entry>& all,
               google::protobuf::RepeatedPtrField<Entry>* page, std::string* next_page_token)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    size_t at = 0;
    if (!request.page_token().empty()) {
      INCIDENTHUB_CHECK(absl::SimpleAtoi(request.page_token(), &at));
    }
    const auto size = static_cast<size_t>(page_size_ > 0 ? page_size_ : request.page_size());
    const size_t end = std::min(at + size, all.size());
    for (size_t i = at; i < end; ++i) *page->Add() = all[i];
    if (repeat_pages_) {
      *next_page_token = "0";
    } else if (end < all.size()) {
      *next_page_token = absl::StrCat(end);
    }
  }

  absl::Status TakeFailure() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return std::exchange(failure_, absl::OkStatus());
  }

  v1::Incident* Find(const std::string& id, absl::Status* status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    for (v1::Incident& incident : incidents_) {
      if (incident.id() == id) return &incident;
    }
    *status = ReasonError(absl::StatusCode::kNotFound, "INCIDENT_NOT_FOUND",
                          absl::StrCat("there is no incident \"", id, "\""));
    return nullptr;
  }

  // The incident that a command may change, or null and why not.
  template <typename Request>
  v1::Incident* Check(const Request& request, absl::Status* status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    *status = TakeFailure();
    if (!status->ok()) return nullptr;
    v1::Incident* held = Find(request.incident_id(), status);
    if (held == nullptr || request.etag().empty() || request.etag() == held->etag()) return held;
    *status = ReasonError(absl::StatusCode::kAborted, "ETAG_MISMATCH",
                          absl::StrCat("incident \"", held->id(), "\" has changed"),
                          {{"current_etag", held->etag()}});
    return nullptr;
  }

  void Advance(v1::Incident* incident) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    incident->set_sequence(next_sequence_++);
    incident->set_etag(absl::StrCat(incident->sequence()));
  }

  mutable absl::Mutex mu_;
  std::deque<StreamScript> scripts_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::Incident> incidents_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::Event> events_ ABSL_GUARDED_BY(mu_);
  uint64_t next_sequence_ ABSL_GUARDED_BY(mu_) = kFirstSequence;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  bool hanging_ ABSL_GUARDED_BY(mu_) = false;
  bool repeat_pages_ ABSL_GUARDED_BY(mu_) = false;
  int page_size_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<v1::ListIncidentsRequest> lists_ ABSL_GUARDED_BY(mu_);
  int list_calls_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<v1::AckRequest> acks_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::UnackRequest> unacks_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::ResolveRequest> resolves_ ABSL_GUARDED_BY(mu_);
};

class FakeIncidentService::Server {
 public:
  Server(int port, Service* service, grpc::Service* consumers, grpc::Service* quarantine) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(service);
    builder.RegisterService(consumers);
    builder.RegisterService(quarantine);
    server_ = builder.BuildAndStart();
    INCIDENTHUB_CHECK(server_ != nullptr && port_ != 0);
  }

  // Calls that hang are cancelled at the deadline.
  ~Server() { server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1)); }

  int port() const { return port_; }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

FakeIncidentService::FakeIncidentService(int port)
    : service_(std::make_unique<Service>()),
      consumers_(std::make_unique<FakeConsumerService>()),
      quarantine_(std::make_unique<FakeQuarantineService>()),
      server_(std::make_unique<Server>(port, service_.get(), consumers_->service(),
                                       quarantine_->service())) {}

FakeIncidentService::~FakeIncidentService() {
  service_->EndStreams();
  server_.reset();
}

int FakeIncidentService::port() const { return server_->port(); }

FakeConsumerService& FakeIncidentService::consumers() { return *consumers_; }

FakeQuarantineService& FakeIncidentService::quarantine() { return *quarantine_; }

std::string FakeIncidentService::address() const {
  return absl::StrCat("127.0.0.1:", server_->port());
}

void FakeIncidentService::Script(std::vector<v1::SubscribeResponse> messages) {
  absl::MutexLock lock(&service_->mu_);
  service_->scripts_.push_back({std::move(messages), std::nullopt});
}

void FakeIncidentService::Script(std::vector<v1::SubscribeResponse> messages, absl::Status end) {
  absl::MutexLock lock(&service_->mu_);
  service_->scripts_.push_back({std::move(messages), std::move(end)});
}

std::shared_ptr<FakeStream> FakeIncidentService::WaitForStream(size_t index) {
  absl::MutexLock lock(&service_->mu_);
  const auto arrived = [this, index]() ABSL_SHARED_LOCKS_REQUIRED(service_->mu_) {
    return service_->streams_.size() > index;
  };
  if (!service_->mu_.AwaitWithTimeout(absl::Condition(&arrived), kWaitMax)) return nullptr;
  return service_->streams_[index];
}

size_t FakeIncidentService::stream_count() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->streams_.size();
}

void FakeIncidentService::Put(v1::Incident incident) {
  absl::MutexLock lock(&service_->mu_);
  service_->incidents_.push_back(std::move(incident));
}

void FakeIncidentService::PutEvent(v1::Event event) {
  absl::MutexLock lock(&service_->mu_);
  service_->events_.push_back(std::move(event));
}

void FakeIncidentService::FailNext(absl::Status status) {
  absl::MutexLock lock(&service_->mu_);
  service_->failure_ = std::move(status);
}

void FakeIncidentService::Hang() {
  absl::MutexLock lock(&service_->mu_);
  service_->hanging_ = true;
}

void FakeIncidentService::set_page_size(int page_size) {
  absl::MutexLock lock(&service_->mu_);
  service_->page_size_ = page_size;
}

void FakeIncidentService::RepeatPages() {
  absl::MutexLock lock(&service_->mu_);
  service_->repeat_pages_ = true;
}

std::vector<v1::AckRequest> FakeIncidentService::acks() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->acks_;
}

std::vector<v1::UnackRequest> FakeIncidentService::unacks() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->unacks_;
}

std::vector<v1::ResolveRequest> FakeIncidentService::resolves() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->resolves_;
}

std::vector<v1::ListIncidentsRequest> FakeIncidentService::lists() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->lists_;
}

int FakeIncidentService::list_calls() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->list_calls_;
}

}  // namespace incidenthub::testing
