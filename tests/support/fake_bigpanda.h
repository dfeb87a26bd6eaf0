// A BigPanda for tests of the way back: the part of its API that a resolve goes through, over real
// HTTP or HTTPS on loopback, and the webhooks that it sends.
//
//   POST /resources/v2.0/environments/ENV/incidents/ID/resolve   {"comments"}   202, closed later
//   POST /resources/v2.0/environments/ENV/incidents/ID/comments  {"comment"}    204
//   POST /resources/v2.1/outbound/callback   {"event_type", "incident_id", "app_key"}   200
//   GET  /resources/v2.0/environments                                           200, an array
//
// An error is {"status": N, "errors": ["..."]}; which one comes is decided in this order: a
// scripted fault, 401, 429, 404 of a path, 403 of the environment, 400 of the body, 404 or 409 of
// the incident. A request that a rate limit or a fault refuses does nothing. Like BigPanda: a
// comment sent twice is two comments; a resolve is closed, and its incident#closed sent, only after
// the 202; another one before that is a 202 as well.
//
// What happens to incidents is told to the webhook with the documented sample as its pattern; after
// incident#new everything is held back until the callback comes (options.lock).
//
// Invariants: (1) webhooks are sent one at a time, in the order of what they tell; (2) a request is
//             recorded before its answer is sent.
// Threads:    any, all methods.

#ifndef INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_H_
#define INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/fake_bigpanda_api.h"
#include "tests/support/fake_bigpanda_http.h"
#include "tests/support/fake_bigpanda_incidents.h"
#include "tests/support/fake_bigpanda_types.h"
#include "tests/support/fake_bigpanda_webhooks.h"

namespace incidenthub::testing {

// Long enough for any machine; only a failing test waits for it.
inline constexpr absl::Duration kBigPandaWaitMax = absl::Seconds(30);

class FakeBigPanda {
 public:
  // UNAVAILABLE: the port is taken. INVALID_ARGUMENT: of the TLS files.
  static absl::StatusOr<std::unique_ptr<FakeBigPanda>> Start(
      const FakeBigPandaOptions& options = {});
  // Cuts connections, hanging requests too; webhooks that wait are dropped.
  ~FakeBigPanda() = default;
  FakeBigPanda(const FakeBigPanda&) = delete;
  FakeBigPanda& operator=(const FakeBigPanda&) = delete;

  int port() const { return http_->port(); }
  // Without a slash at its end.
  std::string base_url() const;

  // --- What happens in BigPanda, other than over its API. NOT_FOUND: no such incident or
  // environment. FAILED_PRECONDITION: it is resolved already, or for a reopen is not.

  // incident#new. ALREADY_EXISTS: the incident does.
  absl::Status OpenIncident(const std::string& id,
                            const std::string& environment_id = kBigPandaEnvironmentId) {
    return incidents_.Open(id, environment_id);
  }
  // incident#updated, with another status if one is given.
  absl::Status Update(const std::string& id, const std::string& status = "") {
    return incidents_.Update(id, status);
  }
  // incident#commented.
  absl::Status Comment(const std::string& id, const std::string& comment) {
    return incidents_.Comment(id, comment);
  }
  // incident#closed.
  absl::Status Close(const std::string& id) { return incidents_.Close(id); }
  // incident#reopen.
  absl::Status Reopen(const std::string& id) { return incidents_.Reopen(id); }
  // Nothing: there is no such incident.
  std::optional<BigPandaIncident> Find(const std::string& id) const { return incidents_.Find(id); }
  // False: it was not resolved in that time.
  bool WaitForResolved(const std::string& id, absl::Duration timeout = kBigPandaWaitMax) const {
    return incidents_.WaitForResolved(id, timeout);
  }

  // --- Keys.

  // From now on this one is good, and no other.
  void SetApiKey(std::string key) { api_.SetApiKey(std::move(key)); }
  // Whether the key may act in an environment (403); it may, at first.
  void SetPermitted(const std::string& environment_id, bool permitted) {
    api_.SetPermitted(environment_id, permitted);
  }

  // --- Faults; see the functions that make them in fake_bigpanda_types.h.

  // The next `count` requests to the endpoint, behind those planned before.
  void AddFault(BigPandaEndpoint endpoint, BigPandaFault fault, int count = 1) {
    api_.AddFault(endpoint, std::move(fault), count);
  }
  // Each request to the endpoint for which nothing is planned, with this probability.
  void SetRandomFault(BigPandaEndpoint endpoint, BigPandaFault fault, double probability,
                      uint64_t seed) {
    api_.SetRandomFault(endpoint, std::move(fault), probability, seed);
  }
  void ClearFaults() { api_.ClearFaults(); }
  // From now on TLS handshakes begin so much later.
  void SetHandshakeDelay(absl::Duration delay) { http_->SetHandshakeDelay(delay); }

  // --- What was asked.

  std::vector<BigPandaRequest> requests() const { return api_.requests(); }
  std::vector<BigPandaRequest> requests(BigPandaEndpoint endpoint) const {
    return api_.requests(endpoint);
  }
  void ClearRequests() { api_.ClearRequests(); }
  // False: not so many came, since the start or ClearRequests(), in that time.
  bool WaitForRequests(BigPandaEndpoint endpoint, size_t count,
                       absl::Duration timeout = kBigPandaWaitMax) const {
    return api_.WaitForRequests(endpoint, count, timeout);
  }
  // Most requests that came to the endpoint in any one second, refused ones included.
  size_t MostInASecond(BigPandaEndpoint endpoint) const { return api_.MostInASecond(endpoint); }

  // --- What was told. A webhook is done when it was taken (2xx), or given up.

  // Of webhooks from now on, those that wait included.
  void SetWebhookUrl(std::string url) { webhooks_.SetUrl(std::move(url)); }
  std::vector<BigPandaWebhook> webhooks() const { return webhooks_.done(); }
  size_t webhooks_given_up() const { return webhooks_.given_up(); }
  // The first that is done and tells of this; nothing: none in that time.
  std::optional<BigPandaWebhook> WaitForWebhook(absl::string_view incident_id,
                                                absl::string_view event,
                                                absl::Duration timeout = kBigPandaWaitMax) const {
    return webhooks_.WaitFor(incident_id, event, timeout);
  }
  // False: not so many were done in that time.
  bool WaitForWebhooks(size_t count, absl::Duration timeout = kBigPandaWaitMax) const {
    return webhooks_.WaitForCount(count, timeout);
  }

 private:
  explicit FakeBigPanda(const FakeBigPandaOptions& options);

  const bool is_tls_;
  // Each uses those above it.
  FakeWebhooks webhooks_;
  FakeIncidents incidents_;
  FakeBigPandaApi api_;
  std::unique_ptr<FakeHttpServer> http_;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_FAKE_BIGPANDA_H_
