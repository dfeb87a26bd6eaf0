#include "tests/support/server_process.h"

#include <csignal>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "tests/support/http_client.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

// The number after `"name":` in a log line.
absl::StatusOr<int> Number(absl::string_view line, absl::string_view name) {
  const std::string key = absl::StrCat("\"", name, "\":");
  const size_t at = line.find(key);
  int number = 0;
  if (at != absl::string_view::npos) {
    const absl::string_view rest = line.substr(at + key.size());
    if (absl::SimpleAtoi(rest.substr(0, rest.find_first_of(",}")), &number)) return number;
  }
  return absl::InternalError(absl::StrCat("no ", key, " in the log line ", line));
}

absl::StatusOr<std::string> WaitForMessage(Process* process, absl::string_view message) {
  const std::string text = absl::StrCat("\"message\":\"", message, "\"");
  return process->WaitForLine(
      [&text](absl::string_view line) { return absl::StrContains(line, text); }, kStartTimeout);
}

std::string Loopback(int port) { return absl::StrCat("127.0.0.1:", port); }

}  // namespace

std::string BinaryPath(absl::string_view name) {
  return absl::StrCat(INCIDENTHUB_BIN_DIR, "/", name);
}

std::vector<std::string> HubCommand(const HubConfig& config) {
  std::vector<std::string> command;
  if (!config.env.empty()) command.emplace_back("/usr/bin/env");
  command.insert(command.end(), config.env.begin(), config.env.end());
  command.insert(
      command.end(),
      {BinaryPath("incident-hub"), absl::StrCat("--listen=", Loopback(config.port)),
       absl::StrCat("--admin_listen=", Loopback(0)), absl::StrCat("--data_dir=", config.data_dir)});
  command.insert(command.end(), config.flags.begin(), config.flags.end());
  return command;
}

std::vector<std::string> GatewayCommand(const GatewayConfig& config) {
  std::vector<std::string> command = {BinaryPath("incident-gateway"),
                                      absl::StrCat("--listen=", Loopback(config.port)),
                                      absl::StrCat("--admin_listen=", Loopback(0)),
                                      absl::StrCat("--hub=", Loopback(config.hub_port)),
                                      absl::StrCat("--bigpanda_secret_file=", config.secret_file)};
  command.insert(command.end(), config.flags.begin(), config.flags.end());
  return command;
}

ServerProcess::ServerProcess(std::unique_ptr<Process> process, int port, int admin_port)
    : process_(std::move(process)), port_(port), admin_port_(admin_port) {}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::StartHub(const HubConfig& config) {
  ASSIGN_OR_RETURN(std::unique_ptr<Process> process, Process::Start(HubCommand(config)));
  ASSIGN_OR_RETURN(const std::string line, WaitForMessage(process.get(), "serving"));
  ASSIGN_OR_RETURN(const int port, Number(line, "port"));
  ASSIGN_OR_RETURN(const int admin_port, Number(line, "admin_port"));
  return std::unique_ptr<ServerProcess>(new ServerProcess(std::move(process), port, admin_port));
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::StartGateway(
    const GatewayConfig& config) {
  ASSIGN_OR_RETURN(std::unique_ptr<Process> process, Process::Start(GatewayCommand(config)));
  ASSIGN_OR_RETURN(const std::string admin_line, WaitForMessage(process.get(), "admin listening"));
  ASSIGN_OR_RETURN(const std::string line, WaitForMessage(process.get(), "listening"));
  ASSIGN_OR_RETURN(const int port, Number(line, "port"));
  ASSIGN_OR_RETURN(const int admin_port, Number(admin_line, "port"));
  return std::unique_ptr<ServerProcess>(new ServerProcess(std::move(process), port, admin_port));
}

std::string ServerProcess::address() const { return Loopback(port_); }

bool ServerProcess::WaitUntilReady(absl::Duration timeout) const {
  return WaitUntil(
      [this] {
        const absl::StatusOr<HttpResponse> response = HttpClient(admin_port_).Get("/readyz");
        return response.ok() && response->status == 200;
      },
      timeout);
}

absl::StatusOr<double> ServerProcess::Metric(absl::string_view name) const {
  ASSIGN_OR_RETURN(const HttpResponse response, HttpClient(admin_port_).Get("/metrics"));
  for (absl::string_view line : absl::StrSplit(response.body, '\n')) {
    double value = 0;
    if (absl::ConsumePrefix(&line, name) && absl::ConsumePrefix(&line, " ") &&
        absl::SimpleAtod(line, &value)) {
      return value;
    }
  }
  return absl::NotFoundError(absl::StrCat("no metric ", name));
}

void ServerProcess::Kill() {
  process_->Signal(SIGKILL);
  process_->WaitForExit(absl::InfiniteDuration()).IgnoreError();
}

absl::StatusOr<int> ServerProcess::Stop(absl::Duration timeout) {
  process_->Signal(SIGTERM);
  return process_->WaitForExit(timeout);
}

}  // namespace incidenthub::testing
