#include "server/fanout/subscription.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "server/fanout/resume_token.h"

namespace incidenthub {
namespace {

using TokenProto = internal::v1::ResumeToken;

Subscription::Outgoing Message(Subscription::Outgoing::Kind kind) {
  Subscription::Outgoing outgoing;
  outgoing.kind = kind;
  return outgoing;
}

// The highest sequence that a token says its hub had.
Sequence Reach(const TokenProto& token) {
  return std::max({token.position(), token.cut(), token.settle()});
}

}  // namespace

Subscription::Subscription(const EventSource* source, const Generations* generations,
                           const Start& start, ReadLimits limits)
    : source_(source), generations_(generations), limits_(limits) {
  if (std::holds_alternative<Snapshot>(start)) {
    BeginSnapshot();
  } else if (std::holds_alternative<FromNow>(start)) {
    phase_ = Phase::kEvents;
    position_ = since_ = source_->head();
  } else {
    Resume(std::get<TokenProto>(start));
  }
}

void Subscription::BeginSnapshot() {
  phase_ = Phase::kConflated;
  position_ = since_ = settle_ = 0;
  cut_ = source_->head();
}

void Subscription::Resume(const TokenProto& token) {
  // Not head(): a token may name what was applied and was about to be published.
  const Sequence head = source_->applied();
  if (token.version() != kResumeTokenVersion) {
    reset_reason_ = absl::StrCat("the token is of version ", token.version(), ", this hub's of ",
                                 kResumeTokenVersion);
  } else if (!generations_->Covers(token.generation(), Reach(token), head)) {
    reset_reason_ =
        "the token comes from a log that this hub does not have: it was restored or replaced";
  }
  if (!reset_reason_.empty()) {
    refused_token_ = token;
    BeginSnapshot();
    return;
  }
  phase_ = token.phase() == TokenProto::PHASE_EVENTS     ? Phase::kEvents
           : token.phase() == TokenProto::PHASE_SETTLING ? Phase::kSettling
                                                         : Phase::kConflated;
  position_ = token.position();
  since_ = token.since();
  cut_ = token.cut();
  settle_ = token.settle();
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
  if (phase_ == Phase::kConflated) {
    if (!may_read_store) return Message(Outgoing::Kind::kNeedsStore);
    ASSIGN_OR_RETURN(Outgoing outgoing, NextConflated());
    if (outgoing.kind != Outgoing::Kind::kNothing) return outgoing;
  }
  if (phase_ == Phase::kSettling && position_ >= settle_) {
    phase_ = Phase::kEvents;
    since_ = position_;
    Outgoing outgoing = Message(Outgoing::Kind::kSnapshotEnd);
    outgoing.sequence = position_;
    return outgoing;
  }
  return NextEvents(may_read_store);
}

absl::StatusOr<Subscription::Outgoing> Subscription::NextConflated() {
  bool complete = false;
  ASSIGN_OR_RETURN(std::vector<SharedEvent> events,
                   source_->ReadLatest(position_, cut_, limits_, &complete));
  // Read after the scan: whatever it no longer found, since it had moved, is at or below this.
  settle_ = std::max({settle_, cut_, source_->applied()});
  Outgoing outgoing;
  if (!events.empty()) {
    outgoing.kind = Outgoing::Kind::kBatch;
    position_ = events.back().sequence;
    for (SharedEvent& event : events) {
      outgoing.entries.push_back(
          {since_ == 0 ? v1::MEMBERSHIP_ENTERED : v1::MEMBERSHIP_UPDATED, std::move(event)});
    }
  }
  if (complete) {
    position_ = cut_;
    phase_ = Phase::kSettling;
  }
  return outgoing;
}

absl::StatusOr<Subscription::Outgoing> Subscription::NextEvents(bool may_read_store) {
  std::vector<SharedEvent> events;
  if (!source_->ReadRecent(position_, limits_, &events)) {
    if (!may_read_store) return Message(Outgoing::Kind::kNeedsStore);
    ASSIGN_OR_RETURN(events, source_->ReadEvents(position_, limits_));
  }
  Outgoing outgoing;
  if (events.empty()) return outgoing;
  outgoing.kind = Outgoing::Kind::kBatch;
  position_ = events.back().sequence;
  if (phase_ == Phase::kEvents) since_ = position_;
  outgoing.entries.reserve(events.size());
  for (SharedEvent& event : events) {
    outgoing.entries.push_back(
        {event.previous_sequence == 0 ? v1::MEMBERSHIP_ENTERED : v1::MEMBERSHIP_UPDATED,
         std::move(event)});
  }
  return outgoing;
}

std::string Subscription::Token() const {
  if (!reset_reason_.empty()) return EncodeResumeToken(refused_token_);
  TokenProto token;
  token.set_version(kResumeTokenVersion);
  token.set_generation(generations_->current());
  token.set_phase(phase_ == Phase::kEvents     ? TokenProto::PHASE_EVENTS
                  : phase_ == Phase::kSettling ? TokenProto::PHASE_SETTLING
                                               : TokenProto::PHASE_UNSPECIFIED);
  token.set_position(position_);
  token.set_since(since_);
  // Where every event is followed, where the scan ended no longer matters.
  if (phase_ != Phase::kEvents) {
    token.set_cut(cut_);
    token.set_settle(settle_);
  }
  return EncodeResumeToken(token);
}

Sequence Subscription::Head() const { return std::max(source_->head(), position_); }

}  // namespace incidenthub
