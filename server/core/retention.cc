#include "server/core/retention.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"
#include "server/domain/rank.h"

namespace incidenthub {
namespace {

// Bytes of incidents read in a step.
constexpr size_t kStepBytes = size_t{1} << 20U;

constexpr absl::string_view kOutcomeUnknown = "LOG_OUTCOME_UNKNOWN";

// Of a batch that was refused as a whole: there is another time.
bool IsNotNow(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

}  // namespace

Retention::Retention(Sequencer* sequencer, Store* store, const Clock* clock,
                     const RetentionOptions& options)
    : sequencer_(sequencer), store_(store), clock_(clock), options_(options) {}

Retention::~Retention() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void Retention::Start(OnFailed on_failed) {
  thread_ = std::thread([this, on_failed = std::move(on_failed)] { Run(on_failed); });
}

void Retention::Run(const OnFailed& on_failed) {
  while (true) {
    const absl::StatusOr<bool> more = Step();
    absl::Duration wait = options_.interval;
    if (!more.ok()) {
      static RepeatedLine lines(kOneAMinute);
      if (const auto left_out = lines.Next()) {
        Log(LogLevel::kError, "retention cannot go on",
            {{"error", more.status()}, {"more_before", *left_out}});
      }
      if (ErrorReason(more.status()) == kOutcomeUnknown) return on_failed(more.status());
      wait = options_.retry_delay;
    } else if (*more) {
      wait = options_.pause;
    }
    absl::MutexLock lock(&mu_);
    if (mu_.AwaitWithTimeout(absl::Condition(&stopping_), wait)) return;
  }
}

absl::StatusOr<bool> Retention::Step() {
  const absl::Time now = clock_->Now();
  ASSIGN_OR_RETURN(const bool more_events, TrimEvents(now));
  ASSIGN_OR_RETURN(const bool more_incidents, PurgeIncidents(now));
  ASSIGN_OR_RETURN(const bool more_tombstones, ForgetTombstones(now));
  ASSIGN_OR_RETURN(const bool more_bodies, DropQuarantined(now));
  return more_events || more_incidents || more_tombstones || more_bodies;
}

absl::StatusOr<bool> Retention::TrimEvents(absl::Time now) {
  TrimPolicy policy;
  policy.older_than = now - options_.retain_events;
  policy.bytes_max = options_.retain_bytes;
  ASSIGN_OR_RETURN(const TrimStep step, store_->Trim(policy));
  counters_.events_dropped.fetch_add(step.dropped, std::memory_order_relaxed);
  return step.more;
}

absl::StatusOr<bool> Retention::PurgeIncidents(absl::Time now) {
  if (now < purge_due_) return false;
  const absl::Time older_than = now - options_.retain_resolved;
  bool complete = false;
  ASSIGN_OR_RETURN(
      const std::vector<SharedEvent> newest,
      store_->ReadLatest(purge_cursor_, store_->applied(),
                         {.events = options_.step_commands, .bytes = kStepBytes}, &complete));
  std::vector<Command> commands;
  Sequence cursor = purge_cursor_;
  absl::Time due = absl::InfinitePast();
  for (const SharedEvent& shared : newest) {
    v1::Event event;
    if (!event.ParseFromString(*shared.bytes)) {
      return absl::DataLossError(absl::StrCat("event ", shared.sequence, " does not parse"));
    }
    const absl::Time commit_time = TimeOf(event.commit_time());
    if (commit_time > older_than) {
      due = commit_time + options_.retain_resolved;
      complete = true;
      break;
    }
    cursor = shared.sequence;
    if (shared.tombstone || event.incident().state() != v1::STATE_RESOLVED) continue;
    commands.emplace_back(PurgeCommand{event.incident().id(), shared.sequence});
  }
  if (!commands.empty()) {
    const absl::StatusOr<size_t> purged = Decide(std::move(commands));
    if (!purged.ok()) return IsNotNow(purged.status()) ? false : purged;
    counters_.incidents_purged.fetch_add(*purged, std::memory_order_relaxed);
    if (*purged > 0) Log(LogLevel::kInfo, "incidents purged", {{"count", *purged}});
  }
  purge_cursor_ = cursor;
  purge_due_ = due;
  return !complete;
}

absl::StatusOr<bool> Retention::ForgetTombstones(absl::Time now) {
  if (now < forget_due_) return false;
  const absl::Time older_than = now - options_.retain_tombstones;
  // What stands before a tombstone goes first: nothing else would lead to it.
  const Sequence trimmed = store_->trim_cursor();
  Sequence cursor = forget_cursor_;
  ASSIGN_OR_RETURN(const std::vector<Tombstone> tombstones,
                   store_->ReadTombstones(forget_cursor_, options_.step_entries, &cursor));
  const bool looked_at_any = cursor != forget_cursor_;
  absl::Time due = absl::InfinitePast();
  std::vector<Command> commands;
  bool more = looked_at_any;
  for (const Tombstone& tombstone : tombstones) {
    const bool too_young = tombstone.commit_time > older_than;
    if (too_young || tombstone.sequence > trimmed || commands.size() >= options_.step_commands) {
      if (too_young) due = tombstone.commit_time + options_.retain_tombstones;
      cursor = tombstone.sequence - 1;
      more = commands.size() >= options_.step_commands;
      break;
    }
    commands.emplace_back(ForgetCommand{tombstone});
  }
  if (!commands.empty()) {
    const absl::StatusOr<size_t> forgotten = Decide(std::move(commands));
    if (!forgotten.ok()) return IsNotNow(forgotten.status()) ? false : forgotten;
    counters_.tombstones_forgotten.fetch_add(*forgotten, std::memory_order_relaxed);
  }
  forget_cursor_ = cursor;
  forget_due_ = due;
  return more;
}

absl::StatusOr<bool> Retention::DropQuarantined(absl::Time now) {
  const std::vector<uint64_t> ids =
      store_->quarantine().KeptUntil(now - options_.retain_quarantined, options_.step_commands);
  if (ids.empty()) return false;
  std::vector<Command> commands;
  commands.reserve(ids.size());
  for (const uint64_t id : ids) commands.emplace_back(DropQuarantinedCommand{id});
  const absl::StatusOr<size_t> dropped = Decide(std::move(commands));
  if (!dropped.ok())
    return IsNotNow(dropped.status()) ? false : absl::StatusOr<bool>(dropped.status());
  counters_.bodies_dropped.fetch_add(*dropped, std::memory_order_relaxed);
  if (*dropped > 0) {
    Log(LogLevel::kInfo, "bodies dropped from the quarantine for their age", {{"count", *dropped}});
  }
  return ids.size() == options_.step_commands;
}

absl::StatusOr<size_t> Retention::Decide(std::vector<Command> commands) {
  std::vector<Outcome> outcomes;
  absl::Notification decided;
  CommandGroup group;
  group.commands = std::move(commands);
  group.done = [&outcomes, &decided](std::vector<Outcome> done) {
    outcomes = std::move(done);
    decided.Notify();
  };
  RETURN_IF_ERROR(sequencer_->Submit(std::move(group)));
  decided.WaitForNotification();
  size_t changed = 0;
  for (const Outcome& outcome : outcomes) {
    if (outcome.ok()) {
      if (std::get<Committed>(*outcome).changed) ++changed;
    } else if (IsNotNow(outcome.status())) {
      return outcome.status();
    } else {
      static RepeatedLine lines;
      if (const auto left_out = lines.Next()) {
        Log(LogLevel::kError, "retention passes an incident over",
            {{"error", outcome.status()}, {"more_before", *left_out}});
      }
    }
  }
  return changed;
}

}  // namespace incidenthub
