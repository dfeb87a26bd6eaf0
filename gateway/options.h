// What the gateway can be told: its flags, and which of them go together.

#ifndef INCIDENTHUB_GATEWAY_OPTIONS_H_
#define INCIDENTHUB_GATEWAY_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/hub_credentials.h"

namespace incidenthub::gateway {

// A value for each flag of the same name. All take effect at start only; the content of the secret
// file, of files with credentials that a sources configuration names, and of TLS's files is read
// again when it changes.
struct Options {
  // Where senders connect. HOST:PORT; port 0 takes any free one.
  std::string listen = "127.0.0.1:8080";
  // Probes and metrics.
  std::string admin_listen = "127.0.0.1:9091";
  // The hub.
  std::string hub = "127.0.0.1:50051";
  // What to prove to it, and what it has to prove; without `server_name`.
  HubCredentialFiles hub_files;

  // Who sends, and how each proves it: a file as gateway_config.proto describes. Empty: BigPanda
  // alone, by the two below; with it they are not given.
  std::string sources_config;
  // The header with BigPanda's credential, and the file with its valid values. Empty: every sender
  // is accepted, of every kind of source.
  std::string bigpanda_auth_header = "Authorization";
  std::string bigpanda_secret_file;

  // From a request's start. How long it is held while the hub is away, then 503.
  absl::Duration hold = absl::Seconds(10);
  // How long it waits for the hub's receipt, then 504. More than `hold`.
  absl::Duration answer_timeout = absl::Seconds(25);
  // How long it may take to arrive, then 408.
  absl::Duration body_timeout = absl::Seconds(20);
  // How long a connection may be silent between requests.
  absl::Duration idle_timeout = absl::Seconds(75);
  // How long open requests and the window may take after SIGTERM.
  absl::Duration drain_timeout = absl::Seconds(10);

  // Connections at a time, and so at most as many threads: 1 to 10,000.
  int32_t max_connections = 512;
  // Deliveries without a receipt: 1 to 1,000,000, and their bytes: 4 MiB to 64 GiB.
  int64_t window_deliveries = 4096;
  int64_t window_bytes = int64_t{64} << 20;

  // TLS on --listen: PEM files with the certificate's chain and its key, both or neither, and those
  // of the authorities of which senders have to show a certificate; empty: they need none. All are
  // read again when they change.
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string tls_client_ca_file;

  // Explicit ways out of what is refused on an address that others can reach.
  bool allow_plaintext = false;
  bool allow_unauthenticated = false;

  // debug, info, warning or error.
  std::string log_level = "info";

  // All mistakes at once, a line each, naming the flag, its value and what to do.
  absl::Status Validate() const;
};

// As the command line says. Call after ParseFlags().
Options OptionsFromFlags();

}  // namespace incidenthub::gateway

#endif  // INCIDENTHUB_GATEWAY_OPTIONS_H_
