// Where a consumer's position may be, and each check of it: on what agrees, and on what does not.

#include "tests/support/consumer_ledger.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Start = ConsumerLedger::Start;

constexpr Start kAtPosition = {};
// It is known that nothing is committed.
constexpr auto kNothing = std::make_optional(ConsumerLedger::Position());
const absl::Status kLost = absl::DeadlineExceededError("late");

RecordedMessage Message(v1::SubscribeResponse::MessageCase kind, uint64_t sequence = 0,
                        uint64_t head = 100) {
  RecordedMessage message;
  message.kind = kind;
  message.head_sequence = head;
  if (sequence == 0) return message;
  RecordedEntry entry;
  entry.sequence = sequence;
  message.entries.push_back(entry);
  return message;
}

class ConsumerLedgerTest : public ::testing::Test {
 protected:
  void Begin(ConsumerLedger::Position from, const Start& start = kAtPosition) {
    ledger_.Opened(start);
    ledger_.Begins(from);
    ledger_.Take(Message(v1::SubscribeResponse::kOpened));
  }
  void Batch(uint64_t sequence, uint64_t head = 100) {
    ledger_.Take(Message(v1::SubscribeResponse::kBatch, sequence, head));
  }
  void Heartbeat() { ledger_.Take(Message(v1::SubscribeResponse::kHeartbeat)); }
  void Moves(size_t message) { ledger_.Committed(message, absl::OkStatus(), true); }
  void MovesNothing(size_t message) { ledger_.Committed(message, absl::OkStatus(), false); }
  void Lost(size_t message) { ledger_.Committed(message, kLost, false); }
  std::vector<std::string> Findings() {
    std::vector<std::string> texts;
    for (const Finding& finding : ledger_.TakeFindings()) {
      texts.push_back(absl::StrCat(finding.check, ": ", finding.text));
    }
    return texts;
  }

  ConsumerLedger ledger_;
};

// Messages 0 `opened`, 1 at 10, 2 at 20, 3 at 30.
class ThreeBatchesTest : public ConsumerLedgerTest {
 protected:
  void SetUp() override {
    Begin(std::nullopt);
    for (const uint64_t sequence : {10U, 20U, 30U}) Batch(sequence);
  }
};

TEST_F(ThreeBatchesTest, WhatAgreesBreaksNothing) {
  Moves(1);
  MovesNothing(1);
  Moves(3);
  MovesNothing(2);
  Begin(3);
  ledger_.Listed(30);
  EXPECT_EQ(ledger_.Where(), ConsumerLedger::Position(3));
  // Of the older stream.
  MovesNothing(3);
  Batch(40);
  Moves(5);
  // Of a heartbeat it is not known whether it is ahead.
  Heartbeat();
  MovesNothing(6);
  Moves(6);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(ThreeBatchesTest, CommittedSeesAPositionThatWasLost) {
  Moves(2);
  ledger_.Opened(kAtPosition);
  ledger_.Listed(10);
  EXPECT_THAT(Findings(), ElementsAre("committed: the position is at 10, and was committed at "
                                      "message 2 (sequence 20)"));
  ledger_.Listed(std::nullopt);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("the position is forgotten, and was")));
}

TEST_F(ThreeBatchesTest, CommittedSeesAPositionThatNobodyCommitted) {
  ledger_.Opened(kAtPosition);
  ledger_.Listed(30);
  EXPECT_THAT(Findings(), ElementsAre("committed: the position is at 30, and was committed at "
                                      "nothing"));
  Begin(std::nullopt);
  Batch(10);
  Moves(5);
  Batch(20);
  ledger_.Opened(kAtPosition);
  ledger_.Listed(20);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("at 20, and was committed at message 5")));
}

TEST_F(ThreeBatchesTest, CommittedSeesACommitThatMovesBackOrAgain) {
  Moves(2);
  Moves(2);
  EXPECT_THAT(Findings(), ElementsAre("committed: message 2 moved the position, which was at "
                                      "message 2 (sequence 20)"));
  Moves(1);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("message 1 moved the position")));
}

TEST_F(ThreeBatchesTest, CommittedSeesACommitAheadThatMovesNothing) {
  Moves(1);
  MovesNothing(3);
  EXPECT_THAT(Findings(), ElementsAre("committed: message 3 (sequence 30) did not move the "
                                      "position, which was at message 1 (sequence 10)"));
}

TEST_F(ThreeBatchesTest, CommittedSeesACommitOfAnOlderStreamThatCounts) {
  Moves(1);
  Begin(1);
  Moves(2);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("message 2, of an older stream, moved")));
}

TEST_F(ThreeBatchesTest, ALostCommitCountsOrDoesNot) {
  Moves(1);
  Lost(3);
  ledger_.Opened(kAtPosition);
  EXPECT_EQ(ledger_.Where(), std::nullopt);
  ConsumerLedger other = ledger_;
  ledger_.Listed(30);
  EXPECT_EQ(ledger_.Where(), ConsumerLedger::Position(3));
  other.Listed(10);
  EXPECT_EQ(other.Where(), ConsumerLedger::Position(1));
  EXPECT_THAT(Findings(), IsEmpty());
  EXPECT_THAT(other.TakeFindings(), IsEmpty());
  // And no more than that.
  other.Listed(20);
  EXPECT_THAT(other.TakeFindings(), ::testing::SizeIs(1));
}

