// What people and scripts do with a FakeBigPanda over HTTP, without a key:
//
// POST /fake/incidents             {"id", "environment_id"?}: 201, the incident
// POST /fake/import                a webhook's body, which somebody else sends: 201, the incident
// POST /fake/incidents/ID/update   {"status"?}: 200, the incident
// POST /fake/incidents/ID/comment  {"comment"}
// POST /fake/incidents/ID/close    {}
// POST /fake/incidents/ID/reopen   {}
// GET  /fake/incidents/ID          200, the incident
// GET  /fake/requests              200, an array
// GET  /fake/webhooks              200, {"given_up", "done"}
// POST /fake/faults                {"endpoint", "kind", "count"?, "status"?, "retry_after"?,
//                                  "seconds"?}
// POST /fake/api-key               {"api_key"}
// POST /fake/webhook-url           {"url"}
//
// Kinds of faults: status, delay, hang, reset, garbage, huge-body, drip. Errors are like the API's.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_CONTROL_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_CONTROL_H_

#include "tests/support/fake_bigpanda_api.h"
#include "tests/support/fake_bigpanda_http.h"
#include "tests/support/fake_bigpanda_incidents.h"
#include "tests/support/fake_bigpanda_webhooks.h"

namespace incidenthub::testing {

inline constexpr char kFakeControlPrefix[] = "/fake/";

struct FakeBigPandaParts {
  FakeWebhooks& webhooks;
  FakeIncidents& incidents;
  FakeBigPandaApi& api;
};

// Threads: any. `request`: its path begins with kFakeControlPrefix.
FakeHttpAnswer HandleControl(const FakeHttpRequest& request, const FakeBigPandaParts& parts);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_CONTROL_H_
