#include "server/metrics.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/flags.h"
#include "common/process_metrics.h"
#include "common/source_counts.h"
#include "prometheus/metric_family.h"
#include "prometheus/text_serializer.h"
#include "server/fanout/live_subscriptions.h"

namespace incidenthub {
namespace {

class Families {
 public:
  void Counter(const char* name, const char* help, double value) {
    prometheus::ClientMetric metric;
    metric.counter.value = value;
    Add(name, help, prometheus::MetricType::Counter, std::move(metric));
  }

  void Gauge(const char* name, const char* help, double value) {
    prometheus::ClientMetric metric;
    metric.gauge.value = value;
    Add(name, help, prometheus::MetricType::Gauge, std::move(metric));
  }

  // One value for each of `values`, told apart by `label`; nothing if there are none.
  void Gauges(const char* name, const char* help, const char* label,
              const std::vector<std::pair<std::string, double>>& values) {
    if (values.empty()) return;
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = prometheus::MetricType::Gauge;
    for (const auto& [value_of, value] : values) {
      prometheus::ClientMetric& metric = family.metric.emplace_back();
      metric.label.push_back({label, value_of});
      metric.gauge.value = value;
    }
  }

  // One series for each of `histograms`, told apart by `label`, which is empty if there is one
  // only.
  void Histograms(const char* name, const char* help, const char* label,
                  const std::vector<std::pair<std::string, const Histogram*>>& histograms) {
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = prometheus::MetricType::Histogram;
    for (const auto& [value_of, histogram] : histograms) {
      prometheus::ClientMetric& metric = family.metric.emplace_back();
      if (*label != '\0') metric.label.push_back({label, value_of});
      const Histogram::Reading reading = histogram->Read();
      metric.histogram.sample_count = reading.count;
      metric.histogram.sample_sum = reading.sum;
      for (size_t i = 0; i < reading.cumulative.size(); ++i) {
        metric.histogram.bucket.push_back({reading.cumulative[i], histogram->bounds()[i]});
      }
      metric.histogram.bucket.push_back({reading.count, std::numeric_limits<double>::infinity()});
    }
  }

  // As Gauges(), of counters.
  void Counters(const char* name, const char* help, const char* label,
                const std::vector<std::pair<std::string, double>>& values) {
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = prometheus::MetricType::Counter;
    for (const auto& [value_of, value] : values) {
      prometheus::ClientMetric& metric = family.metric.emplace_back();
      metric.label.push_back({label, value_of});
      metric.counter.value = value;
    }
  }

  // One value for each source and outcome.
  void Deliveries(const char* name, const char* help, const SourceCounts& counts) {
    static constexpr const char* kOutcomes[kDeliveryOutcomeCount] = {
        "accepted", "duplicate", "late", "ignored", "quarantined", "rejected"};
    prometheus::MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = prometheus::MetricType::Counter;
    for (const auto& [source, by_outcome] : counts.Read()) {
      for (size_t i = 0; i < by_outcome.size(); ++i) {
        prometheus::ClientMetric& metric = family.metric.emplace_back();
        metric.label = {{"source", source}, {"outcome", kOutcomes[i]}};
        metric.counter.value = static_cast<double>(by_outcome[i]);
      }
    }
    if (!family.metric.empty()) families_.push_back(std::move(family));
  }

  // One value for each endpoint and what its answers meant.
  void UpstreamAnswers(const char* name, const char* help, const UpstreamCounters& counters) {
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = prometheus::MetricType::Counter;
    for (int endpoint = 0; endpoint < kEndpointCount; ++endpoint) {
      for (int verdict = 0; verdict < kVerdictCount; ++verdict) {
        prometheus::ClientMetric& metric = family.metric.emplace_back();
        metric.label.push_back({"endpoint", std::string(NameOf(static_cast<Endpoint>(endpoint)))});
        metric.label.push_back({"answer", std::string(NameOf(static_cast<Verdict>(verdict)))});
        metric.counter.value = static_cast<double>(
            counters.answers[static_cast<size_t>(endpoint)][static_cast<size_t>(verdict)].load(
                std::memory_order_relaxed));
      }
    }
  }

  std::string Format() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  void Add(const char* name, const char* help, prometheus::MetricType type,
           prometheus::ClientMetric metric) {
    prometheus::MetricFamily& family = families_.emplace_back();
    family.name = name;
    family.help = help;
    family.type = type;
    family.metric.push_back(std::move(metric));
  }

