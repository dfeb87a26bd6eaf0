// Every metric of the hub: its name, help and value, in Prometheus' text format.

#ifndef INCIDENTHUB_SERVER_METRICS_H_
#define INCIDENTHUB_SERVER_METRICS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/histogram.h"
#include "server/core/retention.h"
#include "server/core/sequencer.h"
#include "server/domain/generation.h"
#include "server/domain/ids.h"
#include "server/rpc/gate.h"
#include "server/upstream/worker.h"

namespace incidenthub {

// Named consumers that have a metric each, the first ones by name: labels are bounded.
inline constexpr size_t kConsumersMeasuredMax = 100;

// Values at one moment.
struct HubMetrics {
  const SequencerCounters* counters = nullptr;
  const Generations* generations = nullptr;
  const RetentionCounters* retention = nullptr;
  size_t queued_commands = 0;
  uint64_t head_sequence = 0;
  uint64_t floor_sequence = 0;
  uint64_t event_bytes = 0;
  uint64_t incidents = 0;
  uint64_t quarantined_bodies = 0;
  // Bodies that had to leave the quarantine for newer ones.
  uint64_t quarantine_pushed_out = 0;
  size_t ring_bytes = 0;
  size_t subscriptions = 0;
  // By LiveSubscription::State; those that are opening or ending are in none.
  std::array<size_t, 3> subscriptions_in_state = {};
  // What the stream that is the furthest behind was sent; empty: there is none.
  std::optional<Sequence> least_sent;
  uint64_t stuck_writes = 0;
  // See SubscribeReactor::Environment.
  const Histogram* delivered_age = nullptr;
  // By kRefusalReasons.
  std::array<uint64_t, kRefusalReasons.size()> calls_refused = {};
  // Of the gRPC port's certificate; empty: it speaks plain text.
  std::optional<absl::Time> certificate_expire_time;
  size_t ingest_streams = 0;
  // Streams that had to leave their consumer to a newer one.
  uint64_t takeovers = 0;
  size_t consumers = 0;
  // Of the consumer that is the furthest behind; empty: there is none.
  std::optional<Sequence> least_position;
  // Of the first kConsumersMeasuredMax.
  std::vector<std::pair<std::string, Sequence>> consumer_positions;
  UpstreamStatus upstream;
  const UpstreamCounters* upstream_counters = nullptr;
  uint64_t disk_free_bytes = 0;
  bool disk_ok = true;
  uint64_t backups = 0;
  absl::Time last_backup_time = absl::InfinitePast();
};

// With those of the process.
std::string FormatMetrics(const HubMetrics& metrics);

}  // namespace incidenthub

#endif  // INCIDENTHUB_SERVER_METRICS_H_
