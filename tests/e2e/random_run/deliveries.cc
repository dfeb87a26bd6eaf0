#include "tests/e2e/random_run/deliveries.h"

#include <algorithm>
#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "tests/support/webhook.h"

namespace incidenthub::testing {
namespace {

constexpr size_t kIncidentsAtFirst = 24;
constexpr double kNewIncident = 0.005;
// Whether a post is a repeat, or what was held back; and whether a new one is held back.
constexpr double kRepeat = 0.15;
constexpr double kOfTheNewest = 0.7;
constexpr size_t kNewestPosted = 16;
constexpr double kHeldBack = 0.1;
constexpr double kLate = 0.1;
constexpr int64_t kFirstUpdate = 1'795'298'964;
constexpr absl::string_view kSerialPrefix = "random-run#";

template <size_t kSize>
std::string OneOf(const std::array<const char*, kSize>& choices, Rng* rng) {
  return choices.at(rng->Below(kSize));
}

// Some incidents change all the time, and some are left alone for long.
size_t SomeIndex(size_t size, Rng* rng) {
  return std::min({rng->Below(size), rng->Below(size), rng->Below(size)});
}

}  // namespace

int64_t UpdatedOn(int64_t version) { return kFirstUpdate + version; }

std::string TitleOf(uint64_t serial) { return absl::StrCat("delivery ", serial); }

std::string BodyOf(const DeliverySpec& spec) {
  const int64_t time = UpdatedOn(spec.version);
  std::string body = DocumentedSample();
  const int replaced = absl::StrReplaceAll(
      {{"\"6a1f0c3e9b2d47g58e6071ac\"", absl::StrCat("\"", spec.incident_id, "\"")},
       {"\"status\": \"Critical\",\n    \"active\": true,\n    \"severity\": \"Critical\"",
        absl::StrCat("\"status\": \"", spec.status,
                     "\",\n    \"active\": ", spec.active ? "true" : "false",
                     ",\n    \"severity\": \"", spec.severity, "\"")},
       {"\"changedOn\": 1795298951", absl::StrCat("\"changedOn\": ", time)},
       {"\"updatedOn\": 1795298964,\n    \"endedOn\": null",
        absl::StrCat("\"updatedOn\": ", time,
                     ",\n    \"endedOn\": ", spec.active ? "null" : absl::StrCat(time))},
       {"db-checkout-01.example.com", spec.host},
       {"\"value\": 1000", absl::StrCat("\"value\": ", spec.priority)},
       {"\"value\": \"Payments SRE\"", absl::StrCat("\"value\": \"", TitleOf(spec.serial), "\"")},
       {"Production EU", spec.environment},
       {"\"incident-tag#upserted\",\n      \"time\": 1795298964",
        absl::StrCat("\"", spec.event_type, "\", \"time\": ", time, "},\n    {\"event\": \"",
                     kSerialPrefix, spec.serial, "\", \"time\": ", time)}},
      &body);
  INCIDENTHUB_CHECK(replaced == 9);
  return body;
}

uint64_t SerialOf(const v1::Event& event) {
  uint64_t serial = 0;
  for (const v1::SourceEvent& source : event.delivery().event_types()) {
    absl::string_view name = source.name();
    if (absl::ConsumePrefix(&name, kSerialPrefix) && absl::SimpleAtoi(name, &serial)) return serial;
  }
  return 0;
}

DeliverySpec Deliveries::Next(Rng* rng) {
  absl::MutexLock lock(&mu_);
  if (!posted_.empty() && rng->Chance(kRepeat)) {
    const size_t newest = std::min(posted_.size(), kNewestPosted);
    const size_t back = rng->Chance(kOfTheNewest) ? rng->Below(newest) : rng->Below(posted_.size());
    return specs_[posted_[posted_.size() - 1 - back] - 1];
  }
  if (!held_back_.empty() && rng->Chance(kLate)) {
    std::swap(held_back_[rng->Below(held_back_.size())], held_back_.back());
    posted_.push_back(held_back_.back());
    held_back_.pop_back();
    return specs_[posted_.back() - 1];
  }
  DeliverySpec spec = MakeNew(rng);
  // The next one overtakes it.
  while (spec.version > 0 && rng->Chance(kHeldBack)) {
    held_back_.push_back(spec.serial);
    spec = MakeNew(rng);
  }
  posted_.push_back(spec.serial);
  return spec;
}

DeliverySpec Deliveries::MakeNew(Rng* rng) {
  const bool is_new = incidents_.size() < kIncidentsAtFirst || rng->Chance(kNewIncident);
  if (is_new) {
    incidents_.push_back({.id = absl::StrCat("incident-", incidents_.size())});
  }
  Known& incident = is_new ? incidents_.back() : incidents_[SomeIndex(incidents_.size(), rng)];
  DeliverySpec spec;
  spec.serial = specs_.size() + 1;
  spec.incident_id = incident.id;
  spec.version = incident.versions++;
  spec.event_type = is_new ? "incident#new" : "incident#updated";
  if (!is_new && incident.active && rng->Chance(0.15)) {
    incident.active = false;
    spec.event_type = "incident#closed";
  } else if (!is_new && !incident.active && rng->Chance(0.5)) {
    incident.active = true;
    if (rng->Chance(0.7)) spec.event_type = "incident#reopen";
  }
  spec.active = incident.active;
  spec.status =
      incident.active
          ? OneOf(std::array{"Critical", "Critical", "Warning", "Unknown", "Acknowledged"}, rng)
          : "Ok";
  spec.severity = OneOf(std::array{"Critical", "Warning"}, rng);
  spec.host = OneOf(std::array{"db-1.example.com", "db-2.example.com", "web-1.example.com"}, rng);
  spec.environment = OneOf(std::array{"Production EU", "Staging EU"}, rng);
  spec.priority = static_cast<int>(rng->Below(3));
  specs_.push_back(spec);
  return spec;
}

std::string Deliveries::SomeIncident(Rng* rng) const {
  absl::MutexLock lock(&mu_);
  return incidents_.empty() ? "" : incidents_[SomeIndex(incidents_.size(), rng)].id;
}

std::vector<DeliverySpec> Deliveries::specs() const {
  absl::MutexLock lock(&mu_);
  return specs_;
}

}  // namespace incidenthub::testing
