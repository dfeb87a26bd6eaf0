#include "tests/e2e/random_run/checks.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace incidenthub::testing {
namespace {

// Deliveries of one incident that the hub is sure to know again: README, ARCHITECTURE.
constexpr size_t kRememberedMin = 16;

const EventFact* FindFact(const Record& record, uint64_t sequence) {
  const LoggedEvent* event = record.log.Find(sequence);
  return event == nullptr ? nullptr : &record.facts[record.log.CountThrough(sequence) - 1];
}

// Of each incident, in order.
std::map<std::string, std::vector<const EventFact*>> ByIncident(const Record& record) {
  std::map<std::string, std::vector<const EventFact*>> incidents;
  for (const EventFact& fact : record.facts) incidents[fact.logged.incident_id].push_back(&fact);
  return incidents;
}

std::string Name(const EventFact& fact) {
  return absl::StrCat(v1::EventType_Name(fact.logged.type), " of ", fact.logged.incident_id, " at ",
                      fact.logged.sequence);
}

Finding About(absl::string_view check, const EventFact& fact, absl::string_view what) {
  return {.check = std::string(check),
          .text = absl::StrCat(Name(fact), what),
          .incident_id = fact.logged.incident_id,
          .sequence = fact.logged.sequence};
}

absl::string_view CommandName(CommandKind kind) {
  return kind == CommandKind::kAck ? "Ack" : kind == CommandKind::kUnack ? "Unack" : "Resolve";
}

bool MayAnswer(const Command& command, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    // gRPC's own, of a call that comes as the hub shuts down.
    case absl::StatusCode::kCancelled:
      return true;
    case absl::StatusCode::kFailedPrecondition:
      return command.kind != CommandKind::kResolve;
    case absl::StatusCode::kAborted:
      return !command.etag.empty();
    case absl::StatusCode::kInvalidArgument:
      // Its end has passed meanwhile.
      return command.expire_time != absl::InfiniteFuture() &&
             absl::StrContains(status.message(), "expire_time");
    default:
      return false;
  }
}

bool MayMake(CommandKind kind, v1::EventType type) {
  switch (kind) {
    case CommandKind::kAck:
      return type == v1::EVENT_TYPE_ACKNOWLEDGED || type == v1::EVENT_TYPE_UPDATED;
    case CommandKind::kUnack:
      return type == v1::EVENT_TYPE_UNACKNOWLEDGED;
    case CommandKind::kResolve:
      return type == v1::EVENT_TYPE_RESOLVED;
  }
  return false;
}

class CommandCheck {
 public:
  CommandCheck(const Record& record, const Command& command, std::vector<const EventFact*> made)
      : record_(record), command_(command), made_(std::move(made)) {}

  Findings Run() {
    bool changed = false;
    bool all_known = true;
    for (const CommandAnswer& answer : command_.answers) {
      if (!MayAnswer(command_, answer.status)) {
        Add("answered", 0, absl::StrCat(" was answered ", answer.status.ToString()));
      }
      changed |= answer.changed;
      all_known &= !absl::IsUnavailable(answer.status) &&
                   !absl::IsDeadlineExceeded(answer.status) && !absl::IsCancelled(answer.status);
      if (answer.status.ok()) CheckAnswer(answer);
    }
    const bool has_hole = record_.log.HasHole(1, record_.log.head());
    if (changed && made_.empty() && !has_hole)
      Add("durable", 0, " changed something, and no event says so");
    if (!changed && all_known && !made_.empty()) {
      Add("durable", made_[0]->logged.sequence,
          " was told that it changed nothing, and made an event");
    }
    if (!command_.request_id.empty() && made_.size() > 1) {
      Add("once", made_[1]->logged.sequence, absl::StrCat(" made ", made_.size(), " events"));
    }
    for (const EventFact* fact : made_) CheckMade(*fact);
    return std::move(findings_);
  }

 private:
  void Add(absl::string_view check, uint64_t sequence, absl::string_view what) {
    findings_.push_back({.check = std::string(check),
                         .text = absl::StrCat(CommandName(command_.kind), " of ",
                                              command_.incident_id, ", ", command_.note, what),
                         .incident_id = command_.incident_id,
                         .sequence = sequence});
  }

  void CheckAnswer(const CommandAnswer& answer) {
    const EventFact* fact = FindFact(record_, answer.sequence);
    if (fact == nullptr && record_.log.HasHole(answer.sequence, answer.sequence)) return;
    if (answer.incident_id != command_.incident_id || fact == nullptr ||
        fact->logged.incident_id != command_.incident_id || fact->etag != answer.etag) {
      Add("durable", answer.sequence,
          absl::StrCat(" was answered with ", answer.incident_id, " at ", answer.sequence,
                       ", etag ", answer.etag, ", which there never was"));
    }
  }

