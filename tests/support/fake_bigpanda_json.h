// The JSON of a FakeBigPanda: what it reads, and the webhooks it sends.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_JSON_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_JSON_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/struct.pb.h"
#include "tests/support/fake_bigpanda_types.h"

namespace incidenthub::testing {

// Nothing: `text` is no JSON object.
std::optional<google::protobuf::Struct> ParseJsonObject(absl::string_view text);
// Nothing: there is no such member, or it is no string.
std::optional<std::string> StringMember(const google::protobuf::Struct& object,
                                        const std::string& name);
// 0: there is none, or it is no number.
double NumberMember(const google::protobuf::Struct& object, const std::string& name);
// What a webhook's body tells of its incident; nothing: it has no incident with an id.
std::optional<BigPandaIncident> IncidentOfWebhook(const google::protobuf::Struct& body);

// {"status":N,"errors":["..."]}
std::string ErrorJson(int status, absl::string_view error);
std::string IncidentJson(const BigPandaIncident& incident);
std::string RequestJson(const BigPandaRequest& request);
std::string WebhookJson(const BigPandaWebhook& webhook);

// The body of a webhook about `incident`: the documented sample with this incident's id, alerts of
// its own, its state and times. `comment`: of an incident#commented.
std::string WebhookBody(const BigPandaIncident& incident, const BigPandaEnvironment& environment,
                        absl::string_view event, const std::optional<std::string>& comment);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_JSON_H_
