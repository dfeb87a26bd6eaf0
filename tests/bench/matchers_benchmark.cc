// What matchers cost: an event is decoded once, and then tried against each subscription's.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "common/check.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/incident_labels.h"
#include "server/domain/matcher.h"

namespace incidenthub {
namespace {

// About what BigPanda's documented sample becomes: two alerts with four tags each.
v1::Event SampleEvent() {
  v1::Event event;
  event.set_sequence(42);
  v1::Incident* incident = event.mutable_incident();
  incident->set_id("6a1f0c3e9b2d47g58e6071ac");
  incident->set_state(v1::STATE_OPEN);
  incident->set_status(v1::STATUS_CRITICAL);
  incident->set_severity(v1::STATUS_CRITICAL);
  incident->mutable_environment()->set_name("Production EU");
  incident->set_source("bigpanda");
  for (int i = 0; i < 3; ++i) {
    v1::Tag* tag = incident->add_tags();
    tag->set_name(absl::StrCat("tag_", i));
    tag->set_text("1000");
  }
  for (int i = 0; i < 2; ++i) {
    v1::Alert* alert = incident->add_alerts();
    alert->set_id(absl::StrCat("5f0e9d8c7b6a4132", i));
    alert->set_status(v1::STATUS_CRITICAL);
    alert->set_source_system("nagios.est");
    alert->set_description("CPU over 90% for five minutes, and rising");
    for (const char* name : {"host", "check", "cluster", "runbook"}) {
      v1::Tag* tag = alert->add_tags();
      tag->set_name(name);
      tag->set_text(absl::StrCat("https://runbooks.example.com/checkout/", name, "-", i));
    }
  }
  return event;
}

// One subscription in four has an expression.
std::vector<Matchers> DifferentMatchers(int64_t count) {
  std::vector<Matchers> all;
  for (int64_t i = 0; i < count; ++i) {
    std::vector<std::string> texts = {"state=open"};
    switch (i % 4) {
      case 0:
        texts.push_back(absl::StrCat("alert_tag.host=~\".*host-", i, "|.*/db-[0-9]+\""));
        break;
      case 1:
        texts.push_back(absl::StrCat("tag.tag_1=", i));
        break;
      case 2:
        texts.push_back(absl::StrCat("environment=\"Production ", i, "\""));
        break;
      default:
        texts.push_back(absl::StrCat("alert_tag.cluster!=", i));
        break;
    }
    auto matchers = Matchers::Parse(texts);
    INCIDENTHUB_CHECK(matchers.ok());
    all.push_back(*std::move(matchers));
  }
  return all;
}

void DecodeLabels(benchmark::State& state) {
  const std::string bytes = SampleEvent().SerializeAsString();
  while (state.KeepRunning()) {
    v1::Event event;
    INCIDENTHUB_CHECK(event.ParseFromString(bytes));
    benchmark::DoNotOptimize(IncidentLabels(event.incident()));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(bytes.size()));
}
BENCHMARK(DecodeLabels);

// One event, decoded once, against the different matchers of so many subscriptions.
void MatchSubscriptions(benchmark::State& state) {
  const std::vector<Matchers> all = DifferentMatchers(state.range(0));
  const std::string bytes = SampleEvent().SerializeAsString();
  while (state.KeepRunning()) {
    v1::Event event;
    INCIDENTHUB_CHECK(event.ParseFromString(bytes));
    const IncidentLabels labels(event.incident());
    int64_t matched = 0;
    for (const Matchers& matchers : all) matched += matchers.Matches(labels) ? 1 : 0;
    benchmark::DoNotOptimize(matched);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(MatchSubscriptions)->Arg(1)->Arg(1000);

}  // namespace
}  // namespace incidenthub

BENCHMARK_MAIN();
