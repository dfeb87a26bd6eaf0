#include "tests/support/log_checks.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace incidenthub::testing {
namespace {

using Kind = v1::SubscribeResponse;

std::string Name(const LoggedEvent& event) {
  return absl::StrCat(event.incident_id, " at ", event.sequence);
}

// Walks one life beside the log.
class Walk {
 public:
  Walk(const KnownLog& log, const LogCheckOptions& options, StreamStart start)
      : log_(log), options_(options), start_(start) {}

  Findings Run(const Life& life, bool caught_up) {
    for (const RecordedMessage* message : life.messages) Take(*message);
    now_ = absl::InfiniteFuture();
    if (caught_up && exact_) {
      if (latest_only_) {
        CheckSuperseded(log_.head() + 1, log_.head());
      } else {
        CheckNoneSkipped(log_.head() + 1);
      }
      CheckHeld(log_.head(), "at the end");
    }
    return std::move(findings_);
  }

 private:
  void Add(absl::string_view check, const LoggedEvent& event, absl::string_view what) {
    findings_.push_back({.check = std::string(check),
                         .text = absl::StrCat(Name(event), what),
                         .incident_id = event.incident_id,
                         .sequence = event.sequence,
                         .time = now_});
  }

  void Take(const RecordedMessage& message) {
    now_ = message.time;
    latest_only_ = message.latest_only;
    held_.Apply(message, start_);
    switch (message.kind) {
      case Kind::kOpened:
        TakeOpened(message);
        break;
      case Kind::kCompacted:
        exact_ = false;
        break;
      case Kind::kSnapshotEnd:
        CheckHeld(message.snapshot_sequence, "at `snapshot_end`");
        exact_ = true;
        covered_ = unknown_through_ = std::max(covered_, message.snapshot_sequence);
        break;
      default:
        break;
    }
    for (const RecordedEntry& entry : message.entries) TakeEntry(entry, message.head_sequence);
    // Of what a latest-only stream passed over, an every-event stream after it knows nothing.
    if (message.latest_only) unknown_through_ = std::max(unknown_through_, message.head_sequence);
    if (message.kind != Kind::kOpened) after_heartbeat_ = false;
    was_heartbeat_ =
        message.kind == Kind::kHeartbeat || (message.kind == Kind::kDraining && was_heartbeat_);
  }

  void TakeOpened(const RecordedMessage& message) {
    if (!opened_ && start_ == StreamStart::kFromNow) {
      exact_ = true;
      covered_ = message.head_sequence;
    }
    after_heartbeat_ = opened_ && was_heartbeat_;
    opened_ = true;
  }

  void TakeEntry(const RecordedEntry& entry, uint64_t head) {
    const LoggedEvent* event = log_.Find(entry.sequence);
    if (event == nullptr) {
      if (!log_.HasHole(entry.sequence, entry.sequence)) {
        findings_.push_back(
            {.check = "true",
             .text = absl::StrCat(entry.incident_id, " at ", entry.sequence, " never happened"),
             .incident_id = entry.incident_id,
             .sequence = entry.sequence,
             .time = now_});
      }
    } else {
      CheckTrue(entry, *event);
      CheckMembership(entry, *event);
    }
    if (exact_) {
      if (latest_only_) {
        CheckSuperseded(entry.sequence, head);
      } else {
        CheckNoneSkipped(entry.sequence);
      }
    }
    covered_ = std::max(covered_, entry.sequence);
  }

  void CheckTrue(const RecordedEntry& entry, const LoggedEvent& event) {
    if (entry.incident_id != event.incident_id) {
      Add("true", event, absl::StrCat(" came as ", entry.incident_id));
    } else if (entry.fingerprint != 0 && (entry.fingerprint != event.fingerprint ||
                                          entry.previous_sequence != event.previous_sequence)) {
      Add("true", event, " came with another content than it had");
    }
  }

  void CheckMembership(const RecordedEntry& entry, const LoggedEvent& event) {
    const bool now = KnownLog::Matches(&event, options_.filter);
    if (now == (entry.membership == v1::MEMBERSHIP_LEFT)) {
      Add("membership", event,
          absl::StrCat(" comes as ", v1::Membership_Name(entry.membership), ", and it ",
                       now ? "matches" : "does not match"));
    }
    const uint64_t previous = event.previous_sequence;
    const bool unknown =
        previous != 0 && (previous <= unknown_through_ || log_.HasHole(previous, previous));
    if (!exact_ || latest_only_ || unknown) return;
    const bool before = Before(event);
    if (!before && !now) Add("resumable", event, " changes nothing in what matches, and was sent");
    if (now && entry.membership != v1::MEMBERSHIP_LEFT &&
        before == (entry.membership == v1::MEMBERSHIP_ENTERED)) {
      Add("membership", event,
          absl::StrCat(" comes as ", v1::Membership_Name(entry.membership), ", and before it ",
                       before ? "matched" : "did not match"));
    }
  }

  bool Before(const LoggedEvent& event) const {
    return KnownLog::Matches(log_.Find(event.previous_sequence), options_.filter);
  }

  bool ChangesSomething(const LoggedEvent& event) const {
    return KnownLog::Matches(&event, options_.filter) || Before(event);
  }

