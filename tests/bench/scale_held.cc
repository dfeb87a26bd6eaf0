#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/bench/bare_streams.h"
#include "tests/bench/raw_subscriber.h"
#include "tests/bench/scale_parts.h"

namespace incidenthub::bench {
namespace {

// ARCHITECTURE.md's budgets are for so many.
constexpr uint64_t kBudgetIncidents = 100'000;
constexpr size_t kBudgetSubscribers = 1'000;
constexpr Budget kReadyBudget = {Budget::Bound::kAtMost, 2};
constexpr Budget kResidentBudget = {Budget::Bound::kAtMost, 300};
constexpr Budget kSubscriberBudget = {Budget::Bound::kAtMost, 50};

constexpr absl::Duration kTimeout = absl::Minutes(3);
constexpr double kMiB = 1 << 20;
constexpr double kKiB = 1 << 10;
constexpr char kHeldLabel[] = "incidents held";
// A burst of updates, for what a killed hub has to replay.
constexpr uint64_t kBurstMax = 20'000;

// One number of incidents held.
class Held {
 public:
  Held(uint64_t count, ScaleRun* run)
      : count_(count), text_(WithCommas(count)), run_(*run), figures_(run->figures) {}

  absl::Status Run() {
    ASSIGN_OR_RETURN(hub_, ScaleHub::Start());
    Begin();
    ASSIGN_OR_RETURN(const Cost fed, hub_->AddIncidents(delivery_, count_));
    Add("ingest", "new ones taken", "a second", fed.EventsPerSecond());
    Curve("Taking new incidents", "a second", "ingest");
    RETURN_IF_ERROR(AddResident("rss_fed", "memory after they were taken"));
    RETURN_IF_ERROR(Disk());
    RETURN_IF_ERROR(Updates());
    Begin();
    for (size_t round = 0; round < run_.options.rounds; ++round) {
      RETURN_IF_ERROR(Restarts());
      RETURN_IF_ERROR(Snapshot());
      RETURN_IF_ERROR(IdleSubscribers());
    }
    SetBudgets();
    return absl::OkStatus();
  }

 private:
  void Begin() { figures_.BeginSection(absl::StrCat(text_, " incidents held")); }

  std::string Name(absl::string_view figure) const {
    return absl::StrCat("held_", count_, "_", figure);
  }

  void Add(absl::string_view figure, absl::string_view what, absl::string_view unit, double value) {
    figures_.Add(Name(figure), what, unit, value);
  }

  void Curve(absl::string_view title, absl::string_view unit, absl::string_view figure,
             absl::string_view line = "") {
    run_.curves.Add({std::string(title), kHeldLabel, std::string(unit)}, line, text_, Name(figure));
  }

  absl::Status AddResident(absl::string_view figure, absl::string_view what) {
    ASSIGN_OR_RETURN(const double resident, hub_->ResidentMiB());
    Add(figure, what, "MiB", resident);
    return absl::OkStatus();
  }

  // Before there are updates: they stay, too. A start writes out what is in the write-ahead log, so
  // that nothing counts twice.
  absl::Status Disk() {
    RETURN_IF_ERROR(hub_->Restart(ScaleHub::End::kTerm).status());
    Add("disk", "disk an incident", "KiB", hub_->DiskBytes() / kKiB / static_cast<double>(count_));
    return absl::OkStatus();
  }

  absl::Status Updates() {
    UpdatePoint point;
    point.name = absl::StrCat("held_", count_);
    point.what = absl::StrCat(text_, " incidents held");
    point.x_label = kHeldLabel;
    point.x = text_;
    return AddUpdateCosts(point, delivery_, hub_.get(), &run_);
  }

  absl::Status Restarts() {
    ASSIGN_OR_RETURN(const absl::Duration stopped, hub_->Restart(ScaleHub::End::kTerm));
    Add("ready_term", "from its start to ready, after SIGTERM", "s",
        absl::ToDoubleSeconds(stopped));
    Curve("Start until ready", "s", "ready_term", "after SIGTERM");
    RETURN_IF_ERROR(
        hub_->Update(delivery_, {.duration = run_.options.duration, .events_max = kBurstMax})
            .status());
    ASSIGN_OR_RETURN(const absl::Duration killed, hub_->Restart(ScaleHub::End::kKill));
    Add("ready_kill", "from its start to ready, after kill -9 in a burst of updates", "s",
        absl::ToDoubleSeconds(killed));
    Curve("Start until ready", "s", "ready_kill", "after kill -9");
    RETURN_IF_ERROR(AddResident("rss_ready", "memory after that start"));
    Curve("Memory", "MiB", "rss_ready", "after a start");
    return absl::OkStatus();
  }

  absl::Status Snapshot() {
    RawSubscribers subscriber(hub_->port(), 1, SnapshotRequest());
    RETURN_IF_ERROR(subscriber.WaitForSnapshots(kTimeout));
    const double seconds = absl::ToDoubleSeconds(absl::Now() - subscriber.opened_time());
    if (subscriber.entries_each() < count_) {
      return absl::InternalError(
          absl::StrCat("a snapshot of ", subscriber.entries_each(), " of ", count_, " incidents"));
    }
    Add("snapshot", "snapshot to one subscriber, incidents", "a second",
        static_cast<double>(subscriber.entries_each()) / seconds);
    Add("snapshot_bytes", "the same, bytes", "MiB a second",
        static_cast<double>(subscriber.bytes()) / kMiB / seconds);
    Curve("Snapshot to one subscriber", "incidents a second", "snapshot");
    return absl::OkStatus();
  }

  absl::Status IdleSubscribers() {
    const size_t count = run_.options.subscribers;
    ASSIGN_OR_RETURN(const double before, hub_->ResidentMiB());
    RawSubscribers idle(hub_->port(), count, FromNowRequest());
    RETURN_IF_ERROR(idle.WaitUntilOpened(kTimeout));
    ASSIGN_OR_RETURN(const double with, hub_->ResidentMiB());
    Add("rss_idle",
        absl::StrCat("memory after that, with ", WithCommas(count), " idle subscribers"), "MiB",
        with);
    Curve("Memory", "MiB", "rss_idle", "and with idle subscribers");
    Add("idle_subscriber", "memory an idle subscriber", "KiB",
        (with - before) * kMiB / kKiB / static_cast<double>(count));
    return absl::OkStatus();
  }

  void SetBudgets() {
    if (count_ != kBudgetIncidents) return;
    figures_.SetBudget(Name("ready_term"), kReadyBudget);
    figures_.SetBudget(Name("ready_kill"), kReadyBudget);
    if (run_.options.subscribers != kBudgetSubscribers) return;
    figures_.SetBudget(Name("rss_idle"), kResidentBudget);
    figures_.SetBudget(Name("idle_subscriber"), kSubscriberBudget);
  }

  const uint64_t count_;
  const std::string text_;
  ScaleRun& run_;
  Figures& figures_;
  const DeliveryTemplate delivery_;
  std::unique_ptr<ScaleHub> hub_;
};

}  // namespace

absl::Status RunHeld(ScaleRun* run) {
  for (const uint64_t count : run->options.incidents) {
    RETURN_IF_ERROR(Held(count, run).Run());
  }
  run->figures.BeginSection("Beside the hub");
  ASSIGN_OR_RETURN(const double bare, MeasureBareStreamKiB(run->options.subscribers));
  run->figures.Add("bare_subscriber", "memory an idle stream of a bare gRPC server", "KiB", bare);
  return absl::OkStatus();
}

}  // namespace incidenthub::bench
