#include "server/fanout/subscription.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "common/status_macros.h"
#include "server/fanout/membership.h"
#include "server/fanout/resume_token.h"

namespace incidenthub {
namespace {

using TokenProto = internal::v1::ResumeToken;

Subscription::Outgoing Message(Subscription::Outgoing::Kind kind) {
  Subscription::Outgoing outgoing;
  outgoing.kind = kind;
  return outgoing;
}

}  // namespace

Subscription::Subscription(const EventSource* source, const Generations* generations,
                           const Start& start, SubscribeOptions options)
    : source_(source),
      generations_(generations),
      matchers_(options.matchers == nullptr ? std::make_shared<const Matchers>()
                                            : std::move(options.matchers)),
      latest_only_(options.latest_only),
      require_history_(options.require_history),
      limits_(options.limits) {
  if (std::holds_alternative<Snapshot>(start)) {
    BeginSnapshot();
  } else if (std::holds_alternative<FromNow>(start)) {
    phase_ = Phase::kEvents;
    position_ = since_ = source_->head();
    if (latest_only_) cut_ = position_;
  } else {
    Resume(std::get<TokenProto>(start));
  }
}

void Subscription::BeginSnapshot() {
  phase_ = Phase::kConflated;
  position_ = since_ = settle_ = 0;
  cut_ = source_->head();
}

void Subscription::BeginReset(std::string reason, TokenProto token) {
  reset_reason_ = std::move(reason);
  refused_token_ = std::move(token);
  BeginSnapshot();
}

void Subscription::Resume(const TokenProto& token) {
  // Not head(): a token may name what was applied and was about to be published.
  const Sequence head = source_->applied();
  const Sequence reach = ReachOf(token);
  if (token.version() != kResumeTokenVersion) {
    return BeginReset(absl::StrCat("the token is of version ", token.version(), ", this hub's of ",
                                   kResumeTokenVersion),
                      token);
  }
  if (reach > head && token.generation() == generations_->current()) {
    awaited_ = reach;
  } else if (!generations_->Covers(token.generation(), reach, head)) {
    return BeginReset(
        "the token comes from a log that this hub does not have: it was restored or replaced",
        token);
  }
  phase_ = token.phase() == TokenProto::PHASE_EVENTS     ? Phase::kEvents
           : token.phase() == TokenProto::PHASE_SETTLING ? Phase::kSettling
                                                         : Phase::kConflated;
  position_ = token.position();
  since_ = token.since();
  cut_ = token.cut();
  settle_ = token.settle();
  if (require_history_ && since_ != 0 && (since_ < position_ || phase_ != Phase::kEvents)) {
    // What was left out since the client was last exact, it is to have after all.
    phase_ = Phase::kEvents;
    position_ = since_;
    return;
  }
  if (phase_ == Phase::kConflated) return;
  if (latest_only_) {
    // Every event was followed: the client holds what there was, and no pass is under way.
    if (since_ == 0 && cut_ <= position_) since_ = position_;
    cut_ = std::max(cut_, position_);
  } else {
    // Of a latest-only subscription: it was told nothing for certain beyond its position.
    cut_ = std::min(cut_, position_);
  }
}

absl::StatusOr<Subscription::Outgoing> Subscription::Next(bool may_read_store) {
  if (!opened_sent_) {
    opened_sent_ = true;
    return Message(Outgoing::Kind::kOpened);
  }
  if (!reset_reason_.empty()) {
    Outgoing outgoing = Message(Outgoing::Kind::kReset);
    outgoing.reason = std::exchange(reset_reason_, "");
    return outgoing;
  }
  if (awaiting()) return Outgoing();
  if (phase_ == Phase::kConflated || (latest_only_ && position_ < cut_)) {
    if (!may_read_store) return Message(Outgoing::Kind::kNeedsStore);
    ASSIGN_OR_RETURN(Outgoing outgoing, ScanLatest());
    if (outgoing.kind != Outgoing::Kind::kNothing) return outgoing;
  }
  if (SnapshotEndDue()) return TakeSnapshotEnd();
  ASSIGN_OR_RETURN(Outgoing outgoing,
                   latest_only_ ? BeginPass(may_read_store) : NextEvents(may_read_store));
  // What was passed over may have been all that was waited for.
  if (outgoing.kind == Outgoing::Kind::kNothing && SnapshotEndDue()) return TakeSnapshotEnd();
  return outgoing;
}

bool Subscription::SnapshotEndDue() const {
  return phase_ == Phase::kSettling && position_ >= settle_ && (!latest_only_ || position_ >= cut_);
}

Subscription::Outgoing Subscription::TakeSnapshotEnd() {
  phase_ = Phase::kEvents;
  since_ = position_;
  Outgoing outgoing = Message(Outgoing::Kind::kSnapshotEnd);
  outgoing.sequence = position_;
  return outgoing;
}

absl::StatusOr<Subscription::Outgoing> Subscription::Conflated(
    std::vector<SharedEvent> events) const {
  MembershipReader reader(source_, matchers_.get());
  Outgoing outgoing;
  for (SharedEvent& event : events) {
    ASSIGN_OR_RETURN(const Verdict verdict, reader.Conflated(event, /*began_empty=*/since_ == 0));
    if (verdict.membership == v1::MEMBERSHIP_UNSPECIFIED) continue;
    Outgoing::Entry& entry = outgoing.entries.emplace_back();
    entry.membership = verdict.membership;
    if (verdict.membership == v1::MEMBERSHIP_LEFT) {
      entry.event.sequence = event.sequence;
      entry.incident_id = verdict.labels->id();
      entry.state = verdict.labels->state();
    } else {
      entry.event = std::move(event);
    }
  }
  if (!outgoing.entries.empty()) outgoing.kind = Outgoing::Kind::kBatch;
  return outgoing;
}

absl::StatusOr<Subscription::Outgoing> Subscription::ScanLatest() {
  bool complete = false;
  ASSIGN_OR_RETURN(std::vector<SharedEvent> events,
                   source_->ReadLatest(position_, cut_, limits_, &complete));
  if (LostTombstone()) return ResetLost();
  // Read after the scan: whatever it no longer found, since it had moved, is at or below this.
  settle_ = std::max({settle_, cut_, source_->applied()});
  const Sequence last = events.empty() ? position_ : events.back().sequence;
  ASSIGN_OR_RETURN(Outgoing outgoing, Conflated(std::move(events)));
  position_ = last;
  if (complete) {
    EndPass();
  } else if (outgoing.entries.empty()) {
    outgoing.kind = Outgoing::Kind::kSkipped;
  }
  return outgoing;
}

void Subscription::EndPass() {
  position_ = cut_;
  if (phase_ == Phase::kConflated) phase_ = Phase::kSettling;
  if (latest_only_) since_ = position_;
}

absl::StatusOr<Subscription::Outgoing> Subscription::BeginPass(bool may_read_store) {
  std::vector<SharedEvent> events;
  if (!ReadRecent(may_read_store, &events)) {
    if (!may_read_store) return Message(Outgoing::Kind::kNeedsStore);
    cut_ = source_->head();
    return ScanLatest();
  }
  if (events.empty()) return Outgoing();
  const Sequence last = events.back().sequence;
  absl::flat_hash_set<Sequence> replaced;
  for (const SharedEvent& event : events) replaced.insert(event.previous_sequence);
  events.erase(std::remove_if(events.begin(), events.end(),
                              [&replaced](const SharedEvent& event) {
                                return replaced.contains(event.sequence);
                              }),
               events.end());
  ASSIGN_OR_RETURN(Outgoing outgoing, Conflated(std::move(events)));
  cut_ = last;
  EndPass();
  if (outgoing.entries.empty() && position_ < source_->head()) {
    outgoing.kind = Outgoing::Kind::kSkipped;
  }
  return outgoing;
}

bool Subscription::ReadRecent(bool may_read_store, std::vector<SharedEvent>* events) const {
  ReadLimits limits = limits_;
  if (!may_read_store && !matchers_->empty()) {
    limits.events = std::min(limits.events, kLiveEventsMax);
  }
  return source_->ReadRecent(position_, limits, events);
}

bool Subscription::LostTombstone() const {
  // A client that began empty holds nothing from before `cut`, and what it was shown was there
  // then; all others may hold whatever was there at `position`.
  const Sequence held = since_ == 0 ? std::max(cut_, position_) : position_;
  return (since_ != 0 || position_ != 0) && source_->forgotten() > held;
}

absl::StatusOr<Subscription::Outgoing> Subscription::ResetLost() {
  BeginReset("incidents that you may hold were dropped so long ago that it is not known which",
             MakeToken());
  return Next(/*may_read_store=*/true);
}

absl::StatusOr<Subscription::Outgoing> Subscription::Compact() {
  if (require_history_) {
    return ReasonError(
        "HISTORY_COMPACTED",
        absl::StrCat("events after sequence ", position_, " were dropped, up to ", source_->floor(),
                     "; resume without require_history to get the newest event of each incident"),
        {{"floor", absl::StrCat(source_->floor())}, {"head", absl::StrCat(Head())}});
  }
  if (LostTombstone()) return ResetLost();
  Outgoing outgoing = Message(Outgoing::Kind::kCompacted);
  outgoing.from = position_ + 1;
  if (since_ == 0) since_ = position_;
  phase_ = Phase::kConflated;
  cut_ = std::max(source_->head(), position_);
  outgoing.sequence = cut_;
  return outgoing;
}

absl::StatusOr<Subscription::Outgoing> Subscription::NextEvents(bool may_read_store) {
  std::vector<SharedEvent> events;
  if (!ReadRecent(may_read_store, &events)) {
    if (!may_read_store) return Message(Outgoing::Kind::kNeedsStore);
    ASSIGN_OR_RETURN(events, source_->ReadEvents(position_, limits_));
    // Looked at after the reading: what went before it was read went below the floor.
    if (source_->floor() > position_) return Compact();
  }
  return EveryEvent(std::move(events), may_read_store);
}

absl::StatusOr<Subscription::Outgoing> Subscription::EveryEvent(std::vector<SharedEvent> events,
                                                                bool may_read_store) {
  Outgoing outgoing;
  if (events.empty()) return outgoing;
  if (matchers_->empty()) outgoing.entries.reserve(events.size());
  MembershipReader reader(source_, matchers_.get());
  bool needs_store = false;
  for (SharedEvent& event : events) {
    ASSIGN_OR_RETURN(const Verdict verdict, reader.EveryEvent(event, cut_, may_read_store));
    needs_store = verdict.needs_store;
    if (needs_store) break;
    position_ = event.sequence;
    if (verdict.membership != v1::MEMBERSHIP_UNSPECIFIED) {
      outgoing.entries.push_back({verdict.membership, std::move(event)});
    }
  }
  if (phase_ == Phase::kEvents) since_ = position_;
  if (!outgoing.entries.empty()) {
    outgoing.kind = Outgoing::Kind::kBatch;
  } else if (needs_store) {
    outgoing.kind = Outgoing::Kind::kNeedsStore;
  } else if (position_ < source_->head()) {
    outgoing.kind = Outgoing::Kind::kSkipped;
  }
  return outgoing;
}

std::string Subscription::Token() const {
  return EncodeResumeToken(reset_reason_.empty() ? MakeToken() : refused_token_);
}

TokenProto Subscription::MakeToken() const {
  TokenProto token;
  token.set_version(kResumeTokenVersion);
  token.set_generation(generations_->current());
  token.set_phase(phase_ == Phase::kEvents     ? TokenProto::PHASE_EVENTS
                  : phase_ == Phase::kSettling ? TokenProto::PHASE_SETTLING
                                               : TokenProto::PHASE_UNSPECIFIED);
  token.set_position(position_);
  token.set_since(since_);
  token.set_matchers_hash(matchers_->hash());
  token.set_stream(stream_);
  token.set_consumer_hash(consumer_hash_);
  // What moved away from a scan is beyond the position, and in no log that ends before it.
  if (phase_ != Phase::kEvents || settle_ > position_) token.set_settle(settle_);
  // Where every event of every incident is followed, where the scan ended no longer matters.
  if (phase_ != Phase::kEvents || latest_only_ || !matchers_->empty()) token.set_cut(cut_);
  return token;
}

Sequence Subscription::Head() const { return std::max(source_->head(), position_); }

}  // namespace incidenthub
