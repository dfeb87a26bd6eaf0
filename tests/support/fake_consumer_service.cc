#include "tests/support/fake_consumer_service.h"

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
#include "incidenthub/v1/consumer_service.grpc.pb.h"

namespace incidenthub::testing {

class FakeConsumerService::Service final : public v1::ConsumerService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context,
                                   const v1::CommitRequest* request,
                                   v1::CommitResponse* response) override {
    absl::MutexLock lock(&mu_);
    commits_.push_back(*request);
    response->set_changed(changed_);
    return Answer(context, TakeFailure());
  }

  grpc::ServerUnaryReactor* ListConsumers(grpc::CallbackServerContext* context,
                                          const v1::ListConsumersRequest* request,
                                          v1::ListConsumersResponse* response) override {
    absl::MutexLock lock(&mu_);
    lists_.push_back(*request);
    size_t next = 0;
    static_cast<void>(absl::SimpleAtoi(request->page_token(), &next));
    const size_t end =
        std::min(consumers_.size(),
                 next + static_cast<size_t>(page_size_ > 0 ? page_size_ : request->page_size()));
    for (; next < end; ++next) *response->add_consumers() = consumers_[next];
    if (next < consumers_.size()) response->set_next_page_token(absl::StrCat(next));
    return Answer(context, TakeFailure());
  }

  grpc::ServerUnaryReactor* DeleteConsumer(grpc::CallbackServerContext* context,
                                           const v1::DeleteConsumerRequest* request,
                                           v1::DeleteConsumerResponse* /*response*/) override {
    absl::MutexLock lock(&mu_);
    absl::Status status = TakeFailure();
    if (status.ok()) {
      const auto found = std::find_if(consumers_.begin(), consumers_.end(),
                                      [request](const v1::Consumer& consumer) {
                                        return consumer.name() == request->consumer();
                                      });
      if (found == consumers_.end()) {
        status = ReasonError(absl::StatusCode::kNotFound, "CONSUMER_NOT_FOUND",
                             absl::StrCat("there is no consumer ", request->consumer()));
      } else {
        consumers_.erase(found);
        deleted_.push_back(request->consumer());
      }
    }
    return Answer(context, status);
  }

 private:
  friend class FakeConsumerService;

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
  std::vector<v1::Consumer> consumers_ ABSL_GUARDED_BY(mu_);
  int page_size_ ABSL_GUARDED_BY(mu_) = 0;
  bool changed_ ABSL_GUARDED_BY(mu_) = true;
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::CommitRequest> commits_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::ListConsumersRequest> lists_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> deleted_ ABSL_GUARDED_BY(mu_);
};

FakeConsumerService::FakeConsumerService() : service_(std::make_unique<Service>()) {}
FakeConsumerService::~FakeConsumerService() = default;

grpc::Service* FakeConsumerService::service() { return service_.get(); }

void FakeConsumerService::Put(v1::Consumer consumer) {
  absl::MutexLock lock(&service_->mu_);
  service_->consumers_.push_back(std::move(consumer));
}

void FakeConsumerService::set_page_size(int page_size) {
  absl::MutexLock lock(&service_->mu_);
  service_->page_size_ = page_size;
}

void FakeConsumerService::FailNext(absl::Status status) {
  absl::MutexLock lock(&service_->mu_);
  service_->failure_ = std::move(status);
}

void FakeConsumerService::set_changed(bool changed) {
  absl::MutexLock lock(&service_->mu_);
  service_->changed_ = changed;
}

std::vector<v1::CommitRequest> FakeConsumerService::commits() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->commits_;
}

std::vector<v1::ListConsumersRequest> FakeConsumerService::lists() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->lists_;
}

std::vector<std::string> FakeConsumerService::deleted() const {
  absl::MutexLock lock(&service_->mu_);
  return service_->deleted_;
}

}  // namespace incidenthub::testing
