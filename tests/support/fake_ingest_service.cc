#include "tests/support/fake_ingest_service.h"

#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/grpc_status.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_context.h"
#include "incidenthub/v1/ingest_service.grpc.pb.h"

namespace incidenthub::testing {

class FakeIngestService::Impl final : public v1::IngestService::Service {
 public:
  explicit Impl(int port) {
    grpc::ServerBuilder builder;
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(absl::StrCat("127.0.0.1:", port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    INCIDENTHUB_CHECK(server_ != nullptr && port_ > 0);
  }

  ~Impl() override {
    server_->Shutdown(absl::ToChronoTime(absl::Now()));
    server_->Wait();
  }

  grpc::Status Ingest(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream) override {
    size_t number = 0;
    {
      absl::MutexLock lock(&mu_);
      number = ++streams_;
      if (!refusal_.ok()) return ToGrpcStatus(refusal_);
      open_[number] = {context, stream};
    }
    stream->SendInitialMetadata();
    v1::IngestRequest request;
    while (stream->Read(&request)) {
      for (v1::Delivery& delivery : *request.mutable_deliveries()) {
        Take(number, std::move(delivery), stream);
      }
    }
    absl::MutexLock lock(&mu_);
    open_.erase(number);
    return ToGrpcStatus(absl::UnavailableError("the test's hub ends this stream"));
  }

  void Take(size_t number, v1::Delivery delivery,
            grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream) {
    Script script;
    uint64_t sequence = 0;
    {
      absl::MutexLock lock(&mu_);
      script = script_;
      sequence = ++sequence_;
      received_.push_back({number, delivery});
    }
    const std::optional<v1::Receipt> receipt =
        script ? script(delivery) : AcceptedReceipt(delivery, sequence);
    if (!receipt.has_value()) return;
    v1::IngestResponse response;
    *response.add_receipts() = *receipt;
    absl::MutexLock lock(&write_mu_);
    stream->Write(response);
  }

  void BreakStreams() {
    absl::MutexLock lock(&mu_);
    for (const auto& [number, open] : open_) open.context->TryCancel();
  }

  bool Send(const v1::Receipt& receipt) {
    v1::IngestResponse response;
    *response.add_receipts() = receipt;
    // The stream's function cannot return while its place in `open_` is held.
    absl::MutexLock lock(&mu_);
    if (open_.empty()) return false;
    absl::MutexLock write_lock(&write_mu_);
    return open_.rbegin()->second.stream->Write(response);
  }

  template <typename Condition>
  bool WaitFor(const Condition& condition) {
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&condition), kIngestWaitMax);
  }

 private:
  friend class FakeIngestService;

  struct Open {
    grpc::ServerContext* context;
    grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>* stream;
  };

  int port_ = 0;
  mutable absl::Mutex mu_;
  Script script_ ABSL_GUARDED_BY(mu_);
  absl::Status refusal_ ABSL_GUARDED_BY(mu_);
  uint64_t sequence_ ABSL_GUARDED_BY(mu_) = 0;
  size_t streams_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<size_t, Open> open_ ABSL_GUARDED_BY(mu_);
  std::vector<ReceivedDelivery> received_ ABSL_GUARDED_BY(mu_);
  // One write at a time.
  absl::Mutex write_mu_ ABSL_ACQUIRED_AFTER(mu_);
  std::unique_ptr<grpc::Server> server_;
};

FakeIngestService::FakeIngestService(int port) : impl_(std::make_unique<Impl>(port)) {}
FakeIngestService::~FakeIngestService() = default;

int FakeIngestService::port() const { return impl_->port_; }
std::string FakeIngestService::address() const { return absl::StrCat("127.0.0.1:", port()); }

void FakeIngestService::SetScript(Script script) {
  absl::MutexLock lock(&impl_->mu_);
  impl_->script_ = std::move(script);
}

void FakeIngestService::RefuseStreams(absl::Status status) {
  absl::MutexLock lock(&impl_->mu_);
  impl_->refusal_ = std::move(status);
}

void FakeIngestService::BreakStreams() { impl_->BreakStreams(); }
bool FakeIngestService::Send(const v1::Receipt& receipt) { return impl_->Send(receipt); }

bool FakeIngestService::WaitForDeliveries(size_t count) {
  return impl_->WaitFor(
      [this, count]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return impl_->received_.size() >= count; });
}

bool FakeIngestService::WaitForStream(size_t number) {
  return impl_->WaitFor([this, number]()
                            ABSL_NO_THREAD_SAFETY_ANALYSIS { return impl_->streams_ >= number; });
}

std::vector<ReceivedDelivery> FakeIngestService::received() const {
  absl::MutexLock lock(&impl_->mu_);
  return impl_->received_;
}

v1::Receipt AcceptedReceipt(const v1::Delivery& delivery, uint64_t sequence, bool duplicate) {
  v1::Receipt receipt;
  receipt.set_id(delivery.id());
  receipt.mutable_accepted()->set_incident_id(delivery.incident().id());
  receipt.mutable_accepted()->set_sequence(sequence);
  receipt.mutable_accepted()->set_duplicate(duplicate);
  return receipt;
}

v1::Receipt QuarantinedReceipt(const v1::Delivery& delivery, uint64_t quarantine_id) {
  v1::Receipt receipt;
  receipt.set_id(delivery.id());
  receipt.mutable_quarantined()->set_id(quarantine_id);
  return receipt;
}

v1::Receipt RejectedReceipt(const v1::Delivery& delivery, const absl::Status& status) {
  v1::Receipt receipt;
  receipt.set_id(delivery.id());
  *receipt.mutable_rejected() = ToProtoStatus(status);
  return receipt;
}

}  // namespace incidenthub::testing