  std::vector<prometheus::MetricFamily> families_;
};

double Load(const std::atomic<uint64_t>& counter) {
  return static_cast<double>(counter.load(std::memory_order_relaxed));
}

// How many events there are above `position`.
double Lag(const HubMetrics& metrics, Sequence position) {
  return static_cast<double>(metrics.generations->CountBetween(position, metrics.head_sequence));
}

// How long each step takes.
void AddDurations(const HubMetrics& metrics, Families* families) {
  const SequencerCounters& counters = *metrics.counters;
  families->Histograms(
      "incidenthub_append_duration_seconds",
      "Appending a batch's events to the log, with the sync to disk; once a batch.", "",
      {{"", &counters.append_duration}});
  families->Histograms("incidenthub_commit_duration_seconds",
                       "From being queued to being answered, once for commands that came together.",
                       "", {{"", &counters.commit_duration}});
  families->Histograms("incidenthub_batch_commands", "Commands decided together, once a batch.", "",
                       {{"", &counters.batch_commands}});
  families->Histograms(
      "incidenthub_delivery_age_seconds",
      "Of deliveries that became an event: received, from the source's newest time to the "
      "gateway; committed, from there to the disk.",
      "stage", {{"received", &counters.received_age}, {"committed", &counters.committed_age}});
  families->Histograms(
      "incidenthub_delivered_age_seconds",
      "From the disk to being sent to a subscriber, of the newest event of each message with "
      "events from memory.",
      "", {{"", metrics.delivered_age}});
}

void AddSubscriptions(const HubMetrics& metrics, Families* families) {
  families->Gauge("incidenthub_subscriptions", "Subscribe streams open.",
                  static_cast<double>(metrics.subscriptions));
  const auto in_state = [&metrics](LiveSubscription::State state) {
    return static_cast<double>(metrics.subscriptions_in_state[static_cast<size_t>(state)]);
  };
  families->Gauges("incidenthub_subscriptions_by_state", "Subscribe streams, by how they do.",
                   "state",
                   {{"live", in_state(LiveSubscription::State::kLive)},
                    {"catching_up", in_state(LiveSubscription::State::kCatchingUp)},
                    {"stalled", in_state(LiveSubscription::State::kStalled)}});
  families->Gauge("incidenthub_subscription_lag_events_max",
                  "Events above the last message of the Subscribe stream that is the furthest "
                  "behind.",
                  Lag(metrics, metrics.least_sent.value_or(metrics.head_sequence)));
  families->Counter("incidenthub_stuck_writes_total",
                    "Subscribe streams cancelled since their clients did not read.",
                    static_cast<double>(metrics.stuck_writes));
}

void AddConsumers(const HubMetrics& metrics, Families* families) {
  families->Gauge("incidenthub_consumers", "Named consumers kept, connected or not.",
                  static_cast<double>(metrics.consumers));
  families->Gauge("incidenthub_consumer_lag_events_max",
                  "Events above the position of the named consumer that is the furthest behind.",
                  Lag(metrics, metrics.least_position.value_or(metrics.head_sequence)));
  std::vector<std::pair<std::string, double>> lags;
  for (const auto& [name, position] : metrics.consumer_positions) {
    lags.emplace_back(name, Lag(metrics, position));
  }
  families->Gauges("incidenthub_consumer_lag_events",
                   "Events above a named consumer's position, of the first 100 by name.",
                   "consumer", lags);
  families->Counter("incidenthub_consumer_takeovers_total",
                    "Streams ended since a newer one of the same consumer began.",
                    static_cast<double>(metrics.takeovers));
}

void AddAccess(const HubMetrics& metrics, Families* families) {
  std::vector<std::pair<std::string, double>> refused;
  for (size_t i = 0; i < kRefusalReasons.size(); ++i) {
    refused.emplace_back(std::string(kRefusalReasons[i]),
                         static_cast<double>(metrics.calls_refused[i]));
  }
  families->Counters("incidenthub_calls_refused_total",
                     "Calls and streams that the gate did not let in, or not go on.", "reason",
                     refused);
  families->Gauge("incidenthub_tls_certificate_expire_timestamp_seconds",
                  "When the gRPC port's certificate expires; 0: the port speaks plain text.",
                  metrics.certificate_expire_time.has_value()
                      ? static_cast<double>(absl::ToUnixSeconds(*metrics.certificate_expire_time))
                      : 0);
}

void AddUpstream(const HubMetrics& metrics, Families* families) {
  const UpstreamStatus& status = metrics.upstream;
  families->UpstreamAnswers("incidenthub_upstream_answers_total",
                            "Requests to sources, by what came of them.",
                            *metrics.upstream_counters);
  families->Gauges("incidenthub_upstream_waiting", "What sources are still to be told.", "what",
                   {{"resolve", static_cast<double>(status.resolves_waiting)},
                    {"comment", static_cast<double>(status.comments_waiting)},
                    {"callback", static_cast<double>(status.callbacks_waiting)}});
  families->Gauge("incidenthub_upstream_paused_sources",
                  "Sources that are asked nothing until their key is good again.",
                  static_cast<double>(status.sources_paused));
  families->Gauge("incidenthub_upstream_paused_environments",
                  "Environments in which a key has no right.",
                  static_cast<double>(status.environments_paused));
  families->Gauge("incidenthub_upstream_config_ok",
                  "1 while the upstream configuration is in effect as its files are now.",
                  status.config.ok() ? 1 : 0);
  std::vector<std::pair<std::string, double>> keys;
  for (const auto& [name, key] : status.keys) keys.emplace_back(name, key.good ? 1 : 0);
  families->Gauges("incidenthub_upstream_key_ok",
                   "1 if the source's key was good when it was last checked.", "source", keys);
}

}  // namespace

std::string FormatMetrics(const HubMetrics& metrics) {
  constexpr double kNanosPerSecond = 1e9;
  const SequencerCounters& counters = *metrics.counters;
  Families families;
  families.Counter("incidenthub_batches_total", "Batches that the sequencer decided.",
                   Load(counters.batches));
  families.Counter("incidenthub_events_total", "Events committed.", Load(counters.events));
  families.Counter("incidenthub_duplicates_total", "Deliveries recognised as committed before.",
                   Load(counters.duplicates));
  families.Counter("incidenthub_quarantined_total", "Bodies put into quarantine.",
                   Load(counters.quarantined));
  families.Counter("incidenthub_ignored_total",
                   "Deliveries about incidents that are not held, and that begin none.",
                   Load(counters.ignored));
  families.Counter("incidenthub_commands_rejected_total", "Commands answered with an error.",
                   Load(counters.rejected));
  families.Counter("incidenthub_acknowledgements_expired_total",
                   "Acknowledgements taken back because their expire_time had passed.",
                   Load(counters.expired));
  families.Counter("incidenthub_append_seconds_total",
                   "Time spent appending to the log, with the sync to disk.",
                   Load(counters.append_nanos) / kNanosPerSecond);
  families.Deliveries(
      "incidenthub_deliveries_total",
      "Deliveries by outcome: accepted, duplicate, late, ignored, quarantined, rejected; sources "
      "after the first 64 are other.",
      counters.deliveries);
  AddDurations(metrics, &families);
  families.Gauge("incidenthub_queued_commands", "Commands that wait for the sequencer.",
                 static_cast<double>(metrics.queued_commands));
  families.Gauge("incidenthub_head_sequence", "Sequence of the newest event.",
                 static_cast<double>(metrics.head_sequence));
  families.Gauge("incidenthub_floor_sequence",
                 "Every event above this sequence is held; 0: no event was ever dropped.",
                 static_cast<double>(metrics.floor_sequence));
  families.Gauge("incidenthub_event_bytes", "Bytes of the events held, before compression.",
                 static_cast<double>(metrics.event_bytes));
  families.Counter("incidenthub_events_dropped_total", "Events that retention has dropped.",
                   Load(metrics.retention->events_dropped));
  families.Counter("incidenthub_incidents_purged_total",
                   "Resolved incidents that retention has dropped.",
                   Load(metrics.retention->incidents_purged));
  families.Counter("incidenthub_tombstones_forgotten_total",
                   "Dropped incidents whose dropping is no longer remembered.",
                   Load(metrics.retention->tombstones_forgotten));
  families.Gauge("incidenthub_incidents", "Incidents held.",
                 static_cast<double>(metrics.incidents));
  families.Gauge("incidenthub_quarantine_bodies", "Bodies held in quarantine.",
                 static_cast<double>(metrics.quarantined_bodies));
  families.Counter(
      "incidenthub_quarantine_dropped_total",
      "Bodies that left the quarantine for newer ones, or for their age.",
      static_cast<double>(metrics.quarantine_pushed_out) + Load(metrics.retention->bodies_dropped));
  families.Counter("incidenthub_quarantine_replayed_total",
                   "Bodies that left the quarantine since they were replayed.",
                   Load(counters.replayed));
  families.Gauge("incidenthub_ring_bytes", "Bytes of events held in memory.",
                 static_cast<double>(metrics.ring_bytes));
  AddSubscriptions(metrics, &families);
  AddConsumers(metrics, &families);
  AddUpstream(metrics, &families);
  AddAccess(metrics, &families);
  families.Gauge("incidenthub_ingest_streams", "Ingest streams open.",
                 static_cast<double>(metrics.ingest_streams));
  families.Gauge("incidenthub_disk_free_bytes", "Free bytes on the disk of the data directory.",
                 static_cast<double>(metrics.disk_free_bytes));
  families.Gauge("incidenthub_disk_ok", "1 while there is enough free disk to take commands.",
                 metrics.disk_ok ? 1 : 0);
  families.Counter("incidenthub_backups_total", "Backups made.",
                   static_cast<double>(metrics.backups));
  families.Gauge("incidenthub_last_backup_timestamp_seconds",
                 "When the last backup was made, since the start of the process; 0: none was.",
                 metrics.backups == 0
                     ? 0
                     : absl::ToDoubleSeconds(metrics.last_backup_time - absl::UnixEpoch()));
  families.Gauges("incidenthub_build_info", "1, with the version of the hub.", "version",
                  {{std::string(ProgramVersion()), 1}});
  return absl::StrCat(families.Format(), ProcessMetricsText());
}

}  // namespace incidenthub
