#include "server/rpc/ingest_reactor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/error_details.h"
#include "common/grpc_status.h"
#include "grpcpp/support/slice.h"
#include "incidenthub/v1/ingest_service.grpc.pb.h"
#include "server/domain/ingest_request.h"
#include "server/rpc/receipt.h"

namespace incidenthub {
namespace {

constexpr absl::Duration kRetryDelay = absl::Seconds(1);

absl::Status ShuttingDown() {
  return WithRetryDelay(
      ReasonError("SHUTTING_DOWN", "the hub is shutting down; send again what has no receipt"),
      kRetryDelay);
}

bool Parse(const grpc::ByteBuffer& buffer, v1::IngestRequest* request) {
  grpc::Slice slice;
  const bool whole = buffer.TrySingleSlice(&slice).ok() || buffer.DumpToSingleSlice(&slice).ok();
  return whole &&
         ParseIngestRequest({reinterpret_cast<const char*>(slice.begin()), slice.size()}, request);
}

}  // namespace

absl::Status IngestStreams::Add(const std::shared_ptr<IngestReactor>& reactor) {
  absl::MutexLock lock(&mu_);
  if (draining_) return ShuttingDown();
  if (reactors_.size() >= max_) {
    return WithRetryDelay(
        ReasonError("TOO_MANY_INGEST_STREAMS",
                    absl::StrCat(max_, " Ingest streams are open already; a gateway needs one")),
        kRetryDelay);
  }
  reactors_.emplace(reactor.get(), reactor);
  return absl::OkStatus();
}

void IngestStreams::Remove(const IngestReactor* reactor) {
  absl::MutexLock lock(&mu_);
  reactors_.erase(reactor);
}

void IngestStreams::Drain() {
  std::vector<std::shared_ptr<IngestReactor>> open;
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
    for (const auto& [key, weak] : reactors_) {
      if (auto reactor = weak.lock()) open.push_back(std::move(reactor));
    }
  }
  for (const auto& reactor : open) reactor->Drain();
}

size_t IngestStreams::count() const {
  absl::MutexLock lock(&mu_);
  return reactors_.size();
}

IngestReactor* IngestReactor::Start(const Gate* gate, const grpc::CallbackServerContext& context,
                                    Sequencer* sequencer, IngestStreams* streams) {
  const std::shared_ptr<IngestReactor> reactor(new IngestReactor(gate, sequencer, streams));
  {
    absl::MutexLock lock(&reactor->mu_);
    reactor->self_ = reactor;
  }
  absl::StatusOr<Caller> caller = gate->Admit(Rpc::kIngest, context);
  if (!caller.ok()) {
    reactor->FinishOnce(caller.status());
    return reactor.get();
  }
  reactor->caller_ = *std::move(caller);
  if (absl::Status status = streams->Add(reactor); !status.ok()) {
    reactor->FinishOnce(status);
    return reactor.get();
  }
  absl::MutexLock lock(&reactor->mu_);
  // At once, not with the first receipt: it tells the gateway that the stream is up.
  reactor->StartSendInitialMetadata();
  reactor->ReadIfRoom();
  return reactor.get();
}

void IngestReactor::ReadIfRoom() {
  if (finished_ || ending_ || read_in_flight_) return;
  if (outstanding_deliveries_ >= kOutstandingDeliveriesMax ||
      outstanding_bytes_ >= kOutstandingBytesMax) {
    return;
  }
  read_in_flight_ = true;
  StartRead(&request_);
}

void IngestReactor::OnReadDone(bool ok) {
  if (!ok) {
    {
      absl::MutexLock lock(&mu_);
      read_in_flight_ = false;
    }
    // The gateway said that no more comes: its receipts are still owed.
    return EndWhenDone(absl::OkStatus());
  }
  if (const absl::Status status = gate_->AdmitAgain(Rpc::kIngest, caller_); !status.ok()) {
    return EndWhenDone(status);
  }
  const size_t bytes = request_.Length();
  v1::IngestRequest request;
  if (!Parse(request_, &request)) {
    return EndWhenDone(FieldError("FIELD_INVALID", "request",
                                  "is no incidenthub.v1.IngestRequest, or a text in it is no "
                                  "UTF-8"));
  }
  if (request.deliveries_size() > kDeliveriesPerRequestMax) {
    return EndWhenDone(
        FieldError("BATCH_TOO_LARGE", "deliveries",
                   absl::StrCat("has ", request.deliveries_size(), " deliveries; allowed are ",
                                kDeliveriesPerRequestMax)));
  }
  request_.Clear();
  Take(std::move(request), bytes);
}

