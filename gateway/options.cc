#include "gateway/options.h"

#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/host_port.h"
#include "gateway/http_head.h"

ABSL_FLAG(std::string, listen, incidenthub::gateway::Options().listen,
          "Address for senders, HOST:PORT. Port 0 takes any free one.");
ABSL_FLAG(std::string, admin_listen, incidenthub::gateway::Options().admin_listen,
          "Address for /livez, /readyz and /metrics.");
ABSL_FLAG(std::string, hub, incidenthub::gateway::Options().hub, "Address of the hub.");
ABSL_FLAG(
    std::string, hub_ca_file, "",
    "PEM file of the authorities that the hub's certificate is verified with; read again when "
    "it changes. Empty: plain text towards the hub.");
ABSL_FLAG(std::string, hub_token_file, "",
          "File with the bearer token that the hub knows this gateway by; read again when it "
          "changes.");
ABSL_FLAG(std::string, hub_cert_file, "",
          "PEM file of the certificate that the hub knows this gateway by; read again when it "
          "changes. With --hub_key_file and --hub_ca_file.");
ABSL_FLAG(std::string, hub_key_file, "", "PEM file of that certificate's private key.");
ABSL_FLAG(
    std::string, sources_config, incidenthub::gateway::Options().sources_config,
    "JSON file that says who sends, and how each proves it; see gateway/README.md. Instead of "
    "--bigpanda_secret_file and --bigpanda_auth_header.");
ABSL_FLAG(std::string, bigpanda_auth_header, incidenthub::gateway::Options().bigpanda_auth_header,
          "Name of the header that carries BigPanda's credential.");
ABSL_FLAG(
    std::string, bigpanda_secret_file, incidenthub::gateway::Options().bigpanda_secret_file,
    "File with the values of that header that are accepted, whole, one a line; read again when "
    "it changes. Empty, and no --sources_config: every sender is accepted, of every kind of "
    "source.");
ABSL_FLAG(absl::Duration, hold, incidenthub::gateway::Options().hold,
          "How long a request is held while the hub is away; then 503.");
ABSL_FLAG(absl::Duration, answer_timeout, incidenthub::gateway::Options().answer_timeout,
          "How long a request waits for the hub to commit; then 504. More than --hold.");
ABSL_FLAG(absl::Duration, body_timeout, incidenthub::gateway::Options().body_timeout,
          "How long a request may take to arrive; then 408.");
ABSL_FLAG(absl::Duration, idle_timeout, incidenthub::gateway::Options().idle_timeout,
          "How long a connection may be silent between requests.");
ABSL_FLAG(absl::Duration, drain_timeout, incidenthub::gateway::Options().drain_timeout,
          "How long open requests and the window may take after SIGTERM.");
ABSL_FLAG(int32_t, max_connections, incidenthub::gateway::Options().max_connections,
          "Connections at a time; one more is answered 503.");
ABSL_FLAG(int64_t, window_deliveries, incidenthub::gateway::Options().window_deliveries,
          "Deliveries kept until the hub has confirmed them.");
ABSL_FLAG(int64_t, window_bytes, incidenthub::gateway::Options().window_bytes,
          "Encoded bytes of the deliveries kept until the hub has confirmed them.");
ABSL_FLAG(std::string, tls_cert_file, incidenthub::gateway::Options().tls_cert_file,
          "PEM file with the certificate for --listen, and what leads to its authority; read again "
          "when it changes. Empty: no TLS.");
ABSL_FLAG(
    std::string, tls_key_file, incidenthub::gateway::Options().tls_key_file,
    "PEM file with that certificate's private key, not encrypted; read again when it changes.");
ABSL_FLAG(std::string, tls_client_ca_file, incidenthub::gateway::Options().tls_client_ca_file,
          "PEM file with authorities; senders then have to show a certificate of one of them, "
          "besides their credentials. Read again when it changes.");
ABSL_FLAG(bool, allow_plaintext, incidenthub::gateway::Options().allow_plaintext,
          "Listen without TLS on an address that other machines can reach.");
