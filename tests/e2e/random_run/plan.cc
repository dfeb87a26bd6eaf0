#include "tests/e2e/random_run/plan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace incidenthub::testing {
namespace {

// Faults come this often, the end of one to the begin of the next.
constexpr absl::Duration kFaultIntervalMin = absl::Seconds(1);
constexpr absl::Duration kFaultIntervalMax = absl::Seconds(7);
constexpr absl::Duration kStopMax = absl::Seconds(5);

// Whether any value of a tag with this name is `value`.
bool HasTag(const v1::Incident& incident, absl::string_view name, absl::string_view value) {
  return std::any_of(incident.tags().begin(), incident.tags().end(), [&](const v1::Tag& tag) {
    return tag.name() == name.data() && tag.text() == value.data();
  });
}

bool HasAlertHostOf(const v1::Incident& incident, absl::string_view prefix) {
  for (const v1::Alert& alert : incident.alerts()) {
    for (const v1::Tag& tag : alert.tags()) {
      if (tag.name() == "host" && absl::StartsWith(tag.text(), prefix.data())) return true;
    }
  }
  return false;
}

std::vector<Filter> MakeFilters() {
  return {
      {{}, [](const v1::Incident&) { return true; }},
      {{"state=open"}, [](const v1::Incident& i) { return i.state() == v1::STATE_OPEN; }},
      {{"state!=resolved", "severity=critical"},
       [](const v1::Incident& i) {
         return i.state() != v1::STATE_RESOLVED && i.severity() == v1::STATUS_CRITICAL;
       }},
      {{"alert_tag.host=~\"db-.*\""},
       [](const v1::Incident& i) { return HasAlertHostOf(i, "db-"); }},
      {{"tag.itd_priority_1=\"1\"", "status!=ok"},
       [](const v1::Incident& i) {
         return HasTag(i, "itd_priority_1", "1") && i.status() != v1::STATUS_OK;
       }},
      {{"environment!=\"Staging EU\"", "state=acknowledged"},
       [](const v1::Incident& i) {
         return i.environment().name() != "Staging EU" && i.state() == v1::STATE_ACKNOWLEDGED;
       }},
      {{"id=~\".*[02468]\"", "status=~\"warning|critical\""},
       [](const v1::Incident& i) {
         return (i.id().back() - '0') % 2 == 0 &&
                (i.status() == v1::STATUS_WARNING || i.status() == v1::STATUS_CRITICAL);
       }},
      {{"id=\"nobody has this id\""}, [](const v1::Incident&) { return false; }},
  };
}

// Those that let the hub keep their position. Each is a name there.
std::vector<SubscriberPlan> MakeConsumers(Rng* rng) {
  std::vector<SubscriberPlan> all = {
      {.name = "consumer"},
      {.name = "consumer, commits rarely", .stalls = 0.05, .commits = 0.01},
      {.name = "consumer, crashes", .messages_max = 40, .commits = 0.2, .reconnects = 0},
      {.name = "consumer, fought for", .commits = 0.3, .taken_over = 0.05},
      {.name = "consumer, snapshots", .starts_anew = 0.3, .messages_max = 100, .reconnects = 0.5},
      {.name = "consumer, latest", .latest_only = true, .stalls = 0.05},
      {.name = "consumer, matchers", .messages_max = 200, .taken_over = 0.02},
  };
  for (SubscriberPlan& plan : all) {
    plan.consumer = true;
    if (plan.name != "consumer, snapshots") plan.starts_anew = 0;
  }
  all.back().filter = 1 + rng->Below(Filters().size() - 1);
  return all;
}

std::vector<SubscriberPlan> MakeSubscribers(Rng* rng) {
  const size_t filters = Filters().size();
  std::vector<SubscriberPlan> all = {
      {.name = "everything"},
      {.name = "everything, stalls", .stalls = 0.1},
      {.name = "everything, goes back", .goes_back = 0.5, .messages_max = 200},
      {.name = "snapshot again and again", .starts_anew = 0.7, .messages_max = 100},
      {.name = "latest of everything", .latest_only = true, .stalls = 0.1},
      {.name = "every second stream latest", .alternates = true},
      {.name = "from now", .start = StreamStart::kFromNow},
      {.name = "whole history"},
  };
  // Each of the other filters is somebody's, in some way; which way is another with each seed.
  for (size_t filter = 1; filter < filters; ++filter) {
    all.push_back({.name = absl::StrCat("matchers ", filter), .filter = filter});
  }
  for (const char* name :
       {"some matchers, stalls", "some matchers, goes back", "some matchers, snapshots",
        "some matchers, latest", "some matchers, both modes", "some matchers, from now",
        "some matchers, whole history"}) {
    all.push_back({.name = name, .filter = 1 + rng->Below(filters - 1)});
  }
  for (SubscriberPlan& plan : all) {
    if (absl::StrContains(plan.name, "matchers, stalls")) plan.stalls = 0.1;
    if (absl::StrContains(plan.name, "matchers, goes back")) plan.goes_back = 0.5;
    if (absl::StrContains(plan.name, "matchers, snapshots")) plan.starts_anew = 0.7;
    if (absl::StrContains(plan.name, "matchers, latest")) plan.latest_only = true;
    if (absl::StrContains(plan.name, "both modes")) plan.alternates = true;
    if (absl::StrContains(plan.name, "from now")) plan.start = StreamStart::kFromNow;
    if (absl::StrContains(plan.name, "whole history")) {
      plan.require_history = true;
      // What is refused is far back.
      plan.goes_back = 0.6;
      plan.goes_far = 0.9;
      plan.messages_max = 100;
    }
  }
  std::vector<SubscriberPlan> consumers = MakeConsumers(rng);
  std::move(consumers.begin(), consumers.end(), std::back_inserter(all));
  return all;
}

std::vector<FaultPlan> MakeFaults(absl::Duration duration, Rng* rng) {
  // The more often one stands here, the more often it comes.
  constexpr std::array kChoices = {
      Fault::kKillHub,  Fault::kKillHub,    Fault::kKillHub,        Fault::kKillGateway,
      Fault::kKillBoth, Fault::kRestartHub, Fault::kRestartGateway, Fault::kStopHub,
      Fault::kFillDisk, Fault::kFillDisk,   Fault::kHangSockets,
  };
  std::vector<FaultPlan> faults;
  absl::Duration at = absl::Seconds(2);
  while (true) {
    FaultPlan plan;
    plan.at = at;
    plan.fault = kChoices.at(rng->Below(kChoices.size()));
    plan.lasts = plan.fault == Fault::kStopHub
                     ? rng->Between(absl::Milliseconds(200), kStopMax)
                     : rng->Between(absl::ZeroDuration(), absl::Milliseconds(2500));
    // A second hub at once is as likely as one that comes late.
    if (plan.fault != Fault::kStopHub && rng->Chance(0.4)) plan.lasts = absl::ZeroDuration();
    if (plan.fault == Fault::kFillDisk || plan.fault == Fault::kHangSockets) {
      plan.lasts += absl::Seconds(2);
    }
    plan.kill = rng->Chance(0.4);
    plan.to_the_last_byte = rng->Chance(0.4);
    if (plan.at + plan.lasts > duration) return faults;
    faults.push_back(plan);
    at += plan.lasts + rng->Between(kFaultIntervalMin, kFaultIntervalMax);
  }
}

absl::string_view Details(const FaultPlan& plan) {
  if (plan.fault != Fault::kFillDisk) return "";
  if (plan.to_the_last_byte) return " to the last byte";
  return plan.kill ? " and kill the hub" : "";
}

}  // namespace

