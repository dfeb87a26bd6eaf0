#include "server/upstream/worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/check.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"

namespace incidenthub {
namespace {

// Read from the store at once.
constexpr size_t kReadItems = 256;
// When nothing else is due: the configuration is looked at, and a missed wake-up made good.
constexpr absl::Duration kWaitMax = absl::Seconds(1);
// After what the store or the sequencer refused.
constexpr absl::Duration kRefusedDelay = absl::Seconds(1);
// How exact UNCONFIRMED is.
constexpr absl::Duration kExpireInterval = absl::Seconds(1);

constexpr std::array kKinds = {UpstreamKind::kCallback, UpstreamKind::kComment,
                               UpstreamKind::kPending};

}  // namespace

struct UpstreamWorker::Mailbox {
  struct Letter {
    Agenda::Key key;
    UpstreamCommand command;
    absl::Status status;
  };

  absl::Mutex mu;
  std::vector<Letter> letters ABSL_GUARDED_BY(mu);
  // Null: the worker is gone.
  HttpClient* http ABSL_GUARDED_BY(mu) = nullptr;
};

absl::StatusOr<std::unique_ptr<UpstreamWorker>> UpstreamWorker::Create(
    const UpstreamOptions& options, Store* store, const Clock* clock) {
  auto config = std::make_unique<UpstreamConfigWatch>();
  if (!options.config_file.empty()) {
    ASSIGN_OR_RETURN(config, UpstreamConfigWatch::Open(options.config_file));
  }
  ASSIGN_OR_RETURN(std::unique_ptr<HttpClient> http,
                   HttpClient::Create({.ca_file = options.ca_file, .timeout = options.timeout}));
  return std::unique_ptr<UpstreamWorker>(
      new UpstreamWorker(options, store, clock, std::move(config), std::move(http)));
}

UpstreamWorker::UpstreamWorker(const UpstreamOptions& options, Store* store, const Clock* clock,
                               std::unique_ptr<UpstreamConfigWatch> config,
                               std::unique_ptr<HttpClient> http)
    : options_(options),
      store_(store),
      clock_(clock),
      config_(std::move(config)),
      http_(std::move(http)),
      mailbox_(std::make_shared<Mailbox>()),
      agenda_(options.rate) {
  absl::MutexLock lock(&mailbox_->mu);
  mailbox_->http = http_.get();
}

UpstreamWorker::~UpstreamWorker() {
  Stop();
  absl::MutexLock lock(&mailbox_->mu);
  mailbox_->http = nullptr;
}

void UpstreamWorker::Start(Sequencer* sequencer) {
  sequencer_ = sequencer;
  if (config_->has_file()) thread_ = std::thread([this] { Run(); });
}

void UpstreamWorker::Stop() {
  stopping_ = true;
  http_->Wake();
  if (thread_.joinable()) thread_.join();
}

UpstreamTargets UpstreamWorker::TargetsOf(absl::string_view source) const {
  const std::shared_ptr<const UpstreamConfig> config = config_->current();
  const auto found = config->find(source);
  UpstreamTargets targets;
  if (found == config->end()) return targets;
  targets.resolve = true;
  targets.callback = !found->second.app_key.empty();
  targets.ack_comment = found->second.comment_on_ack;
  return targets;
}

void UpstreamWorker::OnCommitted() {
  if (store_->upstream().newest() > seen_.load(std::memory_order_relaxed)) http_->Wake();
}

void UpstreamWorker::Run() {
  while (!stopping_) {
    absl::Duration wait;
    {
      absl::MutexLock lock(&mu_);
      const absl::Time now = clock_->Now();
      ReloadConfig(now);
      TakeMail(now);
      absl::Status status = Discover(now);
      if (status.ok()) status = ExpireAccepted(now);
      if (!status.ok()) {
        static RepeatedLine lines(kOneAMinute);
        if (const auto left_out = lines.Next()) {
          Log(LogLevel::kError, "cannot read what there is to do upstream",
              {{"error", status}, {"more_before", *left_out}});
        }
      }
      CheckKeys(now);
      while (const AgendaItem* const item = agenda_.Next(now)) Try(*item, now);
      wait = WakeTime(now) - now;
    }
    http_->Poll(wait);
  }
}

absl::Time UpstreamWorker::WakeTime(absl::Time now) const {
  return std::min({now + kWaitMax, agenda_.WakeTime(), keys_.WakeTime(), refused_due_});
}

void UpstreamWorker::ReloadConfig(absl::Time now) {
  if (now < reload_due_) return;
  reload_due_ = now + options_.reload_interval;
  if (!config_->Reload() && applied_config_ != nullptr) return;
  const std::shared_ptr<const UpstreamConfig> before =
      std::exchange(applied_config_, config_->current());
  keys_.SetSources(*applied_config_, now);
  if (before == nullptr) return;
  for (const auto& [name, source] : *applied_config_) {
    const auto old = before->find(name);
    if (old == before->end() || old->second != source) agenda_.ResumeSource(name, now);
  }
}

absl::Status UpstreamWorker::Discover(absl::Time now) {
  const Sequence newest = store_->upstream().newest();
  if (now < discover_due_ || (!more_ && newest == seen_)) return absl::OkStatus();
  seen_ = newest;
  more_ = false;
  for (const UpstreamKind kind : kKinds) {
    bool complete = false;
    while (!complete && agenda_.size() < options_.items_max) {
      const size_t room = std::min(kReadItems, options_.items_max - agenda_.size());
      absl::StatusOr<std::vector<UpstreamWork>> works =
          store_->upstream().Read(kind, cursors_[kind], room);
      if (!works.ok()) {
        more_ = true;
        discover_due_ = now + kRefusedDelay;
        return works.status();
      }
      complete = works->size() < room;
      for (UpstreamWork& work : *works) {
        cursors_[kind] = work.sequence;
        agenda_.Add(std::move(work), now);
      }
    }
    more_ = more_ || !complete;
  }
  return absl::OkStatus();
}

absl::Status UpstreamWorker::ExpireAccepted(absl::Time now) {
  if (now < expire_due_) return absl::OkStatus();
  expire_due_ = now + kExpireInterval;
  Sequence cursor = 0;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<UpstreamWork> works,
                     store_->upstream().Read(UpstreamKind::kAccepted, cursor, kReadItems));
    for (const UpstreamWork& work : works) {
      cursor = work.sequence;
      if (work.since + options_.confirm_timeout > now) continue;
      if (!expiring_.insert(work.sequence).second) continue;
      UpstreamOutcome outcome;
      outcome.request_sequence = work.sequence;
      outcome.state = v1::Upstream::STATE_UNCONFIRMED;
      outcome.error = absl::StrCat(work.source, " accepted it, and did not say within ",
                                   absl::FormatDuration(options_.confirm_timeout),
                                   " that the incident is over");
      Submit({UpstreamKind::kAccepted, work.sequence}, {work.incident_id, std::move(outcome)});
    }
    if (works.size() < kReadItems) return absl::OkStatus();
  }
}

