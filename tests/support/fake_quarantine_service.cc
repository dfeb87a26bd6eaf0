#include "tests/support/fake_quarantine_service.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "incidenthub/v1/quarantine_service.grpc.pb.h"

namespace incidenthub::testing {

class FakeQuarantineService::Service final : public v1::QuarantineService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ListQuarantined(grpc::CallbackServerContext* context,
                                            const v1::ListQuarantinedRequest* request,
                                            v1::ListQuarantinedResponse* response) override {
    absl::MutexLock lock(&mu_);
    lists_.push_back(*request);
    size_t next = 0;
    static_cast<void>(absl::SimpleAtoi(request->page_token(), &next));
    const size_t end =
        std::min(bodies_.size(),
                 next + static_cast<size_t>(page_size_ > 0 ? page_size_ : request->page_size()));
    for (; next < end; ++next) *response->add_bodies() = bodies_[next].body();
    if (next < bodies_.size()) response->set_next_page_token(absl::StrCat(next));
    return Answer(context, TakeFailure());
  }

  grpc::ServerUnaryReactor* GetQuarantined(grpc::CallbackServerContext* context,
                                           const v1::GetQuarantinedRequest* request,
                                           v1::GetQuarantinedResponse* response) override {
    absl::MutexLock lock(&mu_);
    absl::Status status = TakeFailure();
    const auto found = Find(request->id());
    if (status.ok() && found == bodies_.end()) status = NotFound();
    if (status.ok()) *response = *found;
    return Answer(context, status);
  }

  grpc::ServerUnaryReactor* ReplayQuarantined(grpc::CallbackServerContext* context,
                                              const v1::ReplayQuarantinedRequest* request,
                                              v1::ReplayQuarantinedResponse* response) override {
    absl::MutexLock lock(&mu_);
    absl::Status status = TakeFailure();
    const auto found = Find(request->id());
    if (status.ok() && found == bodies_.end()) status = NotFound();
    if (status.ok()) {
      bodies_.erase(found);
      replayed_.push_back(request->id());
      *response = answer_;
    }
    return Answer(context, status);
  }

 private:
  friend class FakeQuarantineService;
  using Bodies = std::vector<v1::GetQuarantinedResponse>;

  static absl::Status NotFound() { return ReasonError("QUARANTINED_NOT_FOUND", "there is none"); }
  Bodies::iterator Find(uint64_t id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return std::find_if(bodies_.begin(), bodies_.end(),
                        [id](const auto& held) { return held.body().id() == id; });
  }
  absl::Status TakeFailure() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return std::exchange(failure_, absl::OkStatus());
  }
  static grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                          const absl::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }

  mutable absl::Mutex mu_;
  Bodies bodies_ ABSL_GUARDED_BY(mu_);
  int page_size_ ABSL_GUARDED_BY(mu_) = 0;
  v1::ReplayQuarantinedResponse answer_ ABSL_GUARDED_BY(mu_);
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::ListQuarantinedRequest> lists_ ABSL_GUARDED_BY(mu_);
  std::vector<uint64_t> replayed_ ABSL_GUARDED_BY(mu_);
};

FakeQuarantineService::FakeQuarantineService() : service_(std::make_unique<Service>()) {}
FakeQuarantineService::~FakeQuarantineService() = default;

grpc::Service* FakeQuarantineService::service() { return service_.get(); }

void FakeQuarantineService::Put(v1::QuarantinedBody body, std::string raw) {
  absl::MutexLock lock(&service_->mu_);
  v1::GetQuarantinedResponse& held = service_->bodies_.emplace_back();
  *held.mutable_body() = std::move(body);
  held.set_raw(std::move(raw));
}

void FakeQuarantineService::set_page_size(int page_size) {
  absl::MutexLock lock(&service_->mu_);
  service_->page_size_ = page_size;
}

void FakeQuarantineService::AnswerReplays(v1::ReplayQuarantinedResponse response) {
  absl::MutexLock lock(&service_->mu_);
  service_->answer_ = std::move(response);
}

void FakeQuarantineService::FailNext(absl::Status status) {
  absl::MutexLock lock(&service_->mu_);
  service_->failure_ = std::move(status);
}

std::vector<v1::ListQuarantinedRequest> FakeQuarantineService::lists() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->lists_;
}

std::vector<uint64_t> FakeQuarantineService::replayed() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->replayed_;
}

}  // namespace incidenthub::testing
