// What the fuzz targets of all decoders require.

#ifndef INCIDENTHUB_TESTS_FUZZ_FUZZ_CHECKS_H_
#define INCIDENTHUB_TESTS_FUZZ_FUZZ_CHECKS_H_

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/decode/decoder.h"
#include "common/error_details.h"
#include "google/protobuf/util/message_differencer.h"
#include "incidenthub/v1/ingest_service.pb.h"
#include "tests/common/decode/leaf_check.h"
#include "tests/common/decode/plain_json.h"

namespace incidenthub::testing {

// Ends the process, so that the fuzzer keeps the input.
inline void Require(bool condition, absl::string_view what) {
  if (condition) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline void RequireDocumentedError(const absl::Status& status) {
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

inline void RequireJson(const google::protobuf::Map<std::string, std::string>& extra) {
  for (const auto& [pointer, text] : extra) Require(ParsePlainJson(text).has_value(), text);
}

// What must hold of a delivery that was made of `raw`, which reads as `plain`.
inline void RequireSound(const v1::Delivery& delivery, const PlainJson& plain,
                         const std::string& raw, BodyShape shape) {
  if (delivery.has_unmapped()) {
    Require(delivery.unmapped().raw() == raw, "the body is not kept as it was");
    Require(!delivery.unmapped().reason().empty() && delivery.unmapped().reason().size() < 600,
            delivery.unmapped().reason());
    return;
  }
  const v1::Incident& incident = delivery.incident();
  Require(delivery.has_incident() && !incident.id().empty() &&
              incident.id().size() <= decode::kIncidentIdBytesMax,
          "id");
  Require(delivery.activity() != v1::ACTIVITY_UNSPECIFIED, "activity");
  Require(delivery.ByteSizeLong() <= decode::kDeliveryBytesMax, "size");
  v1::Delivery parsed;
  Require(parsed.ParseFromString(delivery.SerializeAsString()) &&
              google::protobuf::util::MessageDifferencer::Equals(parsed, delivery),
          "encoding");
  RequireJson(incident.extra());
  for (const v1::Alert& alert : incident.alerts()) RequireJson(alert.extra());
  const std::vector<std::string> lost = FindLostLeaves(plain, delivery, shape);
  Require(lost.empty(), absl::StrJoin(lost, "\n"));
}

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_FUZZ_FUZZ_CHECKS_H_
