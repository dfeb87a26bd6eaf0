#include "server/options.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/host_port.h"

ABSL_FLAG(
    std::string, listen, "127.0.0.1:50051",
    "HOST:PORT of the gRPC port. An address that others can reach needs TLS (--tls_cert_file, "
    "--tls_key_file) and credentials (--access_config), or to be told that it does without.");
ABSL_FLAG(std::string, tls_cert_file, "",
          "PEM file of the gRPC port's certificate and those that vouch for it; read again when it "
          "changes. With --tls_key_file. Empty: plain text.");
ABSL_FLAG(std::string, tls_key_file, "", "PEM file of that certificate's private key.");
ABSL_FLAG(
    std::string, tls_client_ca_file, "",
    "PEM file of the authorities of client certificates; read again when it changes. A client "
    "may then show one, and is who --access_config says that it is by its names.");
ABSL_FLAG(
    bool, tls_require_client_cert, false,
    "Nobody connects without a certificate of --tls_client_ca_file; who calls is still said by "
    "--access_config. Keeps those out who would only do harm.");
ABSL_FLAG(std::string, access_config, "",
          "JSON file that says who may call the gRPC port, with which tokens or certificates, and "
          "what each may do; read again when it changes. Empty: everybody may do everything.");
ABSL_FLAG(std::string, admin_listen, "127.0.0.1:9090",
          "HOST:PORT of the admin port: /livez, /readyz, /metrics over plain HTTP.");
ABSL_FLAG(std::string, data_dir, "",
          "Directory that holds the incidents; made if missing. Required.");
ABSL_FLAG(
    std::string, backup_dir, "",
    "Directory for backups, made if missing; best on another disk. Without it there are none.");
ABSL_FLAG(std::string, restore_from, "",
          "A backup to restore into --data_dir, which has to be empty, instead of serving.");
ABSL_FLAG(uint64_t, min_free_bytes, uint64_t{1} << 30U,
          "Free disk below which Ingest, Ack and Resolve are refused, in bytes.");
ABSL_FLAG(
    absl::Duration, retain_events, absl::Hours(24 * 7),
    "How long events are kept that newer ones of their incident replace, 1s or more; inf: for "
    "ever. A subscriber that was away for longer gets the newest event of each incident.");
ABSL_FLAG(
    uint64_t, retain_bytes, uint64_t{8} << 30U,
    "Bytes of events kept, before compression, 1 MiB or more: past it the oldest replaced ones "
    "go before their time. The newest event of an incident always stays.");
ABSL_FLAG(absl::Duration, retain_resolved, absl::Hours(24 * 30),
          "How long a resolved incident is kept to which nothing happens, 1s or more; inf: for "
          "ever.");
ABSL_FLAG(absl::Duration, retain_tombstones, absl::Hours(24 * 180),
          "How long it is remembered that an incident was dropped, 1s or more; inf: for ever. A "
          "subscriber that was away for longer gets a reset and a snapshot.");
ABSL_FLAG(absl::Duration, retain_quarantined, absl::Hours(24 * 30),
          "How long a body that maps to no incident is kept for somebody to look at, 1s or more; "
          "inf: for ever, within the quarantine's bounds.");
ABSL_FLAG(std::string, upstream_config, "",
          "JSON file that says which sources are told of resolves and acknowledgements, and with "
          "which keys; read again when it or a key changes. Each entry has `source` (bigpanda), "
          "`api_key_file`, and may have `base_url` (https://api.bigpanda.io; in the EU "
          "https://eu-api.bigpanda.io), `app_key_file` for the outbound callback, "
          "`default_environment_id`, `comment_on_ack`. Without it no source is told anything.");
ABSL_FLAG(std::string, upstream_ca_file, "",
          "PEM file of the authorities that upstream hosts are verified with; the system's if "
          "empty.");
ABSL_FLAG(uint64_t, upstream_rate, 5,
          "Requests a second to each endpoint of a source, 1 to 1000. BigPanda allows 5.");
ABSL_FLAG(absl::Duration, upstream_timeout, absl::Seconds(15),
          "How long one upstream request may take, 1s to 5m.");
ABSL_FLAG(absl::Duration, upstream_give_up, absl::Hours(24),
          "How long telling a source about a resolve is tried before it is FAILED, 1s or more.");
ABSL_FLAG(absl::Duration, upstream_confirm_timeout, absl::Minutes(10),
          "How long a source that accepted a resolve may take to close the incident before that is "
          "UNCONFIRMED, 1s or more.");
