#include "server/core/sequencer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/error_details.h"
#include "common/logging.h"
#include "common/status_macros.h"
#include "server/core/batch.h"

namespace incidenthub {
namespace {

constexpr HubReason kOutcomeUnknown = "LOG_OUTCOME_UNKNOWN";

// Whatever failed to be written, the caller can say no more than this of its command.
absl::Status OutcomeUnknown(const absl::Status& cause) {
  const bool said = ErrorReason(cause) == kOutcomeUnknown.name();
  return ReasonError(kOutcomeUnknown,
                     absl::StrCat(said ? "" : "a write failed, its outcome is unknown: ",
                                  cause.message(), "; the hub restarts, send it again then"));
}

// The source of a delivery; null: it is another command.
const std::string* SourceOf(const Command& command) {
  const auto* const delivery = std::get_if<v1::Delivery>(&command);
  return delivery == nullptr ? nullptr : &delivery->source();
}

size_t OutcomeOfDelivery(const Outcome& outcome) {
  DeliveryOutcome what = DeliveryOutcome::kRejected;
  if (outcome.ok()) {
    if (std::holds_alternative<InQuarantine>(*outcome)) {
      what = DeliveryOutcome::kQuarantined;
    } else if (std::holds_alternative<Ignored>(*outcome)) {
      what = DeliveryOutcome::kIgnored;
    } else {
      const auto& committed = std::get<Committed>(*outcome);
      what = !committed.changed ? DeliveryOutcome::kDuplicate
             : committed.late   ? DeliveryOutcome::kLate
                                : DeliveryOutcome::kAccepted;
    }
  }
  return static_cast<size_t>(what);
}

}  // namespace

Sequencer::Sequencer(EventLog* log, Store* store, const Clock* clock, DiskSpace* disk,
                     Publish publish, OnFailed on_failed, const SequencerOptions& options)
    : log_(log),
      store_(store),
      clock_(clock),
      disk_(disk),
      publish_(std::move(publish)),
      on_failed_(std::move(on_failed)),
      options_(options),
      recent_(options.recent_bytes_max),
      thread_([this] { Run(); }) {}

Sequencer::~Sequencer() { Drain(); }

absl::Status Sequencer::Submit(CommandGroup group) {
  absl::Status status = Enqueue(&group);
  if (status.ok()) return status;
  for (const Command& command : group.commands) {
    if (const std::string* const source = SourceOf(command)) {
      counters_.deliveries.Add(*source, static_cast<size_t>(DeliveryOutcome::kRejected));
    }
  }
  return status;
}

absl::Status Sequencer::Enqueue(CommandGroup* group) {
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mu_);
  RETURN_IF_ERROR(CheckOpen());
  const bool fits = queued_commands_ + group->commands.size() <= options_.queue_commands_max &&
                    queued_bytes_ + group->bytes <= options_.queue_bytes_max;
  if (!fits && !queue_.empty()) {
    return WithRetryDelay(
        ReasonError("QUEUE_FULL", absl::StrCat(queued_commands_, " commands of ", queued_bytes_,
                                               " bytes wait already; try again")),
        options_.retry_delay);
  }
  queued_commands_ += group->commands.size();
  queued_bytes_ += group->bytes;
  queue_.push_back({std::move(*group), now});
  return absl::OkStatus();
}

absl::Status Sequencer::CheckOpen() const {
  if (!failure_.ok()) return failure_;
  if (!draining_) return absl::OkStatus();
  return WithRetryDelay(ReasonError("SHUTTING_DOWN", "the hub is shutting down; try again"),
                        options_.retry_delay);
}

absl::Status Sequencer::CheckWritable() {
  {
    absl::MutexLock lock(&mu_);
    RETURN_IF_ERROR(CheckOpen());
  }
  return disk_->Check();
}

