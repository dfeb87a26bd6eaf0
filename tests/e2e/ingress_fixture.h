// A hub and a gateway that strangers reach only through nginx, as k8s/nginx/nginx.conf sets it up:
// whoever has no certificate gets no further than a handshake with either.
//
// Threads: one at a time; what the accessors return may be used by any.

#ifndef INCIDENTHUB_TESTS_E2E_INGRESS_FIXTURE_H_
#define INCIDENTHUB_TESTS_E2E_INGRESS_FIXTURE_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "clients/cpp/incident_client.h"
#include "common/hub_credentials.h"
#include "tests/support/hub_fixture.h"
#include "tests/support/ports.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_certificates.h"
#include "tests/support/tls_client.h"

namespace incidenthub::testing {

inline constexpr uint64_t kMiB = uint64_t{1} << 20;

class IngressTest : public HubTest {
 protected:
  // Starts all three, and posts the incident "a". Skips the test where there is no nginx.
  void SetUp() override;
  // Whatever came before: all three run, and serve whoever comes.
  void TearDown() override;

  void StartSecureHub();

  Process& nginx() { return *nginx_; }
  int calls_port() const { return calls_port_; }
  int webhooks_port() const { return webhooks_port_; }
  // Lines about requests.
  std::string access_log() const { return nginx_dir_.path() + "/access.log"; }

  // Of the principal "caller", a viewer and responder, by token; of nobody.
  std::shared_ptr<HubCredentials> CallersToken() const;
  std::shared_ptr<HubCredentials> Nobody() const;
  // A client of the hub, through nginx.
  client::IncidentClient ThroughNginx(std::shared_ptr<HubCredentials> credentials,
                                      absl::Duration timeout = kPatience) const;

  // A connection to nginx with its handshake done. `protocol`: as of TlsClientOptions; `source`: as
  // of ConnectTcp.
  absl::StatusOr<std::unique_ptr<TlsClient>> Connect(int port, const std::string& protocol,
                                                     const std::string& source) const;
  // The status that a webhook is answered with over a new connection. 0: there was no answer.
  int PostThroughNginx(const std::string& body) const;

  // Remembers what memory the three hold now.
  void MarkMemory();
  // What each has grown by since, at its most.
  uint64_t HubGrowth() { return Growth(hub().process().pid(), hub_before_); }
  uint64_t GatewayGrowth() { return Growth(gateway().process().pid(), gateway_before_); }
  uint64_t NginxGrowth() { return Growth(nginx_->pid(), nginx_before_); }

 private:
  static uint64_t Growth(pid_t pid, uint64_t since);

  const TempDir nginx_dir_;
  const int calls_port_ = PickPort();
  const int webhooks_port_ = PickPort();
  TestCa ca_;
  TestCertificate server_;
  std::unique_ptr<Process> nginx_;
  uint64_t hub_before_ = 0;
  uint64_t gateway_before_ = 0;
  uint64_t nginx_before_ = 0;
};

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_E2E_INGRESS_FIXTURE_H_