ABSL_FLAG(uint64_t, ring_bytes, uint64_t{32} << 20U,
          "Memory for the newest events, in bytes, 1 MiB to 4 GiB. Subscribers further behind are "
          "served from disk, and incidents that last changed before are looked up there.");
ABSL_FLAG(uint64_t, max_streams, 5000, "Subscribe streams open at once, 1 to 100000.");
ABSL_FLAG(absl::Duration, stuck_write_timeout, absl::Seconds(30),
          "How long a subscriber may leave a message untaken before its stream is cancelled, 1s to "
          "1h.");
ABSL_FLAG(absl::Duration, max_stream_age, absl::InfiniteDuration(),
          "How old a Subscribe stream gets, give or take a tenth, before the client is asked to "
          "open it anew, 1s or more; inf: for ever. For what balances connections between hubs.");
ABSL_FLAG(absl::Duration, drain_timeout, absl::Seconds(4),
          "How long a stop may take before streams that hang are cut, 0s to 10m.");
ABSL_FLAG(std::string, log_level, "info", "debug, info, warning or error.");
ABSL_FLAG(bool, allow_plaintext, false,
          "Serve gRPC without TLS on an address that others can reach: what is said there, tokens "
          "too, can be read on the way.");
ABSL_FLAG(bool, allow_unauthenticated, false,
          "Serve gRPC without credentials on an address that others can reach.");

namespace incidenthub {
namespace {

void CheckAddress(absl::string_view flag, const std::string& value,
                  std::vector<std::string>* mistakes) {
  const absl::StatusOr<HostPort> address = ParseHostPort(value);
  if (!address.ok())
    mistakes->push_back(absl::StrCat("--", flag, ": ", address.status().message()));
}

void CheckExposure(const HubOptions& options, std::vector<std::string>* mistakes) {
  const absl::StatusOr<HostPort> address = ParseHostPort(options.listen);
  if (!address.ok() || address->IsLoopback()) return;
  const auto refuse = [&](absl::string_view lacks, absl::string_view give,
                          absl::string_view allow) {
    mistakes->push_back(absl::StrCat("--listen=", options.listen,
                                     ": others can reach this address, and the port would have no ",
                                     lacks, "; give ", give, ", or listen on 127.0.0.1, or pass --",
                                     allow, " if the network is trusted"));
  };
  if (options.tls.certificate_file.empty() && !absl::GetFlag(FLAGS_allow_plaintext)) {
    refuse("TLS", "--tls_cert_file and --tls_key_file", "allow_plaintext");
  }
  if (options.access_config.empty() && !absl::GetFlag(FLAGS_allow_unauthenticated)) {
    refuse("credentials", "--access_config", "allow_unauthenticated");
  }
}

void CheckTls(const HubOptions& options, std::vector<std::string>* mistakes) {
  const TlsFiles& tls = options.tls;
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    mistakes->emplace_back("--tls_cert_file, --tls_key_file: give both, or neither");
  }
  if (tls.client_ca_file.empty()) {
    if (options.requires_client_certificate) {
      mistakes->emplace_back(
          "--tls_require_client_cert: say whose certificates count; give --tls_client_ca_file");
    }
    return;
  }
  if (tls.certificate_file.empty()) {
    mistakes->emplace_back(
        "--tls_client_ca_file: clients show certificates over TLS only; give --tls_cert_file and "
        "--tls_key_file");
  }
  if (options.access_config.empty()) {
    mistakes->emplace_back(
        "--tls_client_ca_file: whose the certificates are, and what they may do, is in "
        "--access_config; give it too");
  }
}

template <typename T>
void CheckRange(absl::string_view flag, T value, T min, T max, absl::string_view text,
                std::vector<std::string>* mistakes) {
  if (value >= min && value <= max) return;
  mistakes->push_back(absl::StrCat("--", flag, "=", text, ": out of its range, see --help"));
}

}  // namespace

