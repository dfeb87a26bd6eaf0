#include <algorithm>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status_macros.h"
#include "tests/bench/raw_subscriber.h"
#include "tests/bench/scale_parts.h"

namespace incidenthub::bench {
namespace {

constexpr absl::Duration kOpenTimeout = absl::Minutes(1);
// Of updates that come alone, a second; and of the events that all subscribers get of them.
constexpr double kAloneRate = 500;
constexpr double kAloneEntryRate = 20'000;
// Entries that all subscribers get of updates in bulk, and the fewest events that these are.
constexpr uint64_t kBulkEntriesMax = 400'000;
constexpr uint64_t kBulkEventsMin = 256;
// Of payloads: few, so that large ones fit into any memory.
constexpr uint64_t kPayloadIncidentsMax = 100;
constexpr double kKiB = 1 << 10;

// 0, 1, 10, 100, ... and at last the most.
std::vector<size_t> SubscriberCounts(size_t most) {
  std::vector<size_t> counts = {0};
  for (size_t count = 1; count < most; count *= 10) counts.push_back(count);
  if (most > 0) counts.push_back(most);
  return counts;
}

absl::Status BySubscribers(ScaleRun* run) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ScaleHub> hub, ScaleHub::Start());
  const DeliveryTemplate delivery;
  RETURN_IF_ERROR(hub->AddIncidents(delivery, run->options.base_incidents).status());
  for (const size_t count : SubscriberCounts(run->options.subscribers)) {
    RawSubscribers subscribers(hub->port(), count, FromNowRequest());
    RETURN_IF_ERROR(subscribers.WaitUntilOpened(kOpenTimeout));
    UpdatePoint point;
    point.name = absl::StrCat("subscribers_", count);
    point.what = absl::StrCat(WithCommas(count), count == 1 ? " subscriber" : " subscribers");
    point.x_label = "subscribers";
    point.x = WithCommas(count);
    if (count > 0) {
      point.bulk.subscribers = &subscribers;
      point.bulk.events_max = std::max(kBulkEventsMin, kBulkEntriesMax / count);
      point.alone.subscribers = &subscribers;
      point.alone.rate = kAloneEntryRate / static_cast<double>(count);
    }
    RETURN_IF_ERROR(AddUpdateCosts(point, delivery, hub.get(), run));
  }
  return absl::OkStatus();
}

absl::Status ByPayload(ScaleRun* run) {
  for (const double kib : run->options.payloads) {
    ASSIGN_OR_RETURN(const std::unique_ptr<ScaleHub> hub, ScaleHub::Start());
    const DeliveryTemplate delivery(static_cast<size_t>(kib * kKiB));
    RETURN_IF_ERROR(
        hub->AddIncidents(delivery, std::min(kPayloadIncidentsMax, run->options.base_incidents))
            .status());
    UpdatePoint point;
    point.name = absl::StrCat("payload_", static_cast<int64_t>(kib * kKiB));
    point.what = absl::StrCat(absl::StrFormat("%g", kib), " KiB an incident");
    point.x_label = "KiB an incident";
    point.x = absl::StrFormat("%g", kib);
    // So that megabytes a second are bounded.
    point.alone.rate = std::min(kAloneRate, kAloneEntryRate / kib);
    RETURN_IF_ERROR(AddUpdateCosts(point, delivery, hub.get(), run));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunUpdates(ScaleRun* run) {
  RETURN_IF_ERROR(BySubscribers(run));
  return ByPayload(run);
}

absl::Status AddUpdateCosts(const UpdatePoint& point, const DeliveryTemplate& delivery,
                            ScaleHub* hub, ScaleRun* run) {
  Figures& figures = run->figures;
  figures.BeginSection(absl::StrCat("Updates, by ", point.x_label));
  UpdateOptions bulk = point.bulk;
  bulk.duration = run->options.duration;
  UpdateOptions alone = point.alone;
  alone.duration = run->options.duration;
  alone.rate = alone.rate > 0 ? std::min(alone.rate, kAloneRate) : kAloneRate;
  const std::string rate_name = absl::StrCat(point.name, "_updates");
  const std::string bulk_name = absl::StrCat(point.name, "_update_cpu");
  const std::string alone_name = absl::StrCat(point.name, "_update_alone_cpu");
  for (size_t round = 0; round < run->options.rounds; ++round) {
    ASSIGN_OR_RETURN(const Cost fast, hub->Update(delivery, bulk));
    figures.Add(rate_name, absl::StrCat(point.what, ": updates"), "a second",
                fast.EventsPerSecond());
    figures.Add(bulk_name, absl::StrCat(point.what, ": the hub's CPU, 64 in a request"),
                "us an update", fast.CpuMicrosPerEvent());
    ASSIGN_OR_RETURN(const Cost slow, hub->Update(delivery, alone));
    figures.Add(alone_name, absl::StrCat(point.what, ": the hub's CPU, each alone"), "us an update",
                slow.CpuMicrosPerEvent());
  }
  const std::string by = absl::StrCat(" by ", point.x_label);
  run->curves.Add({absl::StrCat("Updates", by), point.x_label, "a second"}, "", point.x, rate_name);
  const GrowthCurves::Panel cpu = {absl::StrCat("CPU an update", by), point.x_label, "us"};
  run->curves.Add(cpu, "64 in a request", point.x, bulk_name);
  run->curves.Add(cpu, "each alone", point.x, alone_name);
  return absl::OkStatus();
}

std::string WithCommas(uint64_t number) {
  std::string text = absl::StrCat(number);
  for (size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

}  // namespace incidenthub::bench