  void CheckMade(const EventFact& fact) {
    if (fact.logged.incident_id != command_.incident_id ||
        !MayMake(command_.kind, fact.logged.type)) {
      Add("durable", fact.logged.sequence, absl::StrCat(" made ", Name(fact)));
    }
    const EventFact* before = FindFact(record_, fact.logged.previous_sequence);
    if (!command_.etag.empty() && before != nullptr && before->etag != command_.etag) {
      Add("lifecycle", fact.logged.sequence,
          absl::StrCat(" with etag ", command_.etag, " acted on ", before->etag));
    }
  }

  const Record& record_;
  const Command& command_;
  const std::vector<const EventFact*> made_;
  Findings findings_;
};

// The state after an event of this type; UNSPECIFIED: it may not follow this state.
v1::State StateAfter(const EventFact& fact, v1::State before) {
  switch (fact.logged.type) {
    case v1::EVENT_TYPE_OPENED:
      return before == v1::STATE_UNSPECIFIED ? v1::STATE_OPEN : v1::STATE_UNSPECIFIED;
    case v1::EVENT_TYPE_RESOLVED:
      return before != v1::STATE_RESOLVED ? v1::STATE_RESOLVED : v1::STATE_UNSPECIFIED;
    case v1::EVENT_TYPE_REOPENED:
      return before == v1::STATE_RESOLVED ? v1::STATE_OPEN : v1::STATE_UNSPECIFIED;
    case v1::EVENT_TYPE_ACKNOWLEDGED:
      return before == v1::STATE_OPEN ? v1::STATE_ACKNOWLEDGED : v1::STATE_UNSPECIFIED;
    case v1::EVENT_TYPE_UNACKNOWLEDGED:
      return before == v1::STATE_ACKNOWLEDGED ? v1::STATE_OPEN : v1::STATE_UNSPECIFIED;
    case v1::EVENT_TYPE_PURGED:
      return before == v1::STATE_RESOLVED ? v1::STATE_RESOLVED : v1::STATE_UNSPECIFIED;
    default:
      return before;
  }
}

void CheckStep(const EventFact* before, const EventFact& fact, Findings* findings) {
  const bool begins = before == nullptr || before->logged.type == v1::EVENT_TYPE_PURGED;
  const uint64_t previous = before == nullptr ? 0 : before->logged.sequence;
  if (fact.logged.previous_sequence != previous &&
      !(begins && fact.logged.previous_sequence == 0)) {
    findings->push_back(
        About("lifecycle", fact,
              absl::StrCat(" follows ", fact.logged.previous_sequence, ", not ", previous)));
  }
  const v1::State expected = StateAfter(fact, begins ? v1::STATE_UNSPECIFIED : before->state);
  if (expected == v1::STATE_UNSPECIFIED || expected != fact.state) {
    findings->push_back(About(
        "lifecycle", fact,
        absl::StrCat(", ", v1::State_Name(fact.state), ", follows ",
                     before == nullptr
                         ? "nothing"
                         : absl::StrCat(Name(*before), ", ", v1::State_Name(before->state)))));
  }
  const bool expired = fact.reason == v1::SystemCause::REASON_ACKNOWLEDGEMENT_EXPIRED;
  if (expired && !begins && fact.commit_time < before->expire_time) {
    findings->push_back(
        About("expires", fact,
              absl::StrCat(" comes before its time, ", absl::FormatTime(before->expire_time))));
  }
  const int causes = (fact.serial != 0 ? 1 : 0) + (fact.note.empty() ? 0 : 1) +
                     (fact.reason != v1::SystemCause::REASON_UNSPECIFIED ? 1 : 0);
  if (causes != 1)
    findings->push_back(About("lifecycle", fact, absl::StrCat(" has ", causes, " causes")));
}

}  // namespace

Findings CheckPosts(const Record& record) {
  Findings findings;
  for (const Post& post : record.posts) {
    const auto add = [&](absl::string_view check, absl::string_view what) {
      findings.push_back(
          {.check = std::string(check),
           .text = absl::StrCat("delivery ", post.serial, " of ", post.incident_id, what),
           .incident_id = post.incident_id,
           .sequence = post.sequence});
    };
    if (post.status != 0 && post.status != 200 && post.status != 503 && post.status != 504) {
      add("answered", absl::StrCat(" was answered ", post.status, " ", post.error));
    }
    if (post.status != 200) continue;
    const EventFact* fact = FindFact(record, post.sequence);
    if (fact == nullptr && record.log.HasHole(post.sequence, post.sequence)) continue;
    if (!post.error.empty() || post.answered_id != post.incident_id) {
      add("answered", absl::StrCat(" was answered for ", post.answered_id, " ", post.error));
    } else if (fact == nullptr) {
      add("durable", absl::StrCat(" was answered with ", post.sequence, ", which there never was"));
    } else if (fact->serial != post.serial || fact->logged.incident_id != post.incident_id) {
      add("durable", absl::StrCat(" was answered with the event of another: ", Name(*fact),
                                  " of delivery ", fact->serial));
    }
  }
  return findings;
}

