#include "tests/support/consumer_ledger.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/error_details.h"

namespace incidenthub::testing {
namespace {

using Kind = v1::SubscribeResponse;

std::string Name(ConsumerLedger::Position position) {
  return position.has_value() ? absl::StrCat("message ", *position) : "nothing";
}

// Whether a Commit that was answered so may have been carried out.
bool OutcomeUnknown(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  if (reason == "DISK_FULL" || reason == "SHUTTING_DOWN" || reason == "QUEUE_FULL") return false;
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status);
}

bool MayAnswer(const absl::Status& status) {
  return status.ok() || absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status) || absl::IsResourceExhausted(status);
}

}  // namespace

void ConsumerLedger::Add(absl::string_view check, Position position, const std::string& text) {
  const uint64_t sequence = position.has_value() ? messages_[*position].reach : 0;
  findings_.push_back({.check = std::string(check), .text = text, .sequence = sequence});
}

void ConsumerLedger::SetPlaces(std::vector<Position> places) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  places_ = std::move(places);
}

std::string ConsumerLedger::PlacesText() const {
  return absl::StrJoin(places_, " or ", [this](std::string* out, Position place) {
    absl::StrAppend(out, Name(place));
    if (place.has_value()) absl::StrAppend(out, " (sequence ", messages_[*place].reach, ")");
  });
}

bool ConsumerLedger::IsAhead(size_t message, Position position) const {
  return !position.has_value() ||
         (message > *position && messages_[message].reach > messages_[*position].reach);
}

bool ConsumerLedger::MayBeAt(Position place, std::optional<uint64_t> position_sequence) const {
  if (!place.has_value() || !position_sequence.has_value()) {
    return place.has_value() == position_sequence.has_value();
  }
  // What was passed over without a word is not known, but for what was not: the next entry.
  uint64_t max = messages_[*place].head;
  for (Position at = before_next_; at.has_value() && *at > *place; at = messages_[*at].before) {
    const uint64_t next = messages_[*at].first_sequence;
    if (next != 0) max = std::min(max, next - 1);
  }
  return *position_sequence >= messages_[*place].reach && *position_sequence <= max;
}

void ConsumerLedger::NotOpened(const Start& start) {
  may_be_older_ = true;
  std::vector<Position> places = places_;
  if (start.kind == Start::Kind::kSnapshot) places.emplace_back();
  if (start.kind == Start::Kind::kToken && places.back() > Position(start.message)) {
    places.emplace_back(start.message);
  }
  SetPlaces(std::move(places));
}

void ConsumerLedger::Opened(const Start& start) {
  newest_stream_ = messages_.size();
  may_be_older_ = false;
  std::vector<Position> places = places_;
  if (start.kind == Start::Kind::kSnapshot) places = {std::nullopt};
  if (start.kind == Start::Kind::kToken) {
    for (Position& place : places) place = std::min(place, Position(start.message));
  }
  SetPlaces(std::move(places));
}

void ConsumerLedger::Listed(std::optional<uint64_t> position_sequence) {
  if (may_forget_ && !position_sequence.has_value()) return SetPlaces({std::nullopt});
  std::vector<Position> places;
  for (const Position& place : places_) {
    if (MayBeAt(place, position_sequence)) places.push_back(place);
  }
  if (!places.empty()) return SetPlaces(std::move(places));
  Add("committed", places_.front(),
      absl::StrCat(
          "the position is ",
          position_sequence.has_value() ? absl::StrCat("at ", *position_sequence) : "forgotten",
          ", and was committed at ", PlacesText()));
}

std::optional<ConsumerLedger::Position> ConsumerLedger::Where() const {
  const Position least = places_.front();
  const Position most = places_.back();
  // Heartbeats between them make no difference.
  const bool same = least == most || (least.has_value() && most.has_value() &&
                                      messages_[*least].told == messages_[*most].told);
  if (!same) return std::nullopt;
  return std::make_optional(most);
}

void ConsumerLedger::Begins(Position from) { before_next_ = from; }

