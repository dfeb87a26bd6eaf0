// A decoder's items, kept.

#ifndef INCIDENTHUB_TESTS_COMMON_DECODE_DECODE_ITEMS_H_
#define INCIDENTHUB_TESTS_COMMON_DECODE_DECODE_ITEMS_H_

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/decode/decoder.h"
#include "incidenthub/v1/ingest_service.pb.h"

namespace incidenthub::testing {

// App keys begin with this; what follows is the source that they mean.
inline constexpr absl::string_view kTestAppKey = "app-key-of-";
// What no app key names a source for.
inline constexpr absl::string_view kTestSource = "unclaimed";

inline absl::StatusOr<std::string> SourceOfTestAppKey(absl::string_view app_key) {
  if (app_key.empty())
    return absl::InvalidArgumentError("is missing; send the app key of a source");
  if (!absl::StartsWith(app_key, kTestAppKey))
    return absl::InvalidArgumentError("no source has this app key");
  return std::string(app_key.substr(kTestAppKey.size()));
}

struct KeptItem {
  decode::Item::Outcome outcome = decode::Item::Outcome::kBroken;
  size_t index = 0;
  std::string raw;
  v1::Delivery delivery;
  std::string problem;
};

// The items of `*body`, at most `items_max` of them.
inline absl::StatusOr<std::vector<KeptItem>> DecodeItems(
    decode::DecodeFunction decode, std::string* body, absl::string_view source = kTestSource,
    size_t items_max = static_cast<size_t>(-1)) {
  std::vector<KeptItem> kept;
  const absl::Status status = decode(body, {source, SourceOfTestAppKey}, [&](decode::Item item) {
    kept.push_back({item.outcome, item.index, std::string(item.raw), std::move(item.delivery),
                    std::move(item.problem)});
    return kept.size() < items_max;
  });
  if (!status.ok()) return status;
  return kept;
}

inline absl::string_view NameOf(decode::Item::Outcome outcome) {
  switch (outcome) {
    case decode::Item::Outcome::kIncident:
      return "incident";
    case decode::Item::Outcome::kUnmapped:
      return "unmapped";
    case decode::Item::Outcome::kBroken:
      return "broken";
    case decode::Item::Outcome::kTest:
      return "test";
  }
  return "";
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_COMMON_DECODE_DECODE_ITEMS_H_
