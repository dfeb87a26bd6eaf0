#include "tests/e2e/random_run/run.h"

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "common/status_macros.h"
#include "tests/e2e/random_run/consumers.h"
#include "tests/support/consumer_ledger.h"
#include "tests/support/require_history_checks.h"
#include "tests/support/stream_validator.h"
#include "tests/support/wait.h"

namespace incidenthub::testing {
namespace {

// For everything that has to come true once nothing is in its way; generous, since builds may run
// beside the tests. Only a run that fails waits so long.
constexpr absl::Duration kRunPatience = absl::Seconds(90);
// Nothing happens for so long once all is told.
constexpr absl::Duration kQuiet = absl::Milliseconds(500);
// Resumes of each subscriber with tokens of its past.
constexpr size_t kProbes = 4;

}  // namespace

RandomRun::RandomRun(Plan plan, bool with_small_disk)
    : plan_(std::move(plan)), world_(plan_, with_small_disk), reader_(world_.hub_port()) {}

Findings RandomRun::Run() {
  begin_ = absl::Now();
  AddStatus(world_.Start());
  SubscriberPlan reference{.name = "reference"};
  reference.starts_anew = reference.goes_back = reference.stalls = 0;
  reference.messages_max = kForEver;
  reference_ =
      std::make_unique<RandomSubscriber>(reference, plan_.seed, world_.hub_port(),
                                         [this](const v1::Entry& entry) { facts_.Take(entry); });
  if (!reference_->WaitUntilOpened(kRunPatience)) {
    AddStatus(absl::DeadlineExceededError("the hub answers no Subscribe"));
  } else {
    for (const SubscriberPlan& plan : plan_.subscribers) {
      if (plan.consumer) {
        subscribers_.push_back(
            std::make_unique<RandomConsumer>(plan, plan_.seed, world_.hub_port(), plan_.may_reset));
      } else {
        subscribers_.push_back(
            std::make_unique<RandomSubscriber>(plan, plan_.seed, world_.hub_port()));
      }
    }
    Act();
    AddStatus(Quiesce());
    MakeRecord();
    CheckReference();
    CheckSubscribers();
    CheckTruth();
    CheckHistories();
    Add(CheckPosts(record_));
    Add(CheckCommands(record_));
    Add(CheckDeliveriesOnce(record_));
    Add(CheckLifecycle(record_));
    Add(CheckConverged(record_));
  }
  AddStatus(world_.Revive());
  Add(world_.findings());
  AddHappenings(world_.happenings(), &timeline_);
  AddRecord(record_, &timeline_);
  AddHistory("reference", reference_->history(), &timeline_);
  for (const auto& subscriber : subscribers_) {
    AddHistory(subscriber->plan().name, subscriber->history(), &timeline_);
    AddSteps(subscriber->plan().name, subscriber->steps(), &timeline_);
  }
  Sort(&timeline_);
  absl::MutexLock lock(&mu_);
  return findings_;
}

void RandomRun::Act() {
  Posters posters(plan_, world_.gateway_port(), &deliveries_);
  Responders responders(plan_, world_.hub_port(), &deliveries_);
  absl::Notification never;
  for (const FaultPlan& fault : plan_.faults) {
    never.WaitForNotificationWithTimeout(begin_ + fault.at - absl::Now());
    const absl::Status status = world_.Do(fault);
    AddStatus(status);
    if (!status.ok()) break;
  }
  never.WaitForNotificationWithTimeout(begin_ + plan_.duration - absl::Now());
  AddStatus(world_.Revive());
  if (!posters.Finish(kRunPatience)) {
    Add({{.check = "answered", .text = "there are posts that nobody answers any more"}});
  }
  responders.Finish();
  AddStatus(ExpireAcrossAKill(&responders));
  record_.posts = posters.posts();
  record_.commands = responders.commands();
}

absl::Status RandomRun::ExpireAcrossAKill(Responders* responders) {
  ASSIGN_OR_RETURN(const HubState open, reader_.Snapshot({"state=open"}));
  std::vector<std::string> ids;
  ids.reserve(open.incidents.size());
  for (const auto& [id, incident] : open.incidents) ids.push_back(id);
  responders->AckForAWhile(ids);
  return world_.Do({.fault = Fault::kKillHub, .lasts = absl::Seconds(1)});
}

absl::Status RandomRun::Quiesce() {
  RETURN_IF_ERROR(world_.RestartHubWithoutRetention());
  // Acknowledgements that end by themselves do so first.
  WaitUntil(
      [this] {
        const absl::StatusOr<HubState> state = reader_.Snapshot({"state=acknowledged"});
        return state.ok() &&
               std::none_of(state->incidents.begin(), state->incidents.end(), [](const auto& held) {
                 return held.second.acknowledgement().has_expire_time();
               });
      },
      kRunPatience, absl::Milliseconds(200));
  RETURN_IF_ERROR(ReadTruth());
  if (!reference_->WaitForSequence(truth_[0].sequence, kRunPatience)) {
    return absl::DeadlineExceededError("the reference does not come to the head");
  }
  return absl::OkStatus();
}

absl::Status RandomRun::ReadTruth() {
  absl::Notification never;
  while (true) {
    truth_.clear();
    for (const Filter& filter : Filters()) {
      ASSIGN_OR_RETURN(HubState state, reader_.Snapshot(filter.matchers));
      truth_.push_back(std::move(state));
    }
    // Of a command that nobody waited for any more, the event may be late.
    never.WaitForNotificationWithTimeout(kQuiet);
    ASSIGN_OR_RETURN(const HubState again, reader_.Snapshot({}));
    const bool moved = std::any_of(truth_.begin(), truth_.end(), [&again](const HubState& state) {
      return state.sequence != again.sequence;
    });
    if (!moved) return absl::OkStatus();
  }
}

void RandomRun::MakeRecord() {
  reference_->Stop();
  record_.facts = facts_.all();
  record_.specs = deliveries_.specs();
  for (const EventFact& fact : record_.facts) record_.log.Add(fact.logged);
  for (const RecordedStream& stream : reference_->history().streams) {
    for (const RecordedMessage& message : stream.messages) {
      if (message.kind != v1::SubscribeResponse::kCompacted) continue;
      record_.log.AddHole(message.compacted_from, message.compacted_to);
      ++record_.holes;
    }
  }
}

void RandomRun::CheckReference() {
  const StreamHistory history = reference_->history();
  Add(CheckFramed(history), "reference");
  Add(CheckOrdered(history), "reference");
  Add(CheckUnique(history), "reference");
  Add(CheckComplete(history, {}), "reference");
  Add(CheckResumable(history), "reference");
}

void RandomRun::CheckSubscribers() {
  if (truth_.size() != Filters().size()) return;
  for (const auto& subscriber : subscribers_) subscriber->Settle();
  std::vector<std::thread> threads;
  threads.reserve(subscribers_.size());
  for (const auto& subscriber : subscribers_) {
    threads.emplace_back([this, one = subscriber.get()] { CheckSubscriber(one); });
  }
  for (std::thread& thread : threads) thread.join();
}

void RandomRun::CheckSubscriber(RandomFollower* subscriber) {
  const std::string& name = subscriber->plan().name;
  const IncidentSequences expected = truth_[subscriber->plan().filter].sequences();
  const bool held = subscriber->WaitUntilHolds(expected, kRunPatience);
  subscriber->Stop();
  if (!held) Add(subscriber->held().Differences(expected), name);
  LogCheckOptions options;
  options.filter = subscriber->plan().filter;
  options.caught_up = held;
  Add(CheckAgainstLog(subscriber->history(), record_.log, options), name);

  Add(subscriber->Probe(kProbes, expected, kRunPatience), name);
  const StreamHistory history = subscriber->history();
  options.caught_up = false;
  Add(CheckAgainstLog(history, record_.log, options), name);
  Add(CheckFramed(history), name);
  Add(CheckOrdered(history), name);
  Add(CheckUnique(history), name);
  Add(CheckResumable(history, plan_.may_reset), name);
  Add(CheckUnabridged(history), name);
  Add(CheckTakenOver(history), name);
  Add(subscriber->Check(), name);
}

void RandomRun::CheckTruth() {
  for (size_t filter = 0; filter < truth_.size(); ++filter) {
    const HubState& truth = truth_[filter];
    const absl::StatusOr<HubState> listed = reader_.List(Filters()[filter].matchers);
    AddStatus(listed.status());
    HeldSet held;
    for (const auto& [id, incident] : truth.incidents) {
      held.Apply({.membership = v1::MEMBERSHIP_ENTERED,
                  .incident_id = id,
                  .sequence = incident.sequence()});
      const LoggedEvent* event = record_.log.Find(incident.sequence());
      if (event == nullptr) continue;
      const EventFact& fact = record_.facts[record_.log.CountThrough(event->sequence) - 1];
      if (fact.incident_fingerprint != FingerprintOf(incident)) {
        Add({{.check = "durable",
              .text = absl::StrCat(id, " is held otherwise than its event said"),
              .incident_id = id,
              .sequence = incident.sequence()}});
      }
    }
    const std::string who = absl::StrCat("snapshot of filter ", filter);
    if (!record_.log.HasHole(1, truth.sequence)) {
      Add(held.Differences(record_.log.StateAt(truth.sequence, filter)), who);
    }
    if (listed.ok())
      Add(held.Differences(listed->sequences()), absl::StrCat("list of filter ", filter));
  }
}

void RandomRun::CheckHistories() {
  std::map<std::string, std::vector<const EventFact*>> facts;
  for (const EventFact& fact : record_.facts) facts[fact.logged.incident_id].push_back(&fact);
  if (truth_.empty()) return;
  for (const auto& [id, incident] : truth_[0].incidents) {
    bool truncated = false;
    const absl::StatusOr<std::vector<v1::Event>> events = reader_.History(id, &truncated);
    AddStatus(events.status());
    if (!events.ok() || record_.log.HasHole(1, record_.log.head())) continue;
    const std::vector<const EventFact*>& known = facts[id];
    bool same = events->size() <= known.size();
    for (size_t i = 0; same && i < events->size(); ++i) {
      same = FingerprintOf((*events)[i]) == known[known.size() - 1 - i]->logged.fingerprint;
    }
    // What was purged is no part of the history of what came after it.
    const bool all =
        events->size() == known.size() ||
        (same && known[known.size() - 1 - events->size()]->logged.type == v1::EVENT_TYPE_PURGED);
    same = same && (all || truncated);
    if (!same) {
      Add({{.check = "history",
            .text = absl::StrCat("ListEvents of ", id, " has ", events->size(),
                                 truncated ? " newest events" : " events", ", not the ",
                                 known.size(), " that there were"),
            .incident_id = id}});
    }
  }
}

void RandomRun::AddStatus(const absl::Status& status) {
  if (!status.ok()) Add({{.check = "alive", .text = status.ToString()}});
}

void RandomRun::Add(Findings findings, const std::string& actor) {
  absl::MutexLock lock(&mu_);
  for (Finding& finding : findings) {
    if (finding.actor.empty()) finding.actor = actor;
    findings_.push_back(std::move(finding));
  }
}

void RandomRun::Add(const Complaints& complaints, const std::string& actor) {
  for (const std::string& complaint : complaints) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(complaint, absl::MaxSplits(": ", 1));
    Add({{.check = parts.first, .text = parts.second}}, actor);
  }
}

