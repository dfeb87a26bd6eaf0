#include "server/domain/ingest_request.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/stubs/common.h"
#include "google/protobuf/unknown_field_set.h"
#include "incidenthub/v1/incident.pb.h"
#include "server/domain/wire_fields.h"

namespace incidenthub {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::UnknownFieldSet;

bool StaysEncoded(size_t number) {
  return number == v1::Incident::kAlertsFieldNumber ||
         number == v1::Incident::kRelatedChangesFieldNumber ||
         number == v1::Incident::kExtraFieldNumber;
}

bool IsUtf8(absl::string_view text) {
  // Nearly all of it is ASCII, which eight bytes at once can tell.
  constexpr uint64_t kNotAscii = 0x8080808080808080U;
  uint64_t bits = 0;
  uint64_t word = 0;
  size_t next = 0;
  for (; text.size() - next >= sizeof(word); next += sizeof(word)) {
    std::memcpy(&word, text.data() + next, sizeof(word));
    bits |= word;
  }
  for (; next < text.size(); ++next) bits |= static_cast<uint8_t>(text[next]);
  return (bits & kNotAscii) == 0 || google::protobuf::internal::IsStructurallyValidUTF8(
                                        text.data(), static_cast<int>(text.size()));
}

// Whether `message` decodes as a `type`. False also where only decoding can tell.
bool IsWellFormed(absl::string_view message, const Descriptor& type) {
  bool good = true;
  const bool visited = VisitFields(message, [&](const WireField& field) {
    const FieldDescriptor* const known = type.FindFieldByNumber(static_cast<int>(field.number));
    if (!good || known == nullptr || !field.has_length) return;
    if (known->type() == FieldDescriptor::TYPE_STRING) {
      good = IsUtf8(field.content);
    } else {
      good = known->type() == FieldDescriptor::TYPE_MESSAGE &&
             IsWellFormed(field.content, *known->message_type());
    }
  });
  return visited && good;
}

bool ParseIncident(absl::string_view bytes, v1::Incident* incident) {
  static const Descriptor* const kType = v1::Incident::descriptor();
  std::string decoded;
  decoded.reserve(bytes.size());
  bool good = true;
  UnknownFieldSet encoded;
  const bool visited = VisitFields(bytes, [&](const WireField& field) {
    if (!StaysEncoded(field.number)) {
      decoded.append(field.whole.data(), field.whole.size());
      return;
    }
    const int number = static_cast<int>(field.number);
    good = good && field.has_length &&
           IsWellFormed(field.content, *kType->FindFieldByNumber(number)->message_type());
    encoded.AddLengthDelimited(number)->assign(field.content.data(), field.content.size());
  });
  if (!visited || !good || !incident->ParseFromString(decoded)) return false;
  incident->GetReflection()->MutableUnknownFields(incident)->MergeFromAndDestroy(&encoded);
  return true;
}

bool ParseDelivery(absl::string_view bytes, v1::Delivery* delivery) {
  WireField incident;
  // Of several the last counts, or they are joined: for the library to say.
  int payloads = 0;
  const bool visited = VisitFields(bytes, [&](const WireField& field) {
    const bool is_incident = field.number == v1::Delivery::kIncidentFieldNumber && field.has_length;
    if (is_incident) incident = field;
    if (is_incident || field.number == v1::Delivery::kUnmappedFieldNumber) ++payloads;
  });
  if (!visited || payloads > 1) return false;
  if (incident.whole.empty()) {
    return delivery->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
  const auto begin = static_cast<size_t>(incident.whole.data() - bytes.data());
  return delivery->ParseFromString(
             absl::StrCat(bytes.substr(0, begin), bytes.substr(begin + incident.whole.size()))) &&
         ParseIncident(incident.content, delivery->mutable_incident());
}

}  // namespace

bool ParseIngestRequest(absl::string_view bytes, v1::IngestRequest* request) {
  request->Clear();
  bool good = true;
  const bool visited = VisitFields(bytes, [&](const WireField& field) {
    good = good && field.number == v1::IngestRequest::kDeliveriesFieldNumber && field.has_length &&
           ParseDelivery(field.content, request->add_deliveries());
  });
  if (visited && good) return true;
  // Wrong, or unlike what a gateway sends: decoding all of it tells which.
  return request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace incidenthub
