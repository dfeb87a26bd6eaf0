// Requests of the upstream worker: what is asked, and what follows from an answer.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/repeated_line.h"
#include "common/status_macros.h"
#include "incidenthub/v1/event.pb.h"
#include "server/upstream/worker.h"

namespace incidenthub {
namespace {

// After the store could not be read.
constexpr absl::Duration kUnreadDelay = absl::Seconds(1);
// Work of a source that is not configured, or of an environment that is paused, is looked at again.
constexpr absl::Duration kNotAskedDelay = absl::Seconds(5);
// A paused environment is asked again.
constexpr absl::Duration kForbiddenDelay = absl::Minutes(1);
// While it is found out whether a 404 is about the incident.
constexpr absl::Duration kDoubtDelay = absl::Seconds(2);
// Longest Retry-After that is believed.
constexpr absl::Duration kRetryAfterMax = absl::Hours(1);

}  // namespace

absl::Time UpstreamWorker::GiveUpTime(const UpstreamWork& work) const {
  const bool is_callback = work.kind == UpstreamKind::kCallback;
  return work.since +
         (is_callback ? std::min(options_.callback_give_up, options_.give_up) : options_.give_up);
}

absl::StatusOr<std::optional<v1::Incident>> UpstreamWorker::ReadIncident(
    const UpstreamWork& work) const {
  if (work.kind == UpstreamKind::kComment) {
    // What was acknowledged then, whatever became of it.
    ASSIGN_OR_RETURN(const std::optional<SharedEvent> read, store_->ReadEvent(work.sequence));
    v1::Event event;
    if (!read.has_value()) return std::nullopt;
    if (!event.ParseFromString(*read->bytes)) {
      return absl::DataLossError(absl::StrCat("event ", work.sequence, " does not parse"));
    }
    return std::move(*event.mutable_incident());
  }
  ASSIGN_OR_RETURN(std::optional<IncidentState> state, store_->FindIncident(work.incident_id));
  if (!state.has_value()) return std::nullopt;
  if (work.kind == UpstreamKind::kPending &&
      (state->incident.upstream().state() != v1::Upstream::STATE_PENDING ||
       state->incident.upstream().request_sequence() != work.sequence)) {
    return std::nullopt;
  }
  return std::move(state->incident);
}

void UpstreamWorker::Try(const AgendaItem& item, absl::Time now) {
  const UpstreamWork& work = item.work;
  const Agenda::Key key(work.kind, work.sequence);
  absl::StatusOr<std::optional<v1::Incident>> incident = ReadIncident(work);
  if (!incident.ok()) {
    return agenda_.NotTried(key, now + kUnreadDelay, incident.status().ToString());
  }
  if (!incident->has_value()) {
    // A resolve leaves the store's index by itself, by what happened to it instead.
    if (IsResolve(key)) return agenda_.Remove(key);
    return Conclude(key, v1::Upstream::STATE_UNSPECIFIED, 0, "the incident is gone");
  }
  const std::shared_ptr<const UpstreamConfig> config = config_->current();
  const auto found = config->find(work.source);
  if (found == config->end()) {
    return agenda_.NotTried(
        key, now + kNotAskedDelay,
        absl::StrCat("source \"", work.source, "\" is not in --upstream_config any more"));
  }
  Asked asked{key, found->second, "", **std::move(incident)};
  HttpRequest request;
  if (work.kind == UpstreamKind::kCallback) {
    if (asked.source.app_key.empty()) {
      return Conclude(key, v1::Upstream::STATE_UNSPECIFIED, 0, "the source has no app key now");
    }
    request = CallbackRequest(asked.source, work.incident_id);
  } else {
    asked.environment_id = asked.incident.environment().id();
    if (asked.environment_id.empty()) {
      asked.environment_id = asked.source.default_environment_id;
    }
    if (asked.environment_id.empty()) {
      return Conclude(key, v1::Upstream::STATE_FAILED, 0,
                      absl::StrCat("the incident came without an environment id, and source \"",
                                   work.source, "\" has no default_environment_id"));
    }
    if (!agenda_.MayAsk(work.source, asked.environment_id, now)) {
      return agenda_.NotTried(
          key, now + kNotAskedDelay,
          absl::StrCat("the API key has no right in environment \"", asked.environment_id, "\""));
    }
    request = work.kind == UpstreamKind::kPending
                  ? ResolveRequest(asked.source, asked.environment_id, asked.incident)
                  : CommentRequest(asked.source, asked.environment_id, asked.incident);
  }
  http_->Start(request, [this, asked = std::move(asked)](const HttpAnswer& answer) {
    OnAnswer(asked, answer);
  });
}

void UpstreamWorker::OnAnswer(const Asked& asked, const HttpAnswer& answer) {
  absl::MutexLock lock(&mu_);
  const absl::Time now = clock_->Now();
  const Endpoint endpoint = EndpointOf(asked.key.first);
  Reading reading = ReadAnswer(asked.source, endpoint, answer);
  counters_.answers[static_cast<size_t>(endpoint)][static_cast<size_t>(reading.verdict)].fetch_add(
      1, std::memory_order_relaxed);
  const bool tells_right = reading.verdict != Verdict::kForbidden &&
                           reading.verdict != Verdict::kRetry &&
                           reading.verdict != Verdict::kBadKey;
  if (tells_right) {
    agenda_.Allow(asked.source.name, asked.environment_id);
  } else {
    agenda_.AskedInVain(asked.source.name, asked.environment_id);
  }
  switch (reading.verdict) {
    case Verdict::kDone:
      agenda_.Answered(asked.key, now);
      return Conclude(asked.key, v1::Upstream::STATE_ACCEPTED, answer.status, "");
    case Verdict::kAlready:
      agenda_.Answered(asked.key, now);
      return Conclude(asked.key, v1::Upstream::STATE_CONFIRMED, answer.status, "");
    case Verdict::kRetry:
      return OnRetry(asked, answer, std::move(reading.text), now);
    case Verdict::kBadKey:
      return OnBadKey(asked, std::move(reading.text), now);
    case Verdict::kForbidden:
      if (asked.environment_id.empty()) break;
      Log(LogLevel::kWarning, "an upstream key has no right in an environment",
          {{"source", asked.source.name},
           {"environment_id", asked.environment_id},
           {"error", reading.text}});
      agenda_.Forbid(asked.source.name, asked.environment_id, now + kForbiddenDelay);
      return agenda_.Tried(asked.key, now, now + kForbiddenDelay, std::move(reading.text));
    case Verdict::kNotFound:
      if (keys_.WasJustGood(asked.source.name, now)) break;
      keys_.Ask(asked.source.name, now);
      return agenda_.Tried(asked.key, now, now + kDoubtDelay, std::move(reading.text));
    case Verdict::kRefused:
      break;
  }
  agenda_.Answered(asked.key, now);
  Conclude(asked.key, v1::Upstream::STATE_FAILED, answer.status, std::move(reading.text));
}

void UpstreamWorker::OnRetry(const Asked& asked, const HttpAnswer& answer, std::string text,
                             absl::Time now) {
  const AgendaItem& item = agenda_.Get(asked.key);
  const absl::Time give_up = GiveUpTime(item.work);
  // Only after a try: nothing is given up for having waited for a good key.
  if (now >= give_up) {
    agenda_.Answered(asked.key, now);
    return Conclude(
        asked.key, v1::Upstream::STATE_FAILED, answer.status,
        absl::StrCat("given up after ",
                     absl::FormatDuration(absl::Trunc(now - item.work.since, absl::Seconds(1))),
                     ": ", text));
  }
  absl::Time due = now + options_.backoff.Delay(item.attempts + 1, random_);
  if (answer.retry_after > absl::ZeroDuration()) {
    const absl::Time told = now + std::min(answer.retry_after, kRetryAfterMax);
    agenda_.PauseEndpoint(asked.source.name, EndpointOf(asked.key.first), told);
    due = std::max(due, told);
  }
  // The last try is made when it is given up.
  due = std::min(due, give_up);
  agenda_.Tried(asked.key, now, due, std::move(text));
}

void UpstreamWorker::OnBadKey(const Asked& asked, std::string text, absl::Time now) {
  const std::string& name = asked.source.name;
  agenda_.Tried(asked.key, now, now, text);
  const std::shared_ptr<const UpstreamConfig> config = config_->current();
  const auto found = config->find(name);
  // With another key meanwhile it is simply tried again.
  if (found == config->end() || found->second != asked.source || agenda_.IsPaused(name)) return;
  Log(LogLevel::kWarning, "an upstream key is not good", {{"source", name}, {"error", text}});
  agenda_.PauseSource(name);
  keys_.Ask(name, now);
}

void UpstreamWorker::Conclude(const Agenda::Key& key, v1::Upstream::State state, int http_status,
                              std::string error) {
  const AgendaItem& item = agenda_.Get(key);
  if (!error.empty()) {
    static RepeatedLine lines(kOfCallers);
    if (const auto left_out = lines.Next()) {
      Log(LogLevel::kWarning, "an incident's source was not told",
          {{"incident_id", item.work.incident_id},
           {"what", NameOf(EndpointOf(key.first))},
           {"error", error},
           {"more_before", *left_out}});
    }
  }
  if (IsResolve(key)) {
    UpstreamOutcome outcome;
    outcome.request_sequence = key.second;
    outcome.state = state;
    outcome.attempts = item.attempts;
    outcome.http_status = static_cast<uint32_t>(http_status);
    outcome.error = std::move(error);
    return Submit(key, {item.work.incident_id, std::move(outcome)});
  }
  if (const absl::Status status = store_->mutable_upstream()->Finish(key.first, key.second);
      !status.ok()) {
    return sequencer_->FailStop(status);
  }
  agenda_.Remove(key);
}

}  // namespace incidenthub