absl::StatusOr<HubOptions> OptionsFromFlags() {
  HubOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.tls = {absl::GetFlag(FLAGS_tls_cert_file), absl::GetFlag(FLAGS_tls_key_file),
                 absl::GetFlag(FLAGS_tls_client_ca_file)};
  options.requires_client_certificate = absl::GetFlag(FLAGS_tls_require_client_cert);
  options.access_config = absl::GetFlag(FLAGS_access_config);
  options.admin_listen = absl::GetFlag(FLAGS_admin_listen);
  options.data_dir = absl::GetFlag(FLAGS_data_dir);
  options.backup_dir = absl::GetFlag(FLAGS_backup_dir);
  options.restore_from = absl::GetFlag(FLAGS_restore_from);
  options.min_free_bytes = absl::GetFlag(FLAGS_min_free_bytes);
  options.retention.retain_events = absl::GetFlag(FLAGS_retain_events);
  options.retention.retain_bytes = absl::GetFlag(FLAGS_retain_bytes);
  options.retention.retain_resolved = absl::GetFlag(FLAGS_retain_resolved);
  options.retention.retain_tombstones = absl::GetFlag(FLAGS_retain_tombstones);
  options.retention.retain_quarantined = absl::GetFlag(FLAGS_retain_quarantined);
  options.upstream.config_file = absl::GetFlag(FLAGS_upstream_config);
  options.upstream.ca_file = absl::GetFlag(FLAGS_upstream_ca_file);
  options.upstream.rate = absl::GetFlag(FLAGS_upstream_rate);
  options.upstream.timeout = absl::GetFlag(FLAGS_upstream_timeout);
  options.upstream.give_up = absl::GetFlag(FLAGS_upstream_give_up);
  options.upstream.confirm_timeout = absl::GetFlag(FLAGS_upstream_confirm_timeout);
  options.ring_bytes = absl::GetFlag(FLAGS_ring_bytes);
  options.max_streams = absl::GetFlag(FLAGS_max_streams);
  options.stuck_write_timeout = absl::GetFlag(FLAGS_stuck_write_timeout);
  options.max_stream_age = absl::GetFlag(FLAGS_max_stream_age);
  options.drain_timeout = absl::GetFlag(FLAGS_drain_timeout);
  options.log_level = absl::GetFlag(FLAGS_log_level);

  std::vector<std::string> mistakes;
  CheckAddress("listen", options.listen, &mistakes);
  CheckExposure(options, &mistakes);
  CheckTls(options, &mistakes);
  CheckAddress("admin_listen", options.admin_listen, &mistakes);
  if (options.data_dir.empty()) {
    mistakes.emplace_back("--data_dir: is required; name a directory on a disk that lasts");
  }
  for (const auto& [flag, value] :
       {std::pair{"retain_events", options.retention.retain_events},
        std::pair{"retain_resolved", options.retention.retain_resolved},
        std::pair{"retain_tombstones", options.retention.retain_tombstones},
        std::pair{"retain_quarantined", options.retention.retain_quarantined}}) {
    CheckRange(flag, value, absl::Seconds(1), absl::InfiniteDuration(), absl::FormatDuration(value),
               &mistakes);
  }
  CheckRange<size_t>("upstream_rate", options.upstream.rate, 1, 1000,
                     absl::StrCat(options.upstream.rate), &mistakes);
  CheckRange("upstream_timeout", options.upstream.timeout, absl::Seconds(1), absl::Minutes(5),
             absl::FormatDuration(options.upstream.timeout), &mistakes);
  for (const auto& [flag, value] :
       {std::pair{"upstream_give_up", options.upstream.give_up},
        std::pair{"upstream_confirm_timeout", options.upstream.confirm_timeout}}) {
    CheckRange(flag, value, absl::Seconds(1), absl::Hours(24 * 365), absl::FormatDuration(value),
               &mistakes);
  }
  CheckRange<uint64_t>("retain_bytes", options.retention.retain_bytes, uint64_t{1} << 20U,
                       std::numeric_limits<uint64_t>::max(),
                       absl::StrCat(options.retention.retain_bytes), &mistakes);
  CheckRange<uint64_t>("ring_bytes", options.ring_bytes, uint64_t{1} << 20U, uint64_t{4} << 30U,
                       absl::StrCat(options.ring_bytes), &mistakes);
  CheckRange<size_t>("max_streams", options.max_streams, 1, 100'000,
                     absl::StrCat(options.max_streams), &mistakes);
  CheckRange("stuck_write_timeout", options.stuck_write_timeout, absl::Seconds(1), absl::Hours(1),
             absl::FormatDuration(options.stuck_write_timeout), &mistakes);
  CheckRange("max_stream_age", options.max_stream_age, absl::Seconds(1), absl::InfiniteDuration(),
             absl::FormatDuration(options.max_stream_age), &mistakes);
  CheckRange("drain_timeout", options.drain_timeout, absl::ZeroDuration(), absl::Minutes(10),
             absl::FormatDuration(options.drain_timeout), &mistakes);
  if (!mistakes.empty()) return absl::InvalidArgumentError(absl::StrJoin(mistakes, "\n"));
  return options;
}

}  // namespace incidenthub
