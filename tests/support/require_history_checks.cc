#include "tests/support/require_history_checks.h"

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"

namespace incidenthub::testing {
namespace {

using Kind = v1::SubscribeResponse;

bool TellsSomething(const RecordedMessage& message) {
  return message.kind == Kind::kBatch || message.kind == Kind::kSnapshotEnd;
}

}  // namespace

bool IsRefusedHistory(const absl::Status& end) {
  return absl::IsOutOfRange(end) && ErrorReason(end) == "HISTORY_COMPACTED";
}

Complaints CheckUnabridged(const StreamHistory& history) {
  Complaints complaints;
  // By message: whether what a `compacted` stands for is not all told after it.
  std::vector<bool> abridged;
  // When the stream before was refused: the newest message with a token, and the one that it was
  // resumed after if it told nothing since. kNewestMessage: neither.
  size_t refused_after = kNewestMessage;
  size_t refused_at_once_after = kNewestMessage;
  size_t newest = kNewestMessage;
  for (size_t i = 0; i < history.streams.size(); ++i) {
    const RecordedStream& stream = history.streams[i];
    const auto complain = [&](const std::string& what) {
      complaints.push_back(absl::StrCat("unabridged: stream ", i, " ", what));
    };
    size_t from = kNewestMessage;
    if (stream.start == StreamStart::kToken) {
      from = stream.resumed_after == kNewestMessage ? newest : stream.resumed_after;
    }
    bool now = from != kNewestMessage && abridged[from];
    const bool follows_refusal = from != kNewestMessage &&
                                 (from == refused_after || from == refused_at_once_after) &&
                                 !abridged[from] && !stream.require_history;
    bool told = false;
    bool explained = false;
    for (const RecordedMessage& message : stream.messages) {
      told |= TellsSomething(message);
      explained |= message.kind == Kind::kCompacted || message.kind == Kind::kReset;
      if (follows_refusal && !explained && TellsSomething(message)) {
        complain("goes on with every event, which was refused before");
        explained = true;
      }
      if (stream.require_history && message.kind == Kind::kCompacted) complain("is compacted");
      if (stream.require_history && now && TellsSomething(message)) {
        complain("goes on in the middle of `compacted`");
        now = false;
      }
      if (message.kind == Kind::kCompacted) now = true;
      if (message.kind == Kind::kSnapshotEnd || message.kind == Kind::kReset) now = false;
      abridged.push_back(now);
      if (!message.token.empty()) newest = abridged.size() - 1;
    }
    const bool refused = IsRefusedHistory(stream.end);
    if (refused && !stream.require_history) complain("is refused history that it did not require");
    refused_after = refused ? newest : kNewestMessage;
    refused_at_once_after = refused && !told ? from : kNewestMessage;
  }
  return complaints;
}

}  // namespace incidenthub::testing
