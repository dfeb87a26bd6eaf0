#include "tests/bench/servers.h"

#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "tests/bench/raw_subscribers.h"
#include "tests/bench/wire_walk.h"

namespace incidenthub::bench {

absl::StatusOr<std::unique_ptr<Servers>> Servers::Start(const ServersOptions& options) {
  std::unique_ptr<Servers> servers(new Servers);
  servers->hub_port_ = options.hub_port;
  servers->gateway_port_ = options.gateway_port;
  if (options.gateway_port == 0) RETURN_IF_ERROR(servers->StartOwn(options));
  return servers;
}

absl::Status Servers::StartOwn(const ServersOptions& options) {
  ASSIGN_OR_RETURN(hub_, testing::ServerProcess::StartHub({.data_dir = options.folder + "/data",
                                                           .port = 0,
                                                           .flags = options.hub_flags,
                                                           .env = options.hub_env}));
  const std::string secret_file = options.folder + "/secret";
  std::ofstream(secret_file) << options.authorization << "\n";
  // A part's connections may still be closing when those of the next one come.
  std::vector<std::string> flags = {absl::StrCat("--max_connections=", 2 * options.connections)};
  flags.insert(flags.end(), options.gateway_flags.begin(), options.gateway_flags.end());
  ASSIGN_OR_RETURN(gateway_, testing::ServerProcess::StartGateway({.hub_port = hub_->port(),
                                                                   .port = 0,
                                                                   .secret_file = secret_file,
                                                                   .flags = std::move(flags)}));
  hub_port_ = hub_->port();
  gateway_port_ = gateway_->port();
  if (!gateway_->WaitUntilReady()) {
    return absl::DeadlineExceededError("the gateway does not find the hub");
  }
  RawSubscribers first({.port = hub_port_, .on_message = [this](size_t, const auto& message) {
                          if (first_token_.empty()) first_token_ = ResumeToken(Flat(message));
                        }});
  absl::Status opened = first.WaitUntilOpen(testing::kStartTimeout);
  first.CancelAll();
  return opened;
}

Pids Servers::pids() const {
  if (!own()) return {};
  return {{"gateway", gateway_->process().pid()}, {"hub", hub_->process().pid()}};
}

std::string Servers::ErrTails() const {
  std::string text;
  for (const auto& server : {hub_.get(), gateway_.get()}) {
    if (server != nullptr) absl::StrAppend(&text, "\n", server->process().ErrTail());
  }
  return text;
}

}  // namespace incidenthub::bench
