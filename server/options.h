// The hub's settings: flags on the command line, one struct inside. All take effect at the next
// start.

#ifndef INCIDENTHUB_SERVER_OPTIONS_H_
#define INCIDENTHUB_SERVER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/tls_identity.h"
#include "server/core/retention.h"
#include "server/upstream/worker.h"

namespace incidenthub {

struct HubOptions {
  // HOST:PORT of the gRPC port; port 0 takes any free one.
  std::string listen;
  // Of the gRPC port; no certificate file: it speaks plain text.
  TlsFiles tls;
  // Clients have to show a certificate; otherwise they may, and may show a token instead.
  bool requires_client_certificate = false;
  // Who may call, and what; empty: everybody may do everything.
  std::string access_config;
  // HOST:PORT of the admin port.
  std::string admin_listen;
  // Directory of the database; made if missing.
  std::string data_dir;
  // Directory of the backups; empty: none can be made.
  std::string backup_dir;
  // A backup to be restored into `data_dir`; empty: serve.
  std::string restore_from;
  // Mutations are refused below this much free disk.
  uint64_t min_free_bytes = 0;
  // What is dropped, and when.
  RetentionOptions retention;
  // Telling sources what happens here.
  UpstreamOptions upstream;
  // Memory for the newest events, shared by all subscribers.
  uint64_t ring_bytes = 0;
  // Subscribe streams open at once.
  size_t max_streams = 0;
  // Bounds of a Subscribe stream: how long its client may take nothing, and how long it lives;
  // InfiniteDuration() is for ever.
  absl::Duration stuck_write_timeout = absl::InfiniteDuration();
  absl::Duration max_stream_age = absl::InfiniteDuration();
  // How long a stop may take.
  absl::Duration drain_timeout;
  std::string log_level;
};

// Reads the flags. INVALID_ARGUMENT names every mistake, one a line.
absl::StatusOr<HubOptions> OptionsFromFlags();

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_OPTIONS_H_
