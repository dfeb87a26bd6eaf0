#include "tests/support/ingest_session.h"

#include <functional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "incidenthub/v1/ingest_service.grpc.pb.h"
#include "tests/support/hub_channel.h"

namespace incidenthub::testing {
namespace {

constexpr int64_t kStartSeconds = 1'790'000'000;
// 16 bytes that are equal where the text is.
std::string DigestOf(const std::string& text) {
  std::string digest;
  for (const char* salt : {"a", "b"}) {
    uint64_t hash = std::hash<std::string>()(absl::StrCat(salt, text));
    for (int i = 0; i < 8; ++i, hash >>= 8U) digest += static_cast<char>(hash & 0xffU);
  }
  return digest;
}

}  // namespace

v1::Delivery MakeDelivery(absl::string_view incident_id, int64_t update_seconds,
                          size_t padding_bytes) {
  v1::Delivery delivery;
  delivery.set_source("bigpanda");
  delivery.set_activity(v1::ACTIVITY_ACTIVE);
  delivery.mutable_receive_time()->set_seconds(kStartSeconds + update_seconds);
  v1::Incident* incident = delivery.mutable_incident();
  incident->set_id(std::string(incident_id));
  incident->set_source("bigpanda");
  incident->set_status(v1::STATUS_CRITICAL);
  incident->set_status_text("critical");
  incident->mutable_start_time()->set_seconds(kStartSeconds);
  incident->mutable_change_time()->set_seconds(kStartSeconds + update_seconds);
  incident->mutable_update_time()->set_seconds(kStartSeconds + update_seconds);
  if (padding_bytes > 0) {
    v1::Alert* alert = incident->add_alerts();
    alert->set_id(absl::StrCat(incident_id, "-alert"));
    alert->set_description(std::string(padding_bytes, 'x'));
  }
  delivery.set_digest(DigestOf(absl::StrCat(incident_id, "/", update_seconds)));
  return delivery;
}

class IngestSession::Stream {
 public:
  explicit Stream(int port)
      : stub_(v1::IngestService::NewStub(ConnectToHub(port))), stream_(stub_->Ingest(&context_)) {}

  ~Stream() {
    context_.TryCancel();
    if (!finished_) stream_->Finish();
  }

  bool Write(const v1::IngestRequest& request) { return stream_->Write(request); }
  bool Read(v1::IngestResponse* response) { return stream_->Read(response); }
  absl::Status Finish() {
    if (std::exchange(finished_, true)) return absl::FailedPreconditionError("the stream is over");
    const absl::Status status = FromGrpcStatus(stream_->Finish());
    return status.ok() ? absl::UnavailableError("the hub ended the stream") : status;
  }

 private:
  const std::unique_ptr<v1::IngestService::Stub> stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::IngestRequest, v1::IngestResponse>> stream_;
  bool finished_ = false;
};

IngestSession::IngestSession(int port) : stream_(std::make_unique<Stream>(port)) {}
IngestSession::~IngestSession() = default;

absl::StatusOr<std::vector<v1::Receipt>> IngestSession::Send(std::vector<v1::Delivery> deliveries) {
  const uint64_t first_id = last_id_ + 1;
  v1::IngestRequest request;
  for (v1::Delivery& delivery : deliveries) {
    delivery.set_id(++last_id_);
    *request.add_deliveries() = std::move(delivery);
  }
  if (!stream_->Write(request)) return stream_->Finish();
  std::vector<v1::Receipt> receipts(deliveries.size());
  v1::IngestResponse response;
  for (size_t missing = deliveries.size(); missing > 0;) {
    if (!stream_->Read(&response)) return stream_->Finish();
    for (v1::Receipt& receipt : *response.mutable_receipts()) {
      const uint64_t id = receipt.id();
      if (id < first_id || id > last_id_) {
        return absl::InternalError(absl::StrCat("a receipt for ", id, ", which was not sent"));
      }
      receipts[id - first_id] = std::move(receipt);
      --missing;
    }
  }
  return receipts;
}

}  // namespace incidenthub::testing
