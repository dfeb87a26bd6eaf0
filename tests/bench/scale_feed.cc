#include "tests/bench/scale_feed.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/decode/decoder.h"
#include "common/decode/source_kinds.h"
#include "common/grpc_status.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"
#include "grpcpp/support/client_callback.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/support/hub_channel.h"
#include "tests/support/webhook.h"

namespace incidenthub::bench {
namespace {

constexpr absl::string_view kKind = "bigpanda";
constexpr char kIngest[] = "/incidenthub.v1.IngestService/Ingest";
constexpr absl::Duration kPatience = absl::Minutes(1);

// Stand-ins that are found in the encoded delivery, each once. Numbers from 2^28 on, below 2^35,
// have five bytes.
constexpr size_t kNumberBytes = 5;
constexpr uint64_t kFirstNumber = uint64_t{1} << 28U;
constexpr uint64_t kIdStandIn = kFirstNumber + 123'456'789;
constexpr uint64_t kUpdateTimeStandIn = 2'012'345'678;
// Newer than any time of the sample's.
constexpr uint64_t kFirstUpdateTime = 1'795'400'000;
constexpr size_t kDigestBytes = 16;
// Shorter ones may be words.
constexpr size_t kHexadecimalMin = 16;

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80U; value >>= 7U) bytes += static_cast<char>((value & 0x7fU) | 0x80U);
  bytes += static_cast<char>(value);
  return bytes;
}

// A step of splitmix64: numbers that look random, the same ones in every run.
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

v1::Delivery DecodedSample(const std::string& incident_id) {
  std::string body = testing::SampleWith(incident_id, static_cast<int64_t>(kUpdateTimeStandIn));
  v1::Delivery delivery;
  const absl::Status decoded = decode::FindSourceKind(kKind)->decode(
      &body,
      {kKind, [](absl::string_view) -> absl::StatusOr<std::string> { return std::string(kKind); }},
      [&delivery](decode::Item item) {
        delivery = std::move(item.delivery);
        return true;
      });
  INCIDENTHUB_CHECK(decoded.ok() && delivery.has_incident());
  return delivery;
}

// Makes an incident of about `bytes` of it.
void Resize(size_t bytes, v1::Incident* incident) {
  const v1::Alert alert = incident->alerts(0);
  if (incident->ByteSizeLong() > bytes) {
    // What a small source sends.
    incident->clear_related_changes();
    incident->clear_alerts();
    incident->clear_extra();
  }
  while (incident->ByteSizeLong() + alert.ByteSizeLong() < bytes) {
    v1::Alert* added = incident->add_alerts();
    *added = alert;
    added->set_id(absl::StrFormat("%024x", Mix(static_cast<uint64_t>(incident->alerts_size()))));
  }
}

bool IsHexadecimal(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
}

}  // namespace

DeliveryTemplate::DeliveryTemplate(size_t bytes) {
  const std::string incident_id = IncidentId(0);
  const std::string digest(kDigestBytes, '\xd6');
  v1::Delivery delivery = DecodedSample(incident_id);
  if (bytes > 0) Resize(bytes, delivery.mutable_incident());
  delivery.set_id(kIdStandIn);
  delivery.set_digest(digest);
  wire_ = delivery.SerializeAsString();
  id_ = Find(Varint(kIdStandIn));
  incident_id_ = Find(incident_id);
  update_time_ = Find(Varint(kUpdateTimeStandIn));
  digest_ = Find(digest);
  for (size_t at = 0; at < wire_.size(); ++at) {
    const size_t begin = at;
    while (at < wire_.size() && IsHexadecimal(wire_[at])) ++at;
    if (at - begin >= kHexadecimalMin) hexadecimal_.push_back({begin, at - begin});
  }
}

DeliveryTemplate::Place DeliveryTemplate::Find(absl::string_view text) const {
  const size_t at = wire_.find(text.data(), 0, text.size());
  INCIDENTHUB_CHECK(at != std::string::npos &&
                    wire_.find(text.data(), at + 1, text.size()) == std::string::npos);
  return {at, text.size()};
}

// Without a run of hexadecimal digits, so that it is no place of two kinds.
std::string DeliveryTemplate::IncidentId(uint64_t incident) {
  return absl::StrFormat("scale-%08d-of-many", incident);
}

uint64_t DeliveryTemplate::RevisionOf(const v1::Incident& incident) {
  return static_cast<uint64_t>(incident.update_time().seconds()) - kFirstUpdateTime;
}

