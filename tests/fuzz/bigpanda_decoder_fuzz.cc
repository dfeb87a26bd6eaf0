// Any bytes at all, decoded as BigPanda's webhook body. What must hold:
// - the decoder accepts exactly what a plain reading of RFC 8259 accepts;
// - an error has one of the documented codes and reasons; a body that is no incident is kept whole,
// with a reason;
// - a delivery has a usable id and an activity, survives encoding, and is the same when decoded
// again;
// - what is kept in `extra` is JSON, and no leaf of the body is lost.

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/decode/bigpanda.h"
#include "google/protobuf/util/message_differencer.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"
#include "tests/fuzz/fuzz_checks.h"

namespace incidenthub::decode {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::ParsePlainJson;
using testing::PlainJson;
using testing::Require;

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

// What is kept goes through a second decoding as it is.
void RequireKept(const google::protobuf::Map<std::string, std::string>& extra) {
  for (const auto& [pointer, text] : extra) {
    std::string again = "{\"id\": \"a\", \"x\": " + text + "}";
    const absl::StatusOr<v1::Delivery> delivery = DecodeBigPanda(&again, "fuzz");
    Require(delivery.ok() && delivery->incident().extra().at("/x") == text, again);
  }
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
    testing::RequireDocumentedError(delivery.status());
    Require(!plain.has_value() || delivery.status().code() == absl::StatusCode::kResourceExhausted,
            "refused, and a plain reading accepts it");
    return;
  }
  Require(plain.has_value(), "accepted, and a plain reading refuses it");
  Require(delivery->source() == "fuzz", "source");
  testing::RequireSound(*delivery, *plain, body, testing::BodyShape::kBigPanda);
  RequireKept(delivery->incident().extra());
  for (const v1::Alert& alert : delivery->incident().alerts()) RequireKept(alert.extra());
  const absl::StatusOr<v1::Delivery> again = DecodeBigPanda(&text, "fuzz");
  Require(again.ok() && MessageDifferencer::Equals(*again, *delivery), "decoded twice, it differs");
}

}  // namespace
}  // namespace incidenthub::decode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  incidenthub::decode::DecodeOne(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
