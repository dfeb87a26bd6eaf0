// Any bytes at all, decoded as Apono's webhook body. What must hold: as of BigPanda's decoder, but
// that a body may be a test, of which nothing is kept.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "common/decode/apono.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/common/decode/decode_items.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"
#include "tests/fuzz/fuzz_checks.h"

namespace incidenthub::decode {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::KeptItem;
using testing::ParsePlainJson;
using testing::PlainJson;
using testing::Require;

constexpr absl::string_view kByteOrderMark = "\xef\xbb\xbf";

void DecodeOne(const std::string& body) {
  std::string text = body;
  const auto items = testing::DecodeItems(DecodeAponoBody, &text, "fuzz");
  Require(text == body, "the body changed");
  absl::string_view rest = body;
  if (absl::StartsWith(rest, kByteOrderMark)) rest.remove_prefix(kByteOrderMark.size());
  const absl::optional<PlainJson> plain = ParsePlainJson(rest);
  if (!items.ok()) {
    testing::RequireDocumentedError(items.status());
    Require(!plain.has_value() || items.status().code() == absl::StatusCode::kResourceExhausted,
            "refused, and a plain reading accepts it");
    return;
  }
  Require(plain.has_value(), "accepted, and a plain reading refuses it");
  Require(items->size() == 1 && items->front().index == 0 && items->front().raw == body, "item");
  const KeptItem& item = items->front();
  Require(item.delivery.source() == "fuzz", "source");
  if (item.outcome == Item::Outcome::kTest) {
    Require(item.delivery.payload_case() == v1::Delivery::PAYLOAD_NOT_SET, "a test is kept");
  } else {
    testing::RequireSound(item.delivery, *plain, body, testing::BodyShape::kApono);
  }
  const auto again = testing::DecodeItems(DecodeAponoBody, &text, "fuzz");
  Require(again.ok() && MessageDifferencer::Equals(again->front().delivery, item.delivery),
          "decoded twice, it differs");
}

}  // namespace
}  // namespace incidenthub::decode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  incidenthub::decode::DecodeOne(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
