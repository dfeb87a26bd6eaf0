// Any bytes at all, decoded as BigPanda's webhook body. What must hold:
// - the decoder accepts exactly what a plain reading of RFC 8259 accepts;
// - an error has one of the documented codes and reasons; a body that is no incident is kept whole,
// with a reason;
// - a delivery has a usable id and an activity, survives encoding, and is the same when decoded
// again;
// - what is kept in `extra` is JSON, and no leaf of the body is lost.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/decode/bigpanda.h"
#include "common/error_details.h"
#include "google/protobuf/util/message_differencer.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"

namespace incidenthub::decode {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::FindLostLeaves;
using testing::ParsePlainJson;
using testing::PlainJson;

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

// Ends the process, so that the fuzzer keeps the input.
void Require(bool condition, absl::string_view what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

void RequireDocumentedError(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  if (status.code() == absl::StatusCode::kInvalidArgument) {
    Require(reason == "BODY_EMPTY" || reason == "NOT_UTF8" || reason == "NOT_JSON" ||
                reason == "TOO_DEEP",
            status.ToString());
  } else {
    Require(status.code() == absl::StatusCode::kResourceExhausted && reason == "EVENT_TOO_LARGE",
            status.ToString());
  }
  Require(!status.message().empty() && status.message().size() < 600, status.ToString());
}

void RequireJson(const google::protobuf::Map<std::string, std::string>& extra) {
  for (const auto& [pointer, text] : extra) {
    Require(ParsePlainJson(text).has_value(), text);
    // It goes through a second decoding as it is.
    std::string again = "{\"id\": \"a\", \"x\": " + text + "}";
    const absl::StatusOr<v1::Delivery> delivery = DecodeBigPanda(&again, "fuzz");
    Require(delivery.ok() && delivery->incident().extra().at("/x") == text, again);
  }
}

void RequireSound(const v1::Delivery& delivery, const PlainJson& plain, const std::string& body) {
  Require(delivery.source() == "fuzz", "source");
  if (delivery.has_unmapped()) {
    Require(delivery.unmapped().raw() == body, "the body is not kept as it was");
    Require(!delivery.unmapped().reason().empty() && delivery.unmapped().reason().size() < 600,
            delivery.unmapped().reason());
    return;
  }
  const v1::Incident& incident = delivery.incident();
  Require(delivery.has_incident() && !incident.id().empty() &&
              incident.id().size() <= kIncidentIdBytesMax,
          "id");
  Require(delivery.activity() != v1::ACTIVITY_UNSPECIFIED, "activity");
  Require(delivery.ByteSizeLong() <= kDeliveryBytesMax, "size");
  v1::Delivery parsed;
  Require(parsed.ParseFromString(delivery.SerializeAsString()) &&
              MessageDifferencer::Equals(parsed, delivery),
          "encoding");
  RequireJson(incident.extra());
  for (const v1::Alert& alert : incident.alerts()) RequireJson(alert.extra());
  const std::vector<std::string> lost = FindLostLeaves(plain, delivery);
  Require(lost.empty(), absl::StrJoin(lost, "\n"));
}

void DecodeOne(const std::string& body) {
  std::string text = body;
  const absl::StatusOr<v1::Delivery> delivery = DecodeBigPanda(&text, "fuzz");
  Require(text == body, "the body changed");
  absl::string_view rest = body;
  if (rest.substr(0, kByteOrderMark.size()) == kByteOrderMark)
    rest.remove_prefix(kByteOrderMark.size());
  const absl::optional<PlainJson> plain = ParsePlainJson(rest);
  if (!delivery.ok()) {
    RequireDocumentedError(delivery.status());
    Require(!plain.has_value() || delivery.status().code() == absl::StatusCode::kResourceExhausted,
            "refused, and a plain reading accepts it");
    return;
  }
  Require(plain.has_value(), "accepted, and a plain reading refuses it");
  RequireSound(*delivery, *plain, body);
  const absl::StatusOr<v1::Delivery> again = DecodeBigPanda(&text, "fuzz");
  Require(again.ok() && MessageDifferencer::Equals(*again, *delivery), "decoded twice, it differs");
}

}  // namespace
}  // namespace incidenthub::decode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  incidenthub::decode::DecodeOne(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