void ConsumerLedger::Take(const RecordedMessage& message) {
  if (message.kind == Kind::kReset) {
    // It has another number from here on, and no position.
    newest_stream_ = messages_.size();
    before_next_.reset();
    SetPlaces({std::nullopt});
  }
  Message taken;
  taken.before = before_next_;
  if (before_next_.has_value()) {
    taken.reach = messages_[*before_next_].reach;
    taken.told = messages_[*before_next_].told;
  }
  taken.head = message.head_sequence;
  taken.reach = std::max(taken.reach, message.snapshot_sequence);
  for (const RecordedEntry& entry : message.entries) {
    if (taken.first_sequence == 0) taken.first_sequence = entry.sequence;
    taken.reach = std::max(taken.reach, entry.sequence);
  }
  const bool is_news = message.kind != Kind::kHeartbeat && message.kind != Kind::kOpened &&
                       message.kind != Kind::kDraining;
  if (is_news) ++taken.told;
  messages_.push_back(taken);
  before_next_ = messages_.size() - 1;
}

void ConsumerLedger::Committed(size_t message, const absl::Status& status, bool changed) {
  if (!MayAnswer(status)) {
    Add("answered", message,
        absl::StrCat("Commit of message ", message, " was answered ", status.ToString()));
  }
  const bool is_older = message < newest_stream_;
  if (status.ok() && changed) {
    CommitMoved(message);
  } else if (status.ok()) {
    if (!is_older && !may_be_older_ && !may_forget_) CommitMovedNothing(message);
  } else if (OutcomeUnknown(status) && !is_older && Position(message) > places_.front()) {
    std::vector<Position> places = places_;
    places.emplace_back(message);
    SetPlaces(std::move(places));
  }
}

void ConsumerLedger::CommitMoved(size_t message) {
  const Position least = places_.front();
  if (message < newest_stream_) {
    Add("committed", message,
        absl::StrCat("message ", message, ", of an older stream, moved the position from ",
                     PlacesText()));
  } else if (Position(message) <= least) {
    Add("committed", message,
        absl::StrCat("message ", message, " moved the position, which was at ", PlacesText()));
  }
  may_be_older_ = false;
  std::vector<Position> places = {message};
  for (const Position& place : places_) {
    if (place > Position(message)) places.push_back(place);
  }
  SetPlaces(std::move(places));
}

void ConsumerLedger::CommitMovedNothing(size_t message) {
  std::vector<Position> places;
  for (const Position& place : places_) {
    if (!IsAhead(message, place)) places.push_back(place);
  }
  if (!places.empty()) return SetPlaces(std::move(places));
  Add("committed", message,
      absl::StrCat("message ", message, " (sequence ", messages_[message].reach,
                   ") did not move the position, which was at ", PlacesText()));
}

Findings ConsumerLedger::TakeFindings() { return std::exchange(findings_, {}); }

Complaints CheckTakenOver(const StreamHistory& history, uint64_t unpublished_max) {
  Complaints complaints;
  for (size_t i = 0; i < history.streams.size(); ++i) {
    const RecordedStream& stream = history.streams[i];
    const auto complain = [&](const auto&... what) {
      complaints.push_back(absl::StrCat("taken over: stream ", i, what...));
    };
    const bool aborted = absl::IsAborted(stream.end);
    if (aborted && ErrorReason(stream.end) != "SUBSCRIPTION_TAKEN_OVER") {
      complain(" ended with ", stream.end.ToString());
    }
    if (aborted && stream.newer == NewerStream::kNone) complain(" ended, and nobody took it over");
    if (stream.newer != NewerStream::kOpened) continue;
    if (stream.outlived_newer) complain(" went on after a newer one was opened");
    for (const RecordedMessage& message : stream.messages) {
      if (message.kind == Kind::kDraining) continue;
      if (message.head_sequence <= stream.newer_head + unpublished_max) continue;
      complain(" was sent what was new at ", message.head_sequence, ", and the newer began at ",
               stream.newer_head);
      break;
    }
  }
  return complaints;
}

}  // namespace incidenthub::testing