void Sequencer::Drain() {
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

size_t Sequencer::queued_commands() const {
  absl::MutexLock lock(&mu_);
  return queued_commands_;
}

bool Sequencer::HasWork() const { return !queue_.empty() || draining_; }

void Sequencer::Run() {
  while (true) {
    Work work = Collect();
    if (work.groups.empty() && !work.expire) return;
    Process(std::move(work));
  }
}

// How long until an acknowledgement expires, by the clock as it is now.
absl::Duration Sequencer::TimeToExpiry() const {
  const absl::Time next = store_->ack_expiries().next();
  if (draining_ || !failure_.ok() || next == absl::InfiniteFuture()) {
    return absl::InfiniteDuration();
  }
  return std::max(next, expiry_retry_) - clock_->Now();
}

// Empty only when draining, and done.
Sequencer::Work Sequencer::Collect() {
  Work work;
  size_t commands = 0;
  size_t bytes = 0;
  absl::MutexLock lock(&mu_);
  absl::Duration to_expiry = TimeToExpiry();
  while (!HasWork() && to_expiry > absl::ZeroDuration()) {
    const bool idle = to_expiry == absl::InfiniteDuration();
    mu_.AwaitWithTimeout(absl::Condition(this, &Sequencer::HasWork),
                         idle ? to_expiry : std::min(to_expiry, options_.clock_interval));
    to_expiry = TimeToExpiry();
  }
  work.expire = to_expiry <= absl::ZeroDuration();
  while (!queue_.empty()) {
    const CommandGroup& next = queue_.front().group;
    commands += next.commands.size();
    bytes += next.bytes;
    if (!work.groups.empty() &&
        (commands > options_.batch_commands_max || bytes > options_.batch_bytes_max)) {
      break;
    }
    queued_commands_ -= next.commands.size();
    queued_bytes_ -= next.bytes;
    work.groups.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return work;
}

void Sequencer::Process(Work work) {
  counters_.batches.fetch_add(1, std::memory_order_relaxed);
  const absl::Time now = clock_->Now();
  Batch batch(store_, &recent_, &options_.upstream_targets, now, log_->head());
  // Deciding uses the commands up.
  const Sources sources = SourcesOf(work);
  absl::Status status = failure();
  if (status.ok()) status = disk_->Check();
  size_t expired = 0;
  if (status.ok()) {
    if (work.expire) expired = batch.Expire(options_.batch_expiries_max, options_.batch_bytes_max);
    status = DecideAll(&work, &batch);
    if (status.ok() && expired > 0) {
      counters_.expired.fetch_add(expired, std::memory_order_relaxed);
      Log(LogLevel::kInfo, "acknowledgements expired", {{"count", expired}});
    }
  }
  // Where there was no progress, the same is due again at once.
  if (work.expire) {
    expiry_retry_ = expired > 0 ? absl::InfinitePast() : now + options_.retry_delay;
  }
  AnswerAll(&work, sources, status, &batch);
  if (status.ok() && !batch.events().empty()) publish_(batch.events());
}

Sequencer::Sources Sequencer::SourcesOf(const Work& work) {
  Sources sources;
  for (const Queued& queued : work.groups) {
    for (const Command& command : queued.group.commands) {
      const std::string* const source = SourceOf(command);
      sources.push_back(source == nullptr ? std::nullopt : std::make_optional(*source));
    }
  }
  return sources;
}

absl::Status Sequencer::DecideAll(Work* work, Batch* batch) {
  size_t commands = 0;
  for (Queued& queued : work->groups) {
    for (Command& command : queued.group.commands) {
      batch->Decide(std::move(command), queued.group);
      ++commands;
    }
  }
  if (commands > 0) counters_.batch_commands.Observe(static_cast<double>(commands));
  return Commit(batch);
}

void Sequencer::AnswerAll(Work* work, const Sources& sources, const absl::Status& status,
                          Batch* batch) {
  const absl::Time now = absl::Now();
  size_t next = 0;
  for (Queued& queued : work->groups) {
    std::vector<Outcome> outcomes;
    outcomes.reserve(queued.group.commands.size());
    for (size_t i = 0; i < queued.group.commands.size(); ++i, ++next) {
      outcomes.push_back(status.ok() ? batch->TakeOutcome(next) : Outcome(status));
      if (!outcomes.back().ok()) counters_.rejected.fetch_add(1, std::memory_order_relaxed);
      if (sources[next].has_value()) {
        counters_.deliveries.Add(*sources[next], OutcomeOfDelivery(outcomes.back()));
      }
    }
    counters_.commit_duration.Observe(now - queued.submitted);
    queued.group.done(std::move(outcomes));
  }
}

absl::Status Sequencer::Commit(Batch* batch) {
  absl::Status status = Write(batch);
  if (!status.ok()) {
    status = WithRetryDelay(OutcomeUnknown(status), options_.retry_delay);
    FailStop(status);
    return status;
  }
  counters_.events.fetch_add(batch->entries().size(), std::memory_order_relaxed);
  counters_.duplicates.fetch_add(batch->duplicates(), std::memory_order_relaxed);
  counters_.quarantined.fetch_add(batch->quarantine().keep.size(), std::memory_order_relaxed);
  counters_.ignored.fetch_add(batch->ignored(), std::memory_order_relaxed);
  counters_.replayed.fetch_add(batch->replayed(), std::memory_order_relaxed);
  const absl::Time committed = clock_->Now();
  batch->SetCommitted(committed);
  for (const Batch::DeliveryTimes& times : batch->delivery_times()) {
    if (times.source != absl::InfiniteFuture()) {
      counters_.received_age.Observe(times.receive - times.source);
    }
    counters_.committed_age.Observe(committed - times.receive);
  }
  return absl::OkStatus();
}

absl::Status Sequencer::Write(Batch* batch) {
  const bool has_events = !batch->entries().empty();
  // Before the events: one of them may be of an incident that comes anew.
  if (!batch->forgotten().empty()) RETURN_IF_ERROR(store_->Forget(batch->forgotten()));
  // What a body leaves for is durable before it leaves.
  const bool drops = !batch->quarantine().drop.empty();
  if (!drops && !batch->quarantine().keep.empty()) {
    // An append that follows syncs what was written before it.
    RETURN_IF_ERROR(WriteQuarantine(
        batch, has_events ? Database::Durability::kBuffered : Database::Durability::kSynced));
  }
  if (has_events) RETURN_IF_ERROR(WriteEvents(batch));
  return drops ? WriteQuarantine(batch, Database::Durability::kSynced) : absl::OkStatus();
}

absl::Status Sequencer::WriteQuarantine(Batch* batch, Database::Durability durability) {
  ASSIGN_OR_RETURN(const uint64_t first,
                   store_->mutable_quarantine()->Write(batch->quarantine(), durability));
  batch->SetFirstQuarantineId(first);
  return absl::OkStatus();
}

absl::Status Sequencer::WriteEvents(Batch* batch) {
  const absl::Time start = absl::Now();
  const absl::Status appended = log_->Append(batch->entries());
  const absl::Duration duration = absl::Now() - start;
  counters_.append_nanos.fetch_add(static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration)),
                                   std::memory_order_relaxed);
  counters_.append_duration.Observe(duration);
  RETURN_IF_ERROR(appended);
  RETURN_IF_ERROR(store_->Apply(batch->applied()));
  for (size_t i = 0; i < batch->applied().size(); ++i) {
    recent_.Add(batch->applied()[i], batch->events()[i]);
  }
  return absl::OkStatus();
}

absl::Status Sequencer::failure() const {
  absl::MutexLock lock(&mu_);
  return failure_;
}

void Sequencer::FailStop(const absl::Status& status) {
  {
    absl::MutexLock lock(&mu_);
    if (!failure_.ok()) return;
    failure_ = status;
  }
  Log(LogLevel::kError, "cannot write any more; the hub must restart", {{"error", status}});
  on_failed_(status);
}

}  // namespace incidenthub