std::string RandomRun::Summary() const {
  std::map<int, size_t> statuses;
  size_t duplicates = 0;
  for (const Post& post : record_.posts) {
    ++statuses[post.status];
    duplicates += post.duplicate ? 1 : 0;
  }
  std::map<v1::EventType, size_t> types;
  for (const EventFact& fact : record_.facts) ++types[fact.logged.type];
  size_t entries = 0;
  size_t streams = 0;
  size_t compacted = 0;
  size_t refused = 0;
  size_t taken_over = 0;
  CommitCounts commits;
  for (const auto& subscriber : subscribers_) {
    const StreamHistory history = subscriber->history();
    entries += history.entry_count;
    streams += history.streams.size();
    const CommitCounts counts = subscriber->counts();
    commits.commits += counts.commits;
    commits.moved += counts.moved;
    commits.unanswered += counts.unanswered;
    for (const RecordedStream& stream : history.streams) {
      if (IsRefusedHistory(stream.end)) ++refused;
      if (absl::IsAborted(stream.end)) ++taken_over;
      compacted += static_cast<size_t>(std::count_if(
          stream.messages.begin(), stream.messages.end(), [](const RecordedMessage& message) {
            return message.kind == v1::SubscribeResponse::kCompacted;
          }));
    }
  }
  std::string text =
      absl::StrCat(record_.facts.size(), " events, ", record_.holes, " gaps in the reference (");
  for (const auto& [type, count] : types) {
    absl::StrAppend(&text, count, " ", absl::StripPrefix(v1::EventType_Name(type), "EVENT_TYPE_"),
                    " ");
  }
  absl::StrAppend(&text, ") of ", record_.posts.size(), " posts (");
  for (const auto& [status, count] : statuses) absl::StrAppend(&text, count, "x", status, " ");
  absl::StrAppend(&text, ", ", duplicates, " duplicate) and ", record_.commands.size(),
                  " commands; ", entries, " entries on ", streams, " streams, ", compacted,
                  " compacted, ", refused, " refused, ", taken_over, " taken over; ",
                  commits.commits, " commits (", commits.moved, " moved, ", commits.unanswered,
                  " unanswered)\n");
  return text;
}

std::string RandomRun::MinimalHistory(const Finding& finding) const {
  return ToText(Minimal(timeline_, finding), begin_);
}

void RandomRun::Keep(const std::string& directory, const Findings& findings) {
  std::ofstream(directory + "/timeline.jsonl") << ToJsonLines(timeline_);
  std::ofstream list(directory + "/findings.txt");
  for (const Finding& finding : findings) {
    list << finding.check << ": " << finding.text << " [" << finding.actor << "]\n";
  }
  world_.KeepFiles(directory);
}

}  // namespace incidenthub::testing