void UpstreamWorker::CheckKeys(absl::Time now) {
  for (KeyChecks::Run& run : keys_.Due(now)) {
    const HttpRequest request = EnvironmentsRequest(run.source);
    http_->Start(request, [this, run = std::move(run)](const HttpAnswer& answer) {
      OnKeyAnswer(run, answer);
    });
  }
}

void UpstreamWorker::OnKeyAnswer(const KeyChecks::Run& run, const HttpAnswer& answer) {
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_->Now();
  const Reading reading = ReadAnswer(run.source, Endpoint::kEnvironments, answer);
  counters_
      .answers[static_cast<size_t>(Endpoint::kEnvironments)][static_cast<size_t>(reading.verdict)]
      .fetch_add(1, std::memory_order_relaxed);
  const std::string& name = run.source.name;
  const bool tells = keys_.Answered(run, reading, now);
  const bool good = reading.verdict == Verdict::kDone || reading.verdict == Verdict::kForbidden;
  if (!good) {
    Log(LogLevel::kWarning, "an upstream key cannot be checked, or is not good",
        {{"source", name}, {"error", reading.text}});
  }
  if (!tells) return;
  if (!good) {
    agenda_.PauseSource(name);
  } else if (agenda_.IsPaused(name)) {
    Log(LogLevel::kInfo, "an upstream key is good again", {{"source", name}});
    agenda_.ResumeSource(name, now);
  }
}

