#include "tests/bench/delivery_template.h"

#include <cstring>
#include <random>

#include "absl/strings/str_format.h"
#include "common/decode/decoder.h"
#include "common/decode/source_kinds.h"
#include "common/status_macros.h"
#include "google/protobuf/io/coded_stream.h"
#include "grpcpp/support/slice.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/bench/request_template.h"
#include "tests/support/webhook.h"

namespace incidenthub::bench {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr absl::string_view kKind = "bigpanda";
constexpr size_t kNumberLength = 16;
// As long as a gateway's.
constexpr size_t kDigestLength = 32;
constexpr uint64_t kFirstUpdate = 1'795'300'000;
// Each id, and each time of an update, is as long as the first one.
constexpr uint64_t kFirstId = uint64_t{1} << 56U;

std::string Varint(uint64_t value) {
  uint8_t bytes[10];
  const uint8_t* end = CodedOutputStream::WriteVarint64ToArray(value, bytes);
  return {reinterpret_cast<const char*>(bytes), static_cast<size_t>(end - bytes)};
}

absl::StatusOr<v1::Delivery> Decode(const std::string& incident_id) {
  std::string body = testing::SampleWith(incident_id, static_cast<int64_t>(kFirstUpdate));
  const auto no_app_key = [](absl::string_view) -> absl::StatusOr<std::string> {
    return std::string(kKind);
  };
  v1::Delivery delivery;
  RETURN_IF_ERROR(decode::FindSourceKind(kKind)->decode(&body, {kKind, no_app_key},
                                                        [&delivery](decode::Item item) {
                                                          delivery = std::move(item.delivery);
                                                          return true;
                                                        }));
  return delivery;
}

}  // namespace

absl::StatusOr<DeliveryTemplate> DeliveryTemplate::Create(uint64_t incidents) {
  std::random_device random;
  const std::string number(kNumberLength, '0');
  const std::string incident_id = absl::StrFormat("fd%06x%s", random() & 0xffffffU, number);
  const std::string digest(kDigestLength, '#');
  ASSIGN_OR_RETURN(v1::Delivery delivery, Decode(incident_id));
  delivery.set_id(kFirstId);
  delivery.set_digest(digest);
  delivery.set_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  delivery.mutable_receive_time()->set_seconds(kFirstUpdate + 1);
  v1::IngestRequest request;
  *request.add_deliveries() = std::move(delivery);
  DeliveryTemplate made;
  made.incidents_ = incidents;
  made.delivery_ = request.SerializeAsString();
  const auto find = [&made](const std::string& text) {
    const size_t at = made.delivery_.find(text);
    return at == std::string::npos ? at : at + text.size();
  };
  // After the tag of an id; an update's time begins with its own tag and length, and the seconds'.
  const std::string update = Varint(kFirstUpdate);
  made.id_at_ = find("\x08" + Varint(kFirstId)) - Varint(kFirstId).size();
  made.number_at_ = find(incident_id) - kNumberLength;
  made.update_at_ = find("\x62\x06\x08" + update) - update.size();
  made.digest_at_ = find(digest) - kDigestLength;
  for (const size_t at : {made.id_at_, made.number_at_, made.update_at_, made.digest_at_}) {
    if (at >= made.delivery_.size()) {
      return absl::InternalError("the sample's delivery is not as it is looked for");
    }
  }
  return made;
}

grpc::ByteBuffer DeliveryTemplate::Request(uint64_t first, size_t count) const {
  grpc::Slice slice(count * delivery_.size());
  // Nobody else has it yet.
  char* to = const_cast<char*>(reinterpret_cast<const char*>(slice.begin()));
  for (size_t i = 0; i < count; ++i) {
    std::memcpy(to, delivery_.data(), delivery_.size());
    Patch(first + i, to);
    to += delivery_.size();
  }
  return {&slice, 1};
}

void DeliveryTemplate::Patch(uint64_t index, char* delivery) const {
  CodedOutputStream::WriteVarint64ToArray(kFirstId + index,
                                          reinterpret_cast<uint8_t*>(delivery + id_at_));
  CodedOutputStream::WriteVarint64ToArray(kFirstUpdate + index / incidents_,
                                          reinterpret_cast<uint8_t*>(delivery + update_at_));
  WriteDigits(index % incidents_, kNumberLength, delivery + number_at_);
  // Only its beginning is kept.
  WriteDigits(index, kNumberLength, delivery + digest_at_);
}

}  // namespace incidenthub::bench