Findings CheckCommands(const Record& record) {
  std::map<std::string, std::vector<const EventFact*>> made;
  for (const EventFact& fact : record.facts) {
    if (!fact.note.empty()) made[fact.note].push_back(&fact);
  }
  Findings findings;
  for (const Command& command : record.commands) {
    Findings more = CommandCheck(record, command, made[command.note]).Run();
    std::move(more.begin(), more.end(), std::back_inserter(findings));
  }
  return findings;
}

Findings CheckDeliveriesOnce(const Record& record) {
  Findings findings;
  for (const auto& [id, facts] : ByIncident(record)) {
    // By serial: how many deliveries had made an event when it did.
    std::map<uint64_t, size_t> seen;
    size_t count = 0;
    for (const EventFact* fact : facts) {
      if (fact->logged.type == v1::EVENT_TYPE_PURGED) seen.clear();
      if (fact->serial == 0) continue;
      const auto [before, is_new] = seen.emplace(fact->serial, count);
      if (!is_new && count - before->second <= kRememberedMin) {
        findings.push_back(About("once", *fact,
                                 absl::StrCat(" is delivery ", fact->serial, ", again after ",
                                              count - before->second - 1, " others")));
      }
      before->second = count++;
    }
  }
  return findings;
}

Findings CheckLifecycle(const Record& record) {
  Findings findings;
  std::set<std::string> etags;
  for (const auto& [id, facts] : ByIncident(record)) {
    const EventFact* before = nullptr;
    for (const EventFact* fact : facts) {
      const uint64_t from = before == nullptr ? 1 : before->logged.sequence;
      if (!record.log.HasHole(from, fact->logged.sequence)) CheckStep(before, *fact, &findings);
      if (!etags.insert(absl::StrCat(id, " ", fact->etag)).second) {
        findings.push_back(About("lifecycle", *fact, absl::StrCat(" has an etag that was there")));
      }
      before = fact;
    }
    if (before->state == v1::STATE_ACKNOWLEDGED && before->expire_time != absl::InfiniteFuture()) {
      findings.push_back(About("expires", *before,
                               absl::StrCat(" is the last, and its acknowledgement ended at ",
                                            absl::FormatTime(before->expire_time))));
    }
  }
  return findings;
}

Findings CheckConverged(const Record& record) {
  Findings findings;
  if (record.log.HasHole(1, record.log.head())) return findings;
  for (const auto& [id, facts] : ByIncident(record)) {
    const DeliverySpec* newest = nullptr;
    const EventFact* resolved = nullptr;
    for (const EventFact* fact : facts) {
      if (fact->logged.type == v1::EVENT_TYPE_PURGED) newest = nullptr;
      if (fact->logged.type == v1::EVENT_TYPE_RESOLVED) resolved = fact;
      if (fact->serial == 0 || fact->serial > record.specs.size()) continue;
      const DeliverySpec& spec = record.specs[fact->serial - 1];
      if (newest == nullptr || spec.version > newest->version) newest = &spec;
    }
    const EventFact& last = *facts.back();
    if (newest == nullptr || last.logged.type == v1::EVENT_TYPE_PURGED) continue;
    v1::Status status = v1::STATUS_UNSPECIFIED;
    v1::Status_Parse(absl::StrCat("STATUS_", absl::AsciiStrToUpper(newest->status)), &status);
    if (last.title != TitleOf(newest->serial) || last.status != status ||
        last.update_seconds != UpdatedOn(newest->version)) {
      findings.push_back(
          About("converged", last,
                absl::StrCat(" says ", last.title, ", ", v1::Status_Name(last.status),
                             "; the newest is ", TitleOf(newest->serial), ", ", newest->status)));
    }
    const bool is_resolved = last.state == v1::STATE_RESOLVED;
    const bool by_responder = resolved != nullptr && !resolved->note.empty();
    if (newest->active ? is_resolved && !by_responder : !is_resolved) {
      findings.push_back(About(
          "converged", last,
          absl::StrCat(" is ", v1::State_Name(last.state), ", and the newest, ",
                       TitleOf(newest->serial), ", is ", newest->active ? "active" : "over")));
    }
  }
  return findings;
}

}  // namespace incidenthub::testing
