// fake-bigpanda: a BigPanda on loopback, for people and scripts that try the way back.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/flags.h"
#include "common/logging.h"
#include "common/signals.h"
#include "common/status_macros.h"
#include "tests/support/fake_bigpanda.h"

ABSL_FLAG(uint16_t, port, 8090, "Port on 127.0.0.1; 0: any.");
ABSL_FLAG(std::string, tls_cert, "", "PEM file of its certificate; with --tls_key: HTTPS.");
ABSL_FLAG(std::string, tls_key, "", "PEM file of the certificate's key.");
ABSL_FLAG(std::string, api_key_file, "",
          "File with the API key that is accepted; empty: the key is test-api-key-Zm9v.");
ABSL_FLAG(std::string, app_key_file, "",
          "File with the app key of the callback; empty: the key is test-app-key-YmFy.");
ABSL_FLAG(std::vector<std::string>, environments, {},
          "id=name of each environment; empty: that of the documented sample.");
ABSL_FLAG(uint32_t, rate_limit, 5, "Requests a second to each endpoint; 0: no limit.");
ABSL_FLAG(std::string, rate_limit_retry_after, "", "Retry-After of a 429; empty: none.");
ABSL_FLAG(absl::Duration, echo_delay, absl::Seconds(1),
          "From the answer to a resolve to the incident's being closed.");
ABSL_FLAG(bool, lock, true, "Hold updates back until the callback comes.");
ABSL_FLAG(absl::Duration, lock_timeout, absl::Minutes(5), "Until they are sent without it.");
ABSL_FLAG(bool, tell_comments, false, "Tell the webhook of comments made over the API.");
ABSL_FLAG(std::string, webhook_url, "", "http://HOST:PORT/PATH of the gateway; empty: none.");
ABSL_FLAG(std::string, webhook_header, "", "\"Name: value\", sent with each webhook; empty: none.");
ABSL_FLAG(uint32_t, webhook_attempts, 3, "How often a webhook is sent until it is answered 2xx.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");

namespace incidenthub::testing {
namespace {

constexpr char kUsage[] =
    "is a BigPanda on loopback: resolve, comments, callback, environments, and webhooks.\n"
    "\n"
    "  fake-bigpanda --webhook_url=http://127.0.0.1:8080/v1/webhooks/bigpanda\n"
    "  curl -d '{\"id\":\"i-1\"}' http://127.0.0.1:8090/fake/incidents\n"
    "  curl -d '{}' http://127.0.0.1:8090/fake/incidents/i-1/close\n"
    "  curl http://127.0.0.1:8090/fake/requests\n";

// What is wrong before there is a log.
int Refuse(absl::string_view message) {
  std::fprintf(stderr, "fake-bigpanda: %.*s\n", static_cast<int>(message.size()), message.data());
  return EXIT_FAILURE;
}

// `otherwise` if no file is named.
absl::StatusOr<std::string> KeyFrom(absl::string_view flag, const std::string& path,
                                    const std::string& otherwise) {
  if (path.empty()) return otherwise;
  std::ifstream file(path, std::ios::binary);
  std::string key{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  absl::StripAsciiWhitespace(&key);
  if (!key.empty()) return key;
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", path, ": holds no key"));
}

absl::StatusOr<FakeBigPandaOptions> OptionsFromFlags() {
  FakeBigPandaOptions options;
  options.port = absl::GetFlag(FLAGS_port);
  options.tls_certificate_file = absl::GetFlag(FLAGS_tls_cert);
  options.tls_key_file = absl::GetFlag(FLAGS_tls_key);
  ASSIGN_OR_RETURN(options.api_key,
                   KeyFrom("api_key_file", absl::GetFlag(FLAGS_api_key_file), options.api_key));
  ASSIGN_OR_RETURN(options.app_key,
                   KeyFrom("app_key_file", absl::GetFlag(FLAGS_app_key_file), options.app_key));
  const std::vector<std::string> environments = absl::GetFlag(FLAGS_environments);
  if (!environments.empty()) options.environments.clear();
  for (const std::string& text : environments) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    options.environments.push_back({parts.first, parts.second});
  }
  options.rate_limit = static_cast<int>(absl::GetFlag(FLAGS_rate_limit));
  options.rate_limit_retry_after = absl::GetFlag(FLAGS_rate_limit_retry_after);
  options.echo_delay = absl::GetFlag(FLAGS_echo_delay);
  options.lock = absl::GetFlag(FLAGS_lock);
  options.lock_timeout = absl::GetFlag(FLAGS_lock_timeout);
  options.tell_comments = absl::GetFlag(FLAGS_tell_comments);
  options.webhook_url = absl::GetFlag(FLAGS_webhook_url);
  const std::string webhook_header = absl::GetFlag(FLAGS_webhook_header);
  const std::pair<absl::string_view, absl::string_view> header =
      absl::StrSplit(webhook_header, absl::MaxSplits(':', 1));
  options.webhook_header_name = std::string(header.first);
  options.webhook_header_value = std::string(absl::StripAsciiWhitespace(header.second));
  options.webhook_attempts = static_cast<int>(absl::GetFlag(FLAGS_webhook_attempts));
  return options;
}

int Run(int argc, char** argv) {
  const std::vector<std::string> arguments = ParseFlags(kUsage, argc, argv);
  if (!arguments.empty()) return Refuse("takes flags only; see --help");
  const absl::StatusOr<FakeBigPandaOptions> options = OptionsFromFlags();
  if (!options.ok()) return Refuse(options.status().message());
  ShutdownSignal shutdown;
  if (const absl::Status status = StartLogging(absl::GetFlag(FLAGS_log_level)); !status.ok()) {
    return Refuse(status.message());
  }
  absl::StatusOr<std::unique_ptr<FakeBigPanda>> fake = FakeBigPanda::Start(*options);
  if (!fake.ok()) {
    Log(LogLevel::kError, "cannot start", {{"error", fake.status()}});
    FlushLogs();
    return EXIT_FAILURE;
  }
  Log(LogLevel::kInfo, "listening", {{"base_url", (*fake)->base_url()}, {"port", (*fake)->port()}});
  const int signal = shutdown.Wait();
  shutdown.ExitOnNext(EXIT_FAILURE);
  Log(LogLevel::kInfo, "stopping", {{"signal", signal}});
  fake->reset();
  Log(LogLevel::kInfo, "stopped");
  FlushLogs();
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace incidenthub::testing

int main(int argc, char** argv) { return incidenthub::testing::Run(argc, argv); }
