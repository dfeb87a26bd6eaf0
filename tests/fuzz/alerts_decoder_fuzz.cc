// Any bytes at all, decoded as a batch of alerts. What must hold:
// - of what a plain reading takes for a batch, the items are exactly the plain reading's;
// - whatever has an item that parses is no error, and an error has a documented code and reason;
// - an item that is not broken parses, and its delivery is sound: a usable id, an activity, it
// survives encoding, no leaf of the item is lost;
// - no app key is in any of them;
// - decoded again, or in another order of calls, it is the same.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "common/decode/alerts.h"
#include "common/decode/app_keys.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/common/decode/decode_items.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_items.h"
#include "tests/common/decode/plain_json.h"
#include "tests/fuzz/fuzz_checks.h"

namespace incidenthub::decode {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::KeptItem;
using testing::ParsePlainJson;
using testing::PlainJson;
using testing::Require;

// No value under the key but "".
bool HasNoAppKey(const PlainJson& json) {
  for (const testing::PlainMember& member : json.members) {
    if (member.key == kAppKey && member.value.raw != "\"\"") return false;
    if (!HasNoAppKey(member.value)) return false;
  }
  for (const PlainJson& element : json.elements) {
    if (!HasNoAppKey(element)) return false;
  }
  return true;
}

void CheckItem(const KeptItem& item) {
  Require(item.problem.empty() == (item.outcome != Item::Outcome::kBroken), "problem");
  Require(item.problem.size() < 600, item.problem);
  if (item.outcome == Item::Outcome::kBroken) {
    Require(item.raw.empty() && item.delivery.payload_case() == v1::Delivery::PAYLOAD_NOT_SET,
            "something of a broken item");
    return;
  }
  const absl::optional<PlainJson> plain = ParsePlainJson(item.raw);
  Require(plain.has_value(), item.raw);
  testing::RequireSound(item.delivery, *plain, item.raw, testing::BodyShape::kAlert);
  if (item.outcome == Item::Outcome::kUnmapped) {
    Require(item.delivery.unmapped().kind() == "alerts" && HasNoAppKey(*plain), item.raw);
    return;
  }
  Require(item.delivery.ignore_unless_known() && item.delivery.incident().alerts_size() == 1,
          "alert");
  for (const testing::PlainMember& member : plain->members)
    Require(member.key != kAppKey || member.value.raw == "\"\"", item.raw);
  for (const v1::Tag& tag : item.delivery.incident().alerts(0).tags())
    Require(tag.name() != kAppKey, item.raw);
}

// The items are `plain`, but for what stands beside a wrapper's alerts.
void CompareWithPlain(const std::vector<KeptItem>& items, const std::vector<std::string>& plain) {
  size_t next = 0;
  std::string scratch;
  for (const KeptItem& item : items) {
    const bool is_beside = item.outcome == Item::Outcome::kUnmapped &&
                           absl::EndsWith(item.delivery.unmapped().reason(),
                                          "stands beside the alerts, and is part of none");
    if (is_beside) continue;
    Require(next < plain.size(), "more items than a plain reading finds");
    const AppKeyDepth depth =
        item.outcome == Item::Outcome::kUnmapped ? AppKeyDepth::kAny : AppKeyDepth::kOwn;
    Require(item.outcome != Item::Outcome::kBroken, "broken, and a plain reading takes it");
    Require(item.raw == BlankAppKeys(plain[next], depth, &scratch), item.raw);
    ++next;
  }
  Require(next == plain.size(), "fewer items than a plain reading finds");
}

void DecodeOne(const std::string& body) {
  std::string text = body;
  const auto items = testing::DecodeItems(DecodeAlertsBody, &text);
  Require(text == body, "the body changed");
  const absl::optional<std::vector<std::string>> plain = testing::PlainItems(body);
  if (!items.ok()) {
    testing::RequireDocumentedError(items.status());
    Require(!plain.has_value() || plain->empty() ||
                items.status().code() == absl::StatusCode::kResourceExhausted,
            "refused, and a plain reading accepts it");
    return;
  }
  bool is_any_read = items->empty();
  for (size_t i = 0; i < items->size(); ++i) {
    const KeptItem& item = (*items)[i];
    Require(item.index == i, "index");
    CheckItem(item);
    is_any_read = is_any_read || item.outcome != Item::Outcome::kBroken;
  }
  Require(is_any_read, "nothing was read, and it is no error");
  if (plain.has_value()) CompareWithPlain(*items, *plain);

  const auto again = testing::DecodeItems(DecodeAlertsBody, &text);
  Require(again.ok() && again->size() == items->size(), "decoded twice, it differs");
  for (size_t i = 0; i < items->size(); ++i) {
    Require((*again)[i].raw == (*items)[i].raw &&
                MessageDifferencer::Equals((*again)[i].delivery, (*items)[i].delivery),
            "decoded twice, an item differs");
  }
}

}  // namespace
}  // namespace incidenthub::decode

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  incidenthub::decode::DecodeOne(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
