// What requires history gets all of it: on histories where it does, and on ones where it does not.

#include "tests/support/require_history_checks.h"

#include <cstddef>
#include <initializer_list>
#include <utility>

#include "absl/status/status.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = v1::SubscribeResponse;

constexpr bool kRequired = true;
const absl::Status kEnded = absl::UnavailableError("gone");

RecordedStream Stream(bool require_history, std::initializer_list<Kind::MessageCase> kinds,
                      absl::Status end, size_t resumed_after = kNewestMessage) {
  RecordedStream stream;
  stream.start = StreamStart::kToken;
  stream.resumed_after = resumed_after;
  stream.require_history = require_history;
  for (const Kind::MessageCase kind : kinds) {
    RecordedMessage message;
    message.kind = kind;
    message.token = "token";
    stream.messages.push_back(std::move(message));
  }
  stream.end = std::move(end);
  return stream;
}

StreamHistory History(std::initializer_list<RecordedStream> streams) {
  StreamHistory history;
  history.streams = streams;
  history.streams.front().start = StreamStart::kSnapshot;
  return history;
}

absl::Status Refused() { return ReasonError("HISTORY_COMPACTED", "x"); }

RecordedStream First() {
  return Stream(kRequired, {Kind::kOpened, Kind::kBatch, Kind::kSnapshotEnd, Kind::kBatch}, kEnded);
}

TEST(RequireHistoryChecksTest, WhoIsRefusedMayTakeWhatThereIs) {
  const StreamHistory history =
      History({First(), Stream(kRequired, {Kind::kOpened}, Refused(), 3),
               Stream(!kRequired, {Kind::kOpened, Kind::kCompacted, Kind::kBatch}, kEnded, 3),
               // In the middle of what was left out it is refused again.
               Stream(kRequired, {Kind::kOpened}, Refused(), 7),
               Stream(!kRequired, {Kind::kOpened, Kind::kBatch, Kind::kSnapshotEnd}, kEnded, 7),
               Stream(kRequired, {Kind::kOpened, Kind::kBatch}, kEnded)});
  EXPECT_THAT(CheckUnabridged(history), IsEmpty());
  EXPECT_THAT(CheckResumable(history), IsEmpty());
}

TEST(RequireHistoryChecksTest, UnabridgedSeesWhatWasLeftOut) {
  EXPECT_THAT(CheckUnabridged(
                  History({First(), Stream(kRequired, {Kind::kOpened, Kind::kCompacted}, kEnded)})),
              ElementsAre("unabridged: stream 1 is compacted"));
  EXPECT_THAT(
      CheckUnabridged(History({Stream(!kRequired, {Kind::kOpened, Kind::kCompacted}, kEnded),
                               Stream(kRequired, {Kind::kOpened, Kind::kBatch}, kEnded)})),
      ElementsAre("unabridged: stream 1 goes on in the middle of `compacted`"));
}

TEST(RequireHistoryChecksTest, UnabridgedSeesARefusalWithoutNeed) {
  EXPECT_THAT(
      CheckUnabridged(History({First(), Stream(kRequired, {Kind::kOpened}, Refused(), 3),
                               Stream(!kRequired, {Kind::kOpened, Kind::kBatch}, kEnded, 3)})),
      ElementsAre("unabridged: stream 2 goes on with every event, which was refused before"));
  EXPECT_THAT(
      CheckUnabridged(History({First(), Stream(kRequired, {Kind::kOpened, Kind::kBatch}, Refused()),
                               Stream(!kRequired, {Kind::kOpened, Kind::kBatch}, kEnded)})),
      ElementsAre("unabridged: stream 2 goes on with every event, which was refused before"));
}

TEST(RequireHistoryChecksTest, OnlyWhoRequiresHistoryIsRefusedIt) {
  const StreamHistory history = History({First(), Stream(!kRequired, {Kind::kOpened}, Refused())});
  EXPECT_THAT(CheckUnabridged(history),
              ElementsAre("unabridged: stream 1 is refused history that it did not require"));
  EXPECT_THAT(CheckResumable(history), ::testing::SizeIs(1));
  EXPECT_FALSE(IsRefusedHistory(absl::OutOfRangeError("another")));
}

}  // namespace
}  // namespace incidenthub::testing
