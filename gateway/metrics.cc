#include "gateway/metrics.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/flags.h"
#include "common/process_metrics.h"
#include "common/source_counts.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace incidenthub::gateway {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using prometheus::Registry;

// The values of labels are fixed, so that no sender can make new time series.
constexpr int kStatuses[] = {200, 201, 204, 400, 401, 404, 405, 408, 413, 415, 422, 431, 503, 504};
constexpr absl::string_view kDecodeReasons[] = {
    "BODY_EMPTY", "NOT_UTF8", "NOT_JSON", "TOO_DEEP", "EVENT_TOO_LARGE", "UNMAPPED", "OTHER"};

// In the order of DeliveryResult.
constexpr absl::string_view kDeliveryResults[] = {"accepted",    "duplicate", "ignored",
                                                  "quarantined", "rejected",  "unanswered"};

prometheus::MetricFamily DeliveriesFamily(const SourceCounts& counts) {
  prometheus::MetricFamily family;
  family.name = "incidenthub_gateway_deliveries_total";
  family.help =
      "Deliveries by outcome: accepted, duplicate, ignored, quarantined, rejected, unanswered (the "
      "hub did not answer in time, or could not take it).";
  family.type = prometheus::MetricType::Counter;
  for (const auto& [source, by_result] : counts.Read()) {
    for (size_t i = 0; i < by_result.size(); ++i) {
      prometheus::ClientMetric& metric = family.metric.emplace_back();
      metric.label = {{"source", source}, {"outcome", std::string(kDeliveryResults[i])}};
      metric.counter.value = static_cast<double>(by_result[i]);
    }
  }
  return family;
}