ABSL_FLAG(bool, allow_unauthenticated, incidenthub::gateway::Options().allow_unauthenticated,
          "Accept every sender on an address that other machines can reach.");
ABSL_FLAG(std::string, log_level, incidenthub::gateway::Options().log_level,
          "The least level that is logged: debug, info, warning or error.");

namespace incidenthub::gateway {
namespace {

constexpr int32_t kMaxConnectionsMax = 10'000;
constexpr int64_t kWindowDeliveriesMax = 1'000'000;
constexpr int64_t kWindowBytesMin = int64_t{4} << 20;
constexpr int64_t kWindowBytesMax = int64_t{64} << 30;
constexpr absl::Duration kDurationMin = absl::Milliseconds(1);
constexpr absl::Duration kDurationMax = absl::Hours(1);

// Collects what is wrong.
class Mistakes {
 public:
  void Add(absl::string_view flag, absl::string_view value, absl::string_view what) {
    lines_.push_back(absl::StrCat("--", flag, "=", value, ": ", what));
  }
  absl::StatusOr<HostPort> CheckAddress(absl::string_view flag, absl::string_view value) {
    absl::StatusOr<HostPort> address = ParseHostPort(value);
    if (!address.ok()) Add(flag, value, address.status().message());
    return address;
  }
  void CheckDuration(absl::string_view flag, absl::Duration value) {
    if (value >= kDurationMin && value <= kDurationMax) return;
    Add(flag, absl::FormatDuration(value),
        absl::StrCat("give a duration from ", absl::FormatDuration(kDurationMin), " to ",
                     absl::FormatDuration(kDurationMax)));
  }
  void CheckRange(absl::string_view flag, int64_t value, int64_t min, int64_t max) {
    if (value >= min && value <= max) return;
    Add(flag, absl::StrCat(value), absl::StrCat("give a number from ", min, " to ", max));
  }
  absl::Status ToStatus() const {
    if (lines_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(lines_, "\n"));
  }