void DeliveryTemplate::Append(uint64_t id, uint64_t incident, uint64_t revision,
                              std::string* request) const {
  absl::StrAppend(request, "\n", Varint(wire_.size()));
  const size_t begin = request->size();
  request->append(wire_);
  const auto put = [&](const Place& place, absl::string_view text) {
    INCIDENTHUB_CHECK(text.size() == place.length);
    request->replace(begin + place.offset, place.length, text.data(), text.size());
  };
  put(id_, Varint(kFirstNumber + id));
  put(incident_id_, IncidentId(incident));
  put(update_time_, Varint(kFirstUpdateTime + revision));
  const uint64_t digest[] = {Mix(incident), Mix(~revision)};
  static_assert(sizeof(digest) == kDigestBytes);
  put(digest_, {reinterpret_cast<const char*>(digest), kDigestBytes});
  uint64_t random = incident;
  for (const Place& place : hexadecimal_) {
    for (size_t i = 0; i < place.length; ++i) {
      if (i % kHexadecimalMin == 0) random = Mix(random);
      (*request)[begin + place.offset + i] =
          "0123456789abcdef"[(random >> (4 * (i % kHexadecimalMin))) & 0xfU];
    }
  }
}

class Feeder::Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Stream(Options options)
      : options_(std::move(options)), stub_(testing::ConnectToHub(options_.port)) {
    stub_.PrepareBidiStreamingCall(&context_, kIngest, grpc::StubOptions(), this);
    // Writes are started from outside of reactions.
    AddHold();
    StartRead(&response_);
    StartCall();
  }

  void End() {
    context_.TryCancel();
    RemoveHold();
    absl::MutexLock lock(&mu_);
    while (!done_) changed_.Wait(&mu_);
  }

  absl::Status Send(const std::string& request, size_t deliveries) {
    const absl::Time deadline = absl::Now() + kPatience;
    {
      absl::MutexLock lock(&mu_);
      while (status_.ok() && (writing_ || !HasRoom(deliveries))) {
        if (changed_.WaitWithDeadline(&mu_, deadline)) return Silent();
      }
      if (!status_.ok()) return status_;
      const grpc::Slice slice(request);
      request_ = grpc::ByteBuffer(&slice, 1);
      writing_ = true;
      unanswered_ += deliveries;
    }
    StartWrite(&request_);
    return absl::OkStatus();
  }

  absl::Status WaitForReceipts() {
    const absl::Time deadline = absl::Now() + kPatience;
    absl::MutexLock lock(&mu_);
    while (status_.ok() && unanswered_ > 0) {
      if (changed_.WaitWithDeadline(&mu_, deadline)) return Silent();
    }
    return status_;
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mu_);
    writing_ = false;
    if (!ok && status_.ok()) status_ = absl::UnavailableError("the hub ended the stream");
    changed_.SignalAll();
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      absl::MutexLock lock(&mu_);
      if (status_.ok()) status_ = absl::UnavailableError("the hub ended the stream");
      changed_.SignalAll();
      return;
    }
    v1::IngestResponse response;
    const grpc::Status parsed =
        grpc::SerializationTraits<v1::IngestResponse>::Deserialize(&response_, &response);
    absl::Status taken = FromGrpcStatus(parsed);
    for (const v1::Receipt& receipt : response.receipts()) {
      if (!receipt.has_accepted() || receipt.accepted().duplicate()) {
        taken = absl::FailedPreconditionError(
            absl::StrCat("a delivery made no event: ", receipt.ShortDebugString()));
      }
      if (options_.on_receipt) options_.on_receipt(receipt.id() - kFirstNumber);
    }
    {
      absl::MutexLock lock(&mu_);
      unanswered_ -= static_cast<size_t>(response.receipts_size());
      if (status_.ok()) status_ = taken;
      changed_.SignalAll();
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& /*status*/) override {
    absl::MutexLock lock(&mu_);
    done_ = true;
    changed_.SignalAll();
  }

 private:
  // One that is larger than the window goes alone.
  bool HasRoom(size_t deliveries) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return unanswered_ == 0 || unanswered_ + deliveries <= options_.window;
  }

  static absl::Status Silent() { return absl::DeadlineExceededError("the hub gives no receipts"); }

  const Options options_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  absl::Mutex mu_;
  // Any of these.
  absl::CondVar changed_;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  size_t unanswered_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

Feeder::Feeder(Options options) : stream_(std::make_unique<Stream>(std::move(options))) {}
Feeder::~Feeder() { stream_->End(); }

absl::Status Feeder::Send(const std::string& request, size_t deliveries) {
  return stream_->Send(request, deliveries);
}

absl::Status Feeder::WaitForReceipts() { return stream_->WaitForReceipts(); }

}  // namespace incidenthub::bench