void UpstreamWorker::Submit(const Agenda::Key& key, UpstreamCommand command) {
  CommandGroup group;
  group.bytes = command.incident_id.size() + command.outcome.error.size();
  group.commands.emplace_back(command);
  group.done = [mailbox = mailbox_, key, command](const std::vector<Outcome>& outcomes) {
    absl::MutexLock lock(&mailbox->mu);
    if (mailbox->http == nullptr) return;
    mailbox->letters.push_back({key, command, outcomes[0].status()});
    mailbox->http->Wake();
  };
  if (!sequencer_->Submit(std::move(group)).ok()) {
    refused_.emplace_back(key, std::move(command));
    refused_due_ = std::min(refused_due_, clock_->Now() + kRefusedDelay);
  }
}

void UpstreamWorker::TakeMail(absl::Time now) {
  std::vector<Mailbox::Letter> letters;
  {
    absl::MutexLock lock(&mailbox_->mu);
    letters.swap(mailbox_->letters);
  }
  for (Mailbox::Letter& letter : letters) {
    const bool later =
        absl::IsUnavailable(letter.status) || absl::IsResourceExhausted(letter.status);
    if (!letter.status.ok() && !later) {
      Log(LogLevel::kError, "an answer of a source cannot be kept",
          {{"incident_id", letter.command.incident_id}, {"error", letter.status}});
    }
    if (later) {
      // Of the disk, as a rule: the answer is not lost.
      refused_.emplace_back(letter.key, std::move(letter.command));
      refused_due_ = std::min(refused_due_, now + kRefusedDelay);
    } else if (IsResolve(letter.key)) {
      agenda_.Remove(letter.key);
    } else if (letter.status.ok()) {
      expiring_.erase(letter.key.second);
    }
  }
  if (now < refused_due_) return;
  refused_due_ = absl::InfiniteFuture();
  for (auto& [key, command] : std::exchange(refused_, {})) Submit(key, std::move(command));
}

UpstreamStatus UpstreamWorker::status() const {
  absl::MutexLock lock(&mu_);
  UpstreamStatus status;
  status.resolves_waiting = agenda_.count(UpstreamKind::kPending);
  status.comments_waiting = agenda_.count(UpstreamKind::kComment);
  status.callbacks_waiting = agenda_.count(UpstreamKind::kCallback);
  status.sources_paused = agenda_.paused_sources();
  status.environments_paused = agenda_.forbidden_environments();
  status.keys = keys_.states();
  status.config = config_->error();
  return status;
}

std::string UpstreamWorker::Notice() const {
  const UpstreamStatus status = this->status();
  std::vector<std::string> lines;
  if (!status.config.ok()) {
    lines.push_back(absl::StrCat("upstream configuration: ", status.config.message()));
  }
  for (const auto& [name, key] : status.keys) {
    if (!key.error.empty()) lines.push_back(absl::StrCat("upstream ", name, ": ", key.error));
  }
  return absl::StrJoin(lines, "\n");
}

std::optional<AgendaItem> UpstreamWorker::Describe(UpstreamKind kind, Sequence sequence) const {
  absl::MutexLock lock(&mu_);
  const AgendaItem* const found = agenda_.Find({kind, sequence});
  if (found == nullptr) return std::nullopt;
  AgendaItem item = *found;
  if (item.last_error.empty() && agenda_.IsPaused(item.work.source)) {
    const auto states = keys_.states();
    const auto key = states.find(item.work.source);
    if (key != states.end()) item.last_error = key->second.error;
  }
  return item;
}

}  // namespace incidenthub
