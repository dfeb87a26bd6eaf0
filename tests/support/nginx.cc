#include "tests/support/nginx.h"

#include <fstream>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "common/status_macros.h"
#include "tests/support/find_tool.h"
#include "tests/support/tcp.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

constexpr absl::Duration kListenTimeout = absl::Seconds(30);

// The configuration for this test.
absl::StatusOr<std::string> Configuration(const NginxConfig& config) {
  std::ifstream file(absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/k8s/nginx/nginx.conf"));
  std::string text(std::istreambuf_iterator<char>(file), {});
  const std::string etc = "/etc/nginx/incident-hub/";
  // Where the package has nginx keep bodies.
  std::string folders = "http {\n";
  for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    absl::StrAppend(&folders, "  ", kind, "_temp_path ", config.directory, "/", kind, ";\n");
  }
  const std::vector<std::pair<std::string, std::string>> replacements = {
      {"/var/log/nginx/error.log", "stderr"},
      {"/var/log/nginx/access.log", absl::StrCat(config.directory, "/access.log")},
      {"/run/nginx.pid", absl::StrCat(config.directory, "/nginx.pid")},
      {"http {\n", folders},
      {absl::StrCat(etc, "tls.crt"), config.server.certificate_path},
      {absl::StrCat(etc, "tls.key"), config.server.key_path},
      {absl::StrCat(etc, "client.crt"), config.client.certificate_path},
      {absl::StrCat(etc, "client.key"), config.client.key_path},
      {absl::StrCat(etc, "ca.crt"), config.ca_file},
      {"listen 8443 ", absl::StrCat("listen 127.0.0.1:", config.calls_port, " ")},
      {"listen 443 ", absl::StrCat("listen 127.0.0.1:", config.webhooks_port, " ")},
      {"server hub.internal:50051", absl::StrCat("server 127.0.0.1:", config.hub_port)},
      {"server gateway.internal:8080", absl::StrCat("server 127.0.0.1:", config.gateway_port)},
      {"ssl_name hub.internal", "ssl_name localhost"},
      {"ssl_name gateway.internal", "ssl_name localhost"}};
  for (const auto& replacement : replacements) {
    if (absl::StrReplaceAll({replacement}, &text) == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("k8s/nginx/nginx.conf does not say: ", replacement.first));
    }
  }
  return text;
}

bool Listens(int port) {
  const absl::StatusOr<int> fd = ConnectTcp(port, kListenTimeout);
  const OwnedFd close_it(fd.value_or(-1));
  return fd.ok();
}

}  // namespace

// .tools/bin/nginx, as .ci/tools.sh puts it.
std::string FindNginx() { return FindTool("nginx", "/usr/sbin"); }

absl::StatusOr<std::unique_ptr<Process>> StartNginx(const NginxConfig& config) {
  ASSIGN_OR_RETURN(const std::string text, Configuration(config));
  const std::string path = absl::StrCat(config.directory, "/nginx.conf");
  std::ofstream(path) << text;
  ASSIGN_OR_RETURN(std::unique_ptr<Process> nginx,
                   Process::Start({FindNginx(), "-p", config.directory, "-c", path, "-e", "stderr",
                                   "-g", "daemon off; master_process off;"}));
  const bool listening = WaitUntil(
      [&] {
        return !nginx->running() || (Listens(config.calls_port) && Listens(config.webhooks_port));
      },
      kListenTimeout);
  if (!listening || !nginx->running()) {
    return absl::DeadlineExceededError(absl::StrCat("nginx does not listen: ", nginx->ErrTail()));
  }
  return nginx;
}

}  // namespace incidenthub::testing