TEST_F(ThreeBatchesTest, AnAnswerTellsOfALostCommitBefore) {
  Moves(1);
  Lost(3);
  MovesNothing(2);
  ledger_.Opened(kAtPosition);
  EXPECT_EQ(ledger_.Where(), ConsumerLedger::Position(3));
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(ThreeBatchesTest, ALostCommitMayStillComeAfterOneThatWasAnswered) {
  Lost(3);
  Moves(1);
  EXPECT_THAT(Findings(), IsEmpty());
  ledger_.Opened(kAtPosition);
  EXPECT_EQ(ledger_.Where(), std::nullopt);
  ledger_.Listed(30);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(ThreeBatchesTest, ARefusedCommitDidNotHappen) {
  Moves(1);
  ledger_.Committed(3, ReasonError("DISK_FULL", "full"), false);
  ledger_.Opened(kAtPosition);
  EXPECT_EQ(ledger_.Where(), ConsumerLedger::Position(1));
  ledger_.Listed(30);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("committed: the position is at 30")));
}

TEST_F(ThreeBatchesTest, AnsweredSeesAnAnswerThatNobodyNamed) {
  ledger_.Committed(1, absl::InternalError("x"), false);
  EXPECT_THAT(Findings(), ElementsAre("answered: Commit of message 1 was answered INTERNAL: x"));
}

TEST_F(ThreeBatchesTest, ATokenMovesThePositionBackAndNeverAhead) {
  Moves(2);
  const Start ahead = {.kind = Start::Kind::kToken, .message = 3};
  ledger_.Opened(ahead);
  ledger_.Listed(30);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("the position is at 30")));
  const Start back = {.kind = Start::Kind::kToken, .message = 1};
  ledger_.Opened(back);
  ledger_.Listed(10);
  EXPECT_THAT(Findings(), IsEmpty());
  ledger_.Opened({.kind = Start::Kind::kSnapshot});
  ledger_.Opened(ahead);
  ledger_.Listed(30);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("and was committed at nothing")));
}

TEST_F(ThreeBatchesTest, AStreamWithoutAnswerMayHaveBegun) {
  Moves(1);
  ledger_.NotOpened(kAtPosition);
  MovesNothing(3);
  Moves(2);
  EXPECT_THAT(Findings(), IsEmpty());
  // It is the newest after all.
  MovesNothing(3);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("did not move the position")));
  ledger_.NotOpened({.kind = Start::Kind::kSnapshot});
  ledger_.Opened(kAtPosition);
  EXPECT_EQ(ledger_.Where(), std::nullopt);
  ledger_.Listed(std::nullopt);
  EXPECT_EQ(ledger_.Where(), kNothing);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(ThreeBatchesTest, AResetForgetsThePosition) {
  Moves(3);
  ledger_.Take(Message(v1::SubscribeResponse::kReset));
  ledger_.Opened(kAtPosition);
  EXPECT_EQ(ledger_.Where(), kNothing);
  ledger_.Listed(std::nullopt);
  EXPECT_THAT(Findings(), IsEmpty());
}

TEST_F(ConsumerLedgerTest, OnlyAHubThatMayForgetForgetsBySilence) {
  ConsumerLedger forgets(/*may_forget=*/true);
  for (ConsumerLedger* ledger : {&ledger_, &forgets}) {
    ledger->Opened(kAtPosition);
    ledger->Begins(std::nullopt);
    ledger->Take(Message(v1::SubscribeResponse::kBatch, 10));
    ledger->Committed(0, absl::OkStatus(), true);
    ledger->Opened(kAtPosition);
    ledger->Listed(std::nullopt);
  }
  EXPECT_THAT(Findings(), ::testing::SizeIs(1));
  EXPECT_THAT(forgets.TakeFindings(), IsEmpty());
  EXPECT_EQ(forgets.Where(), kNothing);
}

TEST_F(ConsumerLedgerTest, WhatWasPassedOverWithoutAWordIsNotKnown) {
  Begin(std::nullopt);
  Batch(10, /*head=*/15);
  Moves(1);
  ledger_.Listed(14);
  EXPECT_THAT(Findings(), IsEmpty());
  ledger_.Listed(16);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("the position is at 16")));
  // It ends before what came next.
  Batch(13);
  ledger_.Listed(13);
  EXPECT_THAT(Findings(), ElementsAre(HasSubstr("the position is at 13")));
}

TEST(TakenOverTest, AStreamEndsForANewerOneAndOnlyForThat) {
  const absl::Status taken_over = ReasonError("SUBSCRIPTION_TAKEN_OVER", "x");
  StreamHistory history;
  RecordedStream stream;
  stream.end = taken_over;
  stream.newer = NewerStream::kOpened;
  stream.newer_head = 20;
  stream.messages = {Message(v1::SubscribeResponse::kBatch, 20, /*head=*/20)};
  history.streams = {stream};
  EXPECT_THAT(CheckTakenOver(history, 0), IsEmpty());
  EXPECT_THAT(CheckResumable(history), IsEmpty());

  history.streams[0].messages.push_back(Message(v1::SubscribeResponse::kBatch, 21, /*head=*/21));
  EXPECT_THAT(CheckTakenOver(history, 1), IsEmpty());
  EXPECT_THAT(CheckTakenOver(history, 0), ElementsAre(HasSubstr("was sent what was new at 21")));
  history.streams = {stream};
  history.streams[0].outlived_newer = true;
  EXPECT_THAT(CheckTakenOver(history), ElementsAre(HasSubstr("went on after a newer one")));
  history.streams = {stream};
  history.streams[0].end = absl::AbortedError("x");
  EXPECT_THAT(CheckTakenOver(history), ElementsAre(HasSubstr("ended with ABORTED: x")));
  history.streams = {stream};
  history.streams[0].newer = NewerStream::kNone;
  EXPECT_THAT(CheckTakenOver(history), ElementsAre(HasSubstr("ended, and nobody took it over")));
  EXPECT_THAT(CheckResumable(history), ElementsAre(HasSubstr("stream 0 ended with ABORTED")));
}

}  // namespace
}  // namespace incidenthub::testing