  absl::string_view Guarantee() const { return after_heartbeat_ ? "bookmarked" : "complete"; }

  // Between what is covered and `next`.
  void CheckNoneSkipped(uint64_t next) {
    for (size_t i = log_.CountThrough(covered_); i < log_.events().size(); ++i) {
      const LoggedEvent& event = log_.events()[i];
      if (event.sequence >= next) break;
      // A latest-only stream before this one may have left it out for something newer.
      if (event.sequence <= unknown_through_ && log_.Next(event) != nullptr) continue;
      if (ChangesSomething(event)) {
        Add(Guarantee(), event, absl::StrCat(" was skipped, on the way to ", next));
      }
    }
  }

  // Likewise, on a stream that leaves out what something newer, known to the hub by then, replaces.
  void CheckSuperseded(uint64_t next, uint64_t head) {
    const size_t known = log_.CountThrough(head) + options_.unpublished_max;
    for (size_t i = log_.CountThrough(covered_); i < log_.events().size(); ++i) {
      const LoggedEvent& event = log_.events()[i];
      if (event.sequence >= next) break;
      const LoggedEvent* newer = log_.Next(event);
      const bool replaced = newer != nullptr && log_.CountThrough(newer->sequence) <= known;
      if (!replaced && ChangesSomething(event)) {
        Add(Guarantee(), event,
            absl::StrCat(" was skipped, on the way to ", next, ", and nothing newer replaced it"));
      }
    }
  }

  void CheckHeld(uint64_t sequence, absl::string_view when) {
    if (log_.HasHole(1, sequence)) return;
    for (Finding& finding : held_.Differences(log_.StateAt(sequence, options_.filter))) {
      finding.check = "complete";
      finding.time = now_;
      absl::StrAppend(&finding.text, ", ", when, " ", sequence);
      findings_.push_back(std::move(finding));
    }
  }

  const KnownLog& log_;
  const LogCheckOptions& options_;
  const StreamStart start_;
  Findings findings_;
  HeldSet held_;
  // Of the message that is looked at.
  absl::Time now_;
  bool opened_ = false;
  bool latest_only_ = false;
  // In the events phase, or in a latest-only stream's passes after its snapshot.
  bool exact_ = false;
  // The newest that was told: everything that matters up to here was, too.
  uint64_t covered_ = 0;
  // The hub need not know whether events at or below matched.
  uint64_t unknown_through_ = 0;
  bool was_heartbeat_ = false;
  // Nothing came yet since a resume with a heartbeat's token.
  bool after_heartbeat_ = false;
};

}  // namespace

void HeldSet::Begin(uint64_t base) {
  incidents_.clear();
  base_ = base;
  begun_ = true;
}

void HeldSet::Apply(const RecordedEntry& entry) {
  if (entry.membership == v1::MEMBERSHIP_LEFT) {
    incidents_.erase(entry.incident_id);
  } else {
    incidents_[entry.incident_id] = entry.sequence;
  }
}

void HeldSet::Apply(const RecordedMessage& message, StreamStart start) {
  if (message.kind == Kind::kReset) Begin(0);
  if (message.kind == Kind::kOpened && start == StreamStart::kFromNow && !begun_) {
    Begin(message.head_sequence);
  }
  for (const RecordedEntry& entry : message.entries) Apply(entry);
}

Findings HeldSet::Differences(const IncidentSequences& expected, size_t max) const {
  Findings findings;
  const auto add = [&](const std::string& id, uint64_t sequence, absl::string_view what) {
    if (findings.size() >= max) return;
    findings.push_back({.check = "converged",
                        .text = absl::StrCat(id, what),
                        .incident_id = id,
                        .sequence = sequence});
  };
  for (const auto& [id, sequence] : expected) {
    if (sequence <= base_) continue;
    const auto held = incidents_.find(id);
    if (held == incidents_.end()) {
      add(id, sequence, absl::StrCat(" is not held, and should be as of ", sequence));
    } else if (held->second != sequence) {
      add(id, sequence, absl::StrCat(" is held as of ", held->second, ", not ", sequence));
    }
  }
  for (const auto& [id, sequence] : incidents_) {
    if (expected.count(id) == 0)
      add(id, sequence, absl::StrCat(" is held as of ", sequence, ", and should not be"));
  }
  return findings;
}

HeldSet HeldAfter(const Life& life) {
  HeldSet held;
  for (const RecordedMessage* message : life.messages) held.Apply(*message, life.start);
  return held;
}

Findings CheckAgainstLog(const StreamHistory& history, const KnownLog& log,
                         const LogCheckOptions& options) {
  Findings findings;
  // Lives share their beginnings.
  std::set<std::string> told;
  const std::vector<Life> lives = Lives(history);
  for (size_t i = 0; i < lives.size(); ++i) {
    const bool caught_up = options.caught_up && i + 1 == lives.size();
    for (Finding& finding : Walk(log, options, lives[i].start).Run(lives[i], caught_up)) {
      if (told.insert(absl::StrCat(finding.check, finding.text)).second) {
        findings.push_back(std::move(finding));
      }
    }
  }
  return findings;
}

}  // namespace incidenthub::testing