 private:
  std::vector<std::string> lines_;
};

void CheckExposure(const Options& options, Mistakes* mistakes) {
  const absl::StatusOr<HostPort> listen = mistakes->CheckAddress("listen", options.listen);
  if (!listen.ok() || listen->IsLoopback()) return;
  // Sources of a configuration are looked at one by one when it is loaded.
  if (options.bigpanda_secret_file.empty() && options.sources_config.empty() &&
      !options.allow_unauthenticated) {
    mistakes->Add("listen", options.listen,
                  "other machines can reach this address, and every sender would be accepted; give "
                  "--sources_config or --bigpanda_secret_file, or say --allow_unauthenticated");
  }
  if (!options.allow_plaintext && options.tls_cert_file.empty()) {
    mistakes->Add("listen", options.listen,
                  "other machines can reach this address, and there would be no TLS; give "
                  "--tls_cert_file and --tls_key_file, or listen on 127.0.0.1 behind something "
                  "that ends TLS, or say --allow_plaintext");
  }
}

void CheckTls(const Options& options, Mistakes* mistakes) {
  if (options.tls_cert_file.empty() && !options.tls_key_file.empty()) {
    mistakes->Add("tls_key_file", options.tls_key_file,
                  "give the certificate that it belongs to as well: --tls_cert_file");
  }
  if (!options.tls_cert_file.empty() && options.tls_key_file.empty()) {
    mistakes->Add("tls_cert_file", options.tls_cert_file,
                  "give the private key that belongs to it as well: --tls_key_file");
  }
  if (!options.tls_client_ca_file.empty() && options.tls_cert_file.empty()) {
    mistakes->Add("tls_client_ca_file", options.tls_client_ca_file,
                  "senders can only show a certificate over TLS; give --tls_cert_file and "
                  "--tls_key_file too");
  }
}

void CheckSourcesConfig(const Options& options, Mistakes* mistakes) {
  if (options.sources_config.empty()) return;
  if (!options.bigpanda_secret_file.empty() ||
      options.bigpanda_auth_header != Options().bigpanda_auth_header) {
    mistakes->Add(
        "sources_config", options.sources_config,
        "give either this, or --bigpanda_secret_file and --bigpanda_auth_header; the file "
        "can say what they say");
  }
}

}  // namespace

absl::Status Options::Validate() const {
  Mistakes mistakes;
  CheckExposure(*this, &mistakes);
  CheckTls(*this, &mistakes);
  CheckSourcesConfig(*this, &mistakes);
  mistakes.CheckAddress("admin_listen", admin_listen).IgnoreError();
  const absl::StatusOr<HostPort> hub_address = mistakes.CheckAddress("hub", hub);
  if (hub_address.ok() && (hub_address->host.empty() || hub_address->port == 0)) {
    mistakes.Add("hub", hub, "give the host and the port that the hub listens on");
  }
  if (!IsFieldName(bigpanda_auth_header)) {
    mistakes.Add("bigpanda_auth_header", bigpanda_auth_header, "give the name of an HTTP header");
  }
  mistakes.CheckDuration("hold", hold);
  mistakes.CheckDuration("answer_timeout", answer_timeout);
  mistakes.CheckDuration("body_timeout", body_timeout);
  mistakes.CheckDuration("idle_timeout", idle_timeout);
  mistakes.CheckDuration("drain_timeout", drain_timeout);
  if (answer_timeout <= hold) {
    mistakes.Add("answer_timeout", absl::FormatDuration(answer_timeout),
                 absl::StrCat("give more than --hold=", absl::FormatDuration(hold)));
  }
  mistakes.CheckRange("max_connections", max_connections, 1, kMaxConnectionsMax);
  mistakes.CheckRange("window_deliveries", window_deliveries, 1, kWindowDeliveriesMax);
  mistakes.CheckRange("window_bytes", window_bytes, kWindowBytesMin, kWindowBytesMax);
  return mistakes.ToStatus();
}

Options OptionsFromFlags() {
  Options options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.admin_listen = absl::GetFlag(FLAGS_admin_listen);
  options.hub = absl::GetFlag(FLAGS_hub);
  options.hub_files = {absl::GetFlag(FLAGS_hub_ca_file), absl::GetFlag(FLAGS_hub_token_file),
                       absl::GetFlag(FLAGS_hub_cert_file), absl::GetFlag(FLAGS_hub_key_file)};
  options.sources_config = absl::GetFlag(FLAGS_sources_config);
  options.bigpanda_auth_header = absl::GetFlag(FLAGS_bigpanda_auth_header);
  options.bigpanda_secret_file = absl::GetFlag(FLAGS_bigpanda_secret_file);
  options.hold = absl::GetFlag(FLAGS_hold);
  options.answer_timeout = absl::GetFlag(FLAGS_answer_timeout);
  options.body_timeout = absl::GetFlag(FLAGS_body_timeout);
  options.idle_timeout = absl::GetFlag(FLAGS_idle_timeout);
  options.drain_timeout = absl::GetFlag(FLAGS_drain_timeout);
  options.max_connections = absl::GetFlag(FLAGS_max_connections);
  options.window_deliveries = absl::GetFlag(FLAGS_window_deliveries);
  options.window_bytes = absl::GetFlag(FLAGS_window_bytes);
  options.tls_cert_file = absl::GetFlag(FLAGS_tls_cert_file);
  options.tls_key_file = absl::GetFlag(FLAGS_tls_key_file);
  options.tls_client_ca_file = absl::GetFlag(FLAGS_tls_client_ca_file);
  options.allow_plaintext = absl::GetFlag(FLAGS_allow_plaintext);
  options.allow_unauthenticated = absl::GetFlag(FLAGS_allow_unauthenticated);
  options.log_level = absl::GetFlag(FLAGS_log_level);
  return options;
}

}  // namespace incidenthub::gateway