Counter& AddCounter(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

Gauge& AddGauge(Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

}  // namespace

struct Metrics::Families {
  Registry registry;

  std::map<int, Counter*> requests;
  Counter* requests_aborted;
  Counter* requests_other;
  Histogram* request_duration;
  std::map<absl::string_view, Counter*> decode_errors;

  Gauge& connections_open =
      AddGauge(registry, "incidenthub_gateway_connections_open", "Connections of senders.");
  Counter& connections_refused =
      AddCounter(registry, "incidenthub_gateway_connections_refused_total",
                 "Connections answered 503, or with TLS closed, because --max_connections were "
                 "open.");
  Counter& tls_handshake_failures = AddCounter(
      registry, "incidenthub_gateway_tls_handshake_failures_total",
      "Connections that spoke no TLS, or not as they have to; the log says why. Those that were "
      "closed without a byte do not count.");
  Gauge& certificate_expires =
      AddGauge(registry, "incidenthub_gateway_tls_certificate_expire_timestamp_seconds",
               "When the certificate that new connections get expires, as Unix time; 0: no TLS.");

  Gauge& stream_up =
      AddGauge(registry, "incidenthub_gateway_stream_up", "1 while the stream to the hub is up.");
  Counter& streams_opened = AddCounter(registry, "incidenthub_gateway_streams_opened_total",
                                       "Streams to the hub that came up.");
  Gauge& window_deliveries =
      AddGauge(registry, "incidenthub_gateway_window_deliveries", "Deliveries without a receipt.");
  Gauge& window_bytes = AddGauge(registry, "incidenthub_gateway_window_bytes",
                                 "Encoded size of the deliveries without a receipt.");
  Counter& resent = AddCounter(registry, "incidenthub_gateway_resent_deliveries_total",
                               "Deliveries sent again, after the stream broke or the hub asked.");
  Counter* pushed_out;
  Counter* rejected;
  Counter* at_exit;
  SourceCounts deliveries{std::size(kDeliveryResults)};

  Families() {
    prometheus::BuildGauge()
        .Name("incidenthub_gateway_build_info")
        .Help("1, with the version of the gateway.")
        .Register(registry)
        .Add({{"version", std::string(ProgramVersion())}})
        .Set(1);
    auto& requests_family = prometheus::BuildCounter()
                                .Name("incidenthub_gateway_requests_total")
                                .Help(
                                    "Requests by the status of their answer; code \"aborted\": "
                                    "the sender hung up while sending.")
                                .Register(registry);
    for (const int status : kStatuses) {
      requests[status] = &requests_family.Add({{"code", std::to_string(status)}});
    }
    requests_aborted = &requests_family.Add({{"code", "aborted"}});
    requests_other = &requests_family.Add({{"code", "other"}});
    request_duration =
        &prometheus::BuildHistogram()
             .Name("incidenthub_gateway_request_duration_seconds")
             .Help("From a request's first byte to its answer.")
             .Register(registry)
             .Add({}, Histogram::BucketBoundaries{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                  0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25});
    auto& decode_family = prometheus::BuildCounter()
                              .Name("incidenthub_gateway_decode_errors_total")
                              .Help("Authenticated bodies that are no incident, by reason.")
                              .Register(registry);
    for (const absl::string_view reason : kDecodeReasons) {
      decode_errors[reason] = &decode_family.Add({{"reason", std::string(reason)}});
    }
    auto& dropped_family =
        prometheus::BuildCounter()
            .Name("incidenthub_gateway_dropped_deliveries_total")
            .Help(
                "Deliveries given up without a receipt, after their sender was answered 503 "
                "or 504.")
            .Register(registry);
    pushed_out = &dropped_family.Add({{"cause", "pushed_out"}});
    rejected = &dropped_family.Add({{"cause", "rejected"}});
    at_exit = &dropped_family.Add({{"cause", "exit"}});
  }
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::RequestDone(int status, absl::Duration duration) {
  if (status == 0) {
    families_->requests_aborted->Increment();
    return;
  }
  const auto found = families_->requests.find(status);
  (found == families_->requests.end() ? families_->requests_other : found->second)->Increment();
  families_->request_duration->Observe(absl::ToDoubleSeconds(duration));
}

void Metrics::DecodeFailed(absl::string_view reason) {
  const auto found = families_->decode_errors.find(reason);
  (found == families_->decode_errors.end() ? families_->decode_errors.at("OTHER") : found->second)
      ->Increment();
}

void Metrics::ConnectionOpened() { families_->connections_open.Increment(); }
void Metrics::ConnectionClosed() { families_->connections_open.Decrement(); }
void Metrics::ConnectionRefused() { families_->connections_refused.Increment(); }

void Metrics::TlsHandshakeFailed() { families_->tls_handshake_failures.Increment(); }

void Metrics::StreamOpened() { families_->streams_opened.Increment(); }

void Metrics::Resent(size_t deliveries) {
  families_->resent.Increment(static_cast<double>(deliveries));
}

void Metrics::Dropped(DropCause cause, size_t deliveries) {
  Counter* counter = families_->at_exit;
  if (cause == DropCause::kPushedOut) counter = families_->pushed_out;
  if (cause == DropCause::kRejected) counter = families_->rejected;
  counter->Increment(static_cast<double>(deliveries));
}

void Metrics::DeliveryDone(absl::string_view source, DeliveryResult result) {
  families_->deliveries.Add(source, static_cast<size_t>(result));
}

std::string Metrics::Text(const Gauges& gauges) {
  families_->window_deliveries.Set(static_cast<double>(gauges.window_deliveries));
  families_->window_bytes.Set(static_cast<double>(gauges.window_bytes));
  families_->stream_up.Set(gauges.stream_up ? 1 : 0);
  families_->certificate_expires.Set(
      static_cast<double>(absl::ToUnixSeconds(gauges.certificate_expire_time)));
  std::vector<prometheus::MetricFamily> collected = families_->registry.Collect();
  prometheus::MetricFamily deliveries = DeliveriesFamily(families_->deliveries);
  if (!deliveries.metric.empty()) collected.push_back(std::move(deliveries));
  return absl::StrCat(prometheus::TextSerializer().Serialize(collected), ProcessMetricsText());
}

}  // namespace incidenthub::gateway
