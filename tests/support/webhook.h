// Webhooks as BigPanda sends them, and what the gateway answers.

#ifndef INCIDENTHUB_TESTS_SUPPORT_WEBHOOK_H_
#define INCIDENTHUB_TESTS_SUPPORT_WEBHOOK_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/support/http_client.h"

namespace incidenthub::testing {

inline constexpr absl::string_view kWebhookPath = "/v1/webhooks/bigpanda";
// A value of the Authorization header; the gateways that tests start accept it and no other.
inline constexpr absl::string_view kWebhookSecret = "Bearer test-secret-Zm9vYmFy";

// Of a webhook with the right credential.
HttpHeaders WebhookHeaders();

// The documented sample, byte for byte.
std::string DocumentedSample();
// The documented sample as an update of another incident: its id and `updatedOn` replaced.
std::string SampleWith(absl::string_view incident_id, int64_t updated_on);

// A small incident.
std::string SmallIncident(absl::string_view incident_id, int64_t updated_on);

// The body of a 200.
struct Accepted {
  std::string incident_id;
  uint64_t sequence = 0;
  bool duplicate = false;
};
// INVALID_ARGUMENT: it is none.
absl::StatusOr<Accepted> ParseAccepted(absl::string_view body);

// The reason in the body of an error. Empty: it has none.
std::string ParseErrorReason(absl::string_view body);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_WEBHOOK_H_
