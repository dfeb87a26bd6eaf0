// Debian's nginx with the configuration that users get, k8s/nginx/nginx.conf, in front of a test's
// servers.

#ifndef INCIDENTHUB_TESTS_SUPPORT_NGINX_H_
#define INCIDENTHUB_TESTS_SUPPORT_NGINX_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tests/support/process.h"
#include "tests/support/test_certificates.h"

namespace incidenthub::testing {

// Empty: there is none on this machine; .ci/tools.sh nginx puts it into .tools/bin.
std::string FindNginx();

struct NginxConfig {
  // What it writes; it exists.
  std::string directory;
  std::string ca_file;
  // Shown to those outside, for "localhost"; and to the hub and the gateway, who show ones for it.
  TestCertificate server;
  TestCertificate client;
  int hub_port = 0;
  int gateway_port = 0;
  // Where it listens.
  int calls_port = 0;
  int webhooks_port = 0;
};

// Starts it as one process, which works for all; returns once it listens. Only names, addresses,
// files and ports of the configuration are replaced: its limits are what is tested.
// FAILED_PRECONDITION: there is something that the configuration no longer has. Others as of
// Process::Start; DEADLINE_EXCEEDED: it does not listen, with what it said.
absl::StatusOr<std::unique_ptr<Process>> StartNginx(const NginxConfig& config);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_NGINX_H_