void IngestReactor::Take(v1::IngestRequest request, size_t bytes) {
  std::vector<uint64_t> ids;
  CommandGroup group;
  group.bytes = bytes;
  group.principal = caller_.principal;
  for (v1::Delivery& delivery : *request.mutable_deliveries()) {
    ids.push_back(delivery.id());
    group.commands.emplace_back(std::move(delivery));
  }
  const size_t count = ids.size();
  {
    absl::MutexLock lock(&mu_);
    outstanding_deliveries_ += count;
    outstanding_bytes_ += bytes;
  }
  if (count > 0) {
    group.done = [self = shared_from_this(), ids, bytes](std::vector<Outcome> outcomes) {
      self->Answer(ids, bytes, std::move(outcomes));
    };
    if (const absl::Status status = sequencer_->Submit(std::move(group)); !status.ok()) {
      Answer(ids, bytes, std::vector<Outcome>(count, Outcome(status)));
    }
  }
  absl::MutexLock lock(&mu_);
  read_in_flight_ = false;
  ReadIfRoom();
}

void IngestReactor::Answer(const std::vector<uint64_t>& ids, size_t bytes,
                           std::vector<Outcome> outcomes) {
  // A stream that is ending ends in the OnWriteDone of the receipts added here.
  absl::MutexLock lock(&mu_);
  outstanding_bytes_ -= bytes;
  for (size_t i = 0; i < ids.size(); ++i) {
    *pending_.add_receipts() = ToReceipt(ids[i], std::move(outcomes[i]));
  }
  WriteIfIdle();
}

void IngestReactor::WriteIfIdle() {
  if (finished_ || write_in_flight_ || pending_.receipts_size() == 0) return;
  write_in_flight_ = true;
  writing_receipts_ = static_cast<size_t>(pending_.receipts_size());
  // Has to be empty, or the library aborts.
  writing_.Clear();
  bool own_buffer = false;
  // Fails only for a message above 2 GiB; a receipt is some hundred bytes.
  const grpc::Status serialized =
      grpc::SerializationTraits<v1::IngestResponse>::Serialize(pending_, &writing_, &own_buffer);
  INCIDENTHUB_CHECK(serialized.ok());
  pending_.Clear();
  StartWrite(&writing_);
}

void IngestReactor::OnWriteDone(bool ok) {
  if (!ok) return FinishOnce(absl::CancelledError("the gateway is gone"));
  const absl::Status* end = nullptr;
  {
    absl::MutexLock lock(&mu_);
    write_in_flight_ = false;
    outstanding_deliveries_ -= writing_receipts_;
    WriteIfIdle();
    ReadIfRoom();
    end = EndIfDone();
  }
  if (end != nullptr) FinishOnce(*end);
}

const absl::Status* IngestReactor::EndIfDone() {
  const bool done =
      ending_ && outstanding_deliveries_ == 0 && !write_in_flight_ && pending_.receipts_size() == 0;
  return done ? &end_status_ : nullptr;
}

void IngestReactor::EndWhenDone(const absl::Status& status) {
  const absl::Status* end = nullptr;
  {
    absl::MutexLock lock(&mu_);
    if (!ending_) {
      ending_ = true;
      end_status_ = status;
    }
    end = EndIfDone();
  }
  // `end_status_` never changes once set.
  if (end != nullptr) FinishOnce(*end);
}

void IngestReactor::Drain() { EndWhenDone(ShuttingDown()); }

void IngestReactor::OnCancel() { FinishOnce(absl::CancelledError("the gateway is gone")); }

void IngestReactor::FinishOnce(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    if (finished_) return;
    finished_ = true;
  }
  streams_->Remove(this);
  // Last, and without the lock: OnDone may run at once, on another thread.
  Finish(ToGrpcStatus(status));
}

void IngestReactor::OnDone() {
  std::shared_ptr<IngestReactor> self;
  {
    absl::MutexLock lock(&mu_);
    self = std::move(self_);
  }
}

}  // namespace incidenthub