Rng::Rng(uint64_t seed, absl::string_view actor) {
  std::vector<uint32_t> words = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32U)};
  for (const char c : actor) words.push_back(static_cast<uint32_t>(c));
  std::seed_seq sequence(words.begin(), words.end());
  engine_.seed(sequence);
}

absl::Duration Rng::Between(absl::Duration min, absl::Duration max) {
  return min + (max - min) * std::uniform_real_distribution<double>(0, 1)(engine_);
}

absl::Duration Rng::Around(absl::Duration mean) {
  return mean * std::exponential_distribution<double>(1)(engine_);
}

const std::vector<Filter>& Filters() {
  static const auto* const kFilters = new std::vector<Filter>(MakeFilters());
  return *kFilters;
}

absl::string_view FaultName(Fault fault) {
  switch (fault) {
    case Fault::kKillHub:
      return "kill the hub";
    case Fault::kKillGateway:
      return "kill the gateway";
    case Fault::kKillBoth:
      return "kill both";
    case Fault::kRestartHub:
      return "restart the hub";
    case Fault::kRestartGateway:
      return "restart the gateway";
    case Fault::kStopHub:
      return "stop the hub";
    case Fault::kFillDisk:
      return "fill the disk";
    case Fault::kHangSockets:
      return "hang sockets";
  }
  return "";
}

