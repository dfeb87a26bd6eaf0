// Every metric of the hub: its name, help and value, in Prometheus' text format.

#ifndef INCIDENTHUB_SERVER_METRICS_H_
#define INCIDENTHUB_SERVER_METRICS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "server/core/retention.h"
#include "server/core/sequencer.h"

namespace incidenthub {

// Values at one moment.
struct HubMetrics {
  const SequencerCounters* counters = nullptr;
  const RetentionCounters* retention = nullptr;
  size_t queued_commands = 0;
  uint64_t head_sequence = 0;
  uint64_t floor_sequence = 0;
  uint64_t event_bytes = 0;
  uint64_t incidents = 0;
  uint64_t quarantined_bodies = 0;
  size_t ring_bytes = 0;
  size_t subscriptions = 0;
  uint64_t stuck_writes = 0;
  size_t ingest_streams = 0;
  uint64_t disk_free_bytes = 0;
  bool disk_ok = true;
  uint64_t backups = 0;
  absl::Time last_backup_time = absl::InfinitePast();
};

std::string FormatMetrics(const HubMetrics& metrics);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_METRICS_H_