Plan MakePlan(uint64_t seed, absl::Duration duration) {
  Rng rng(seed, "plan");
  Plan plan;
  plan.seed = seed;
  plan.duration = duration;
  // The smallest ring, as a rule: its edge to the store is where subscribers change over.
  const uint64_t ring_bytes = rng.Chance(0.8) ? uint64_t{1} << 20U : uint64_t{8} << 20U;
  plan.hub_flags = {absl::StrCat("--ring_bytes=", ring_bytes),
                    absl::StrCat("--stuck_write_timeout=", 1 + rng.Below(3), "s"),
                    absl::StrCat("--drain_timeout=", 1 + rng.Below(2), "s")};
  if (rng.Chance(0.5))
    plan.hub_flags.push_back(absl::StrCat("--max_stream_age=", 2 + rng.Below(10), "s"));
  // Tight enough that subscribers which stall or go back are overtaken.
  plan.retention_flags = {rng.Chance(0.5)
                              ? absl::StrCat("--retain_events=", 12 + rng.Below(20), "s")
                              : absl::StrCat("--retain_bytes=", (2 + rng.Below(5)) << 20U),
                          absl::StrCat("--retain_resolved=", 2 + rng.Below(8), "s")};
  plan.may_reset = rng.Chance(0.4);
  if (plan.may_reset) {
    plan.retention_flags.push_back(absl::StrCat("--retain_tombstones=", 5 + rng.Below(20), "s"));
  }
  plan.gateway_flags = {"--hold=2s", "--answer_timeout=4s", "--drain_timeout=3s"};
  plan.posters = 3 + rng.Below(4);
  plan.responders = 2 + rng.Below(2);
  plan.post_interval = absl::Milliseconds(30) + absl::Milliseconds(rng.Below(40));
  plan.subscribers = MakeSubscribers(&rng);
  plan.faults = MakeFaults(duration, &rng);
  return plan;
}

std::string Describe(const Plan& plan) {
  std::string text = absl::StrCat(
      plan.posters, " posters, ", plan.responders, " responders, ", plan.subscribers.size(),
      " subscribers, ", absl::FormatDuration(plan.duration), "\nhub ",
      absl::StrJoin(plan.hub_flags, " "), " ", absl::StrJoin(plan.retention_flags, " "),
      "; gateway ", absl::StrJoin(plan.gateway_flags, " "), "\nfaults:");
  for (const FaultPlan& fault : plan.faults) {
    absl::StrAppend(&text, " ", absl::FormatDuration(absl::Trunc(fault.at, absl::Seconds(1))), " ",
                    FaultName(fault.fault), Details(fault), ";");
  }
  return absl::StrCat(text, "\n");
}

}  // namespace incidenthub::testing
