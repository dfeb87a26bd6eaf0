#include "server/store/consumers.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/error_details.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_database.h"
#include "tests/support/unsynced_env.h"

namespace incidenthub {
namespace {

using testing::At;
using testing::HasCode;
using testing::HasReason;
using testing::TestDatabase;
using testing::UnsyncedEnv;
using Token = internal::v1::ResumeToken;

constexpr size_t kMax = 3;

Token TokenAt(Sequence position, Token::Phase phase = Token::PHASE_EVENTS) {
  Token token;
  token.set_version(1);
  token.set_phase(phase);
  token.set_position(position);
  return token;
}

class ConsumersTest : public ::testing::Test {
 protected:
  ConsumersTest() { Open(); }

  void Open() {
    consumers_ = std::make_unique<Consumers>(
        database_.get(), [this] { return may_write_; },
        [this](const absl::Status& status) { failures_.push_back(status); }, kMax);
    ASSERT_OK(consumers_->Load());
  }
  void Restart() {
    consumers_.reset();
    database_.Reopen();
    Open();
  }
  // What is not synced is lost.
  void LosePower() {
    env_.PowerOff();
    consumers_.reset();
    database_.Close();
    env_.PowerOn();
    database_.Open();
    Open();
  }

  absl::StatusOr<Consumers::Stream> TryBegin(const std::string& name, Consumers::Start start,
                                             const Token& token = {}) {
    return TryBegin(name, consumers_->NextArrival(), start, token);
  }
  absl::StatusOr<Consumers::Stream> TryBegin(const std::string& name, uint64_t arrival,
                                             Consumers::Start start, const Token& token = {}) {
    return consumers_->Begin(
        name, user_, arrival, start, token, [](const Token&) { return absl::OkStatus(); }, At(0));
  }
  Consumers::Stream Begin(const std::string& name,
                          Consumers::Start start = Consumers::Start::kPosition,
                          const Token& token = {}) {
    const auto stream = TryBegin(name, start, token);
    EXPECT_OK(stream);
    return stream.ok() ? *stream : Consumers::Stream();
  }
  // Where the next stream begins; 0: anew.
  Sequence PositionOf(const std::string& name) {
    const auto stream = Begin(name);
    return stream.position.has_value() ? stream.position->position() : 0;
  }
  static ConsumerCommit CommitOf(const std::string& name, uint64_t stream, Token token) {
    token.set_stream(stream);
    token.set_consumer_hash(ConsumerHash(name));
    return {name, ConsumerUser(), std::move(token)};
  }
  absl::StatusOr<bool> Commit(const std::string& name, uint64_t stream, const Token& token) {
    return consumers_->Commit({CommitOf(name, stream, token)}, At(1))[0];
  }
  bool Moves(const std::string& name, uint64_t stream, const Token& token) {
    const auto changed = Commit(name, stream, token);
    EXPECT_OK(changed);
    return changed.ok() && *changed;
  }

  UnsyncedEnv env_;
  TestDatabase database_{{.env = env_.get()}};
  absl::Status may_write_;
  std::vector<absl::Status> failures_;
  std::unique_ptr<Consumers> consumers_;
  // Who begins and deletes.
  ConsumerUser user_;
};

TEST_F(ConsumersTest, WhatWasAnsweredSurvivesLossOfPower) {
  const Consumers::Stream stream = Begin("pager");
  EXPECT_FALSE(stream.position.has_value());
  EXPECT_TRUE(Moves("pager", stream.number, TokenAt(7)));
  LosePower();
  EXPECT_TRUE(consumers_->IsCurrent("pager", stream.number));
  const Consumers::Stream next = Begin("pager");
  ASSERT_TRUE(next.position.has_value());
  EXPECT_EQ(next.position->position(), 7U);
  EXPECT_GT(next.number, stream.number);
  LosePower();
  EXPECT_TRUE(consumers_->IsCurrent("pager", next.number));
  EXPECT_OK(consumers_->Delete("pager", user_));
  LosePower();
  EXPECT_FALSE(consumers_->Exists("pager"));
}

TEST_F(ConsumersTest, ACommitMovesAheadOnly) {
  const uint64_t stream = Begin("pager").number;
  EXPECT_TRUE(Moves("pager", stream, TokenAt(0, Token::PHASE_UNSPECIFIED)))
      << "the beginning of a snapshot is a position too";
  EXPECT_TRUE(Moves("pager", stream, TokenAt(5, Token::PHASE_UNSPECIFIED)));
  EXPECT_TRUE(Moves("pager", stream, TokenAt(5, Token::PHASE_SETTLING)));
  EXPECT_FALSE(Moves("pager", stream, TokenAt(5, Token::PHASE_UNSPECIFIED)));
  EXPECT_TRUE(Moves("pager", stream, TokenAt(5, Token::PHASE_EVENTS)));
  EXPECT_FALSE(Moves("pager", stream, TokenAt(5, Token::PHASE_EVENTS)));
  EXPECT_FALSE(Moves("pager", stream, TokenAt(4, Token::PHASE_EVENTS)));
  EXPECT_TRUE(Moves("pager", stream, TokenAt(6, Token::PHASE_UNSPECIFIED)))
      << "a stream that fell behind conflates again, further on";
  EXPECT_EQ(PositionOf("pager"), 6U);
}

TEST_F(ConsumersTest, CommitsOfAnOlderStreamChangeNothing) {
  const uint64_t older = Begin("pager").number;
  const uint64_t newer = Begin("pager").number;
  EXPECT_FALSE(Moves("pager", older, TokenAt(9)));
  EXPECT_FALSE(Moves("pager", newer + 5, TokenAt(9))) << "of a time that was lost in a restore";
  EXPECT_EQ(consumers_->LeastPosition(), Sequence{0});
  EXPECT_TRUE(Moves("pager", newer, TokenAt(3)));
  ConsumerCommit foreign = CommitOf("pager", newer, TokenAt(9));
  foreign.of_this_log = false;
  EXPECT_FALSE(*consumers_->Commit({foreign}, At(1))[0]);
  EXPECT_EQ(PositionOf("pager"), 3U);
}

TEST_F(ConsumersTest, WhoArrivedLastHasItInWhateverOrderTheyBegin) {
  const uint64_t given_up = consumers_->NextArrival();
  const uint64_t second = consumers_->NextArrival();
  const auto kept = TryBegin("pager", second, Consumers::Start::kPosition);
  ASSERT_OK(kept);
  EXPECT_TRUE(Moves("pager", kept->number, TokenAt(3)));
  const auto late = TryBegin("pager", given_up, Consumers::Start::kSnapshot);
  ASSERT_OK(late);
  EXPECT_EQ(late->number, 0U);
  EXPECT_TRUE(consumers_->IsCurrent("pager", kept->number));
  EXPECT_EQ(consumers_->LeastPosition(), Sequence{3}) << "nothing happened";
  EXPECT_NE(TryBegin("chat", given_up, Consumers::Start::kPosition)->number, 0U);
  EXPECT_GT(TryBegin("pager", consumers_->NextArrival(), Consumers::Start::kPosition)->number,
            kept->number);
}

TEST_F(ConsumersTest, ATokenOfNoStreamOfItsIsRefused) {
  const uint64_t pager = Begin("pager").number;
  const uint64_t chat = Begin("chat").number;
  const absl::Status none = Commit("pager", 0, TokenAt(9)).status();
  EXPECT_THAT(none, HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(none, HasReason("FIELD_INVALID"));
  EXPECT_THAT(std::string(none.message()), ::testing::HasSubstr("resume_token"));
  ConsumerCommit others = CommitOf("chat", chat, TokenAt(9));
  others.name = "pager";
  EXPECT_THAT(consumers_->Commit({others}, At(1))[0], HasReason("FIELD_INVALID"));
  others.token.set_stream(pager);
  EXPECT_THAT(consumers_->Commit({others}, At(1))[0], HasReason("FIELD_INVALID"));
  EXPECT_THAT(Commit("mail", pager, TokenAt(9)), HasReason("CONSUMER_NOT_FOUND"));
  EXPECT_EQ(PositionOf("pager"), 0U);
}

TEST_F(ConsumersTest, ManyCommitsAreOneSync) {
  const uint64_t pager = Begin("pager").number;
  const uint64_t chat = Begin("chat").number;
  const uint64_t before = env_.log_syncs();
  const auto answers =
      consumers_->Commit({CommitOf("pager", pager, TokenAt(2)), CommitOf("chat", chat, TokenAt(4)),
                          CommitOf("mail", pager, TokenAt(2)), CommitOf("pager", pager, TokenAt(1)),
                          CommitOf("pager", pager, TokenAt(3))},
                         At(1));
  EXPECT_EQ(env_.log_syncs(), before + 1);
  EXPECT_TRUE(*answers[0]);
  EXPECT_TRUE(*answers[1]);
  EXPECT_THAT(answers[2], HasReason("CONSUMER_NOT_FOUND"));
  EXPECT_FALSE(*answers[3]);
  EXPECT_TRUE(*answers[4]);
  EXPECT_FALSE(Moves("pager", pager, TokenAt(3)));
  EXPECT_EQ(env_.log_syncs(), before + 1) << "what changes nothing is not written";
  LosePower();
  EXPECT_EQ(PositionOf("pager"), 3U);
  EXPECT_EQ(PositionOf("chat"), 4U);
}

TEST_F(ConsumersTest, AStartSaysWhatBecomesOfThePosition) {
  const uint64_t stream = Begin("pager").number;
  EXPECT_TRUE(Moves("pager", stream, TokenAt(10)));
  Begin("pager", Consumers::Start::kToken, TokenAt(20));
  EXPECT_EQ(PositionOf("pager"), 10U) << "what came after 10 may not be handled yet";
  Begin("pager", Consumers::Start::kToken, TokenAt(4));
  EXPECT_EQ(PositionOf("pager"), 4U) << "who goes back stays back";
  Begin("pager", Consumers::Start::kReplace, TokenAt(30));
  Restart();
  EXPECT_EQ(PositionOf("pager"), 30U);
  Token other = TokenAt(40);
  other.set_matchers_hash(1);
  Begin("pager", Consumers::Start::kToken, other);
  EXPECT_EQ(PositionOf("pager"), 40U) << "the old one is of no use with these matchers";
  Begin("pager", Consumers::Start::kSnapshot);
  Restart();
  EXPECT_EQ(PositionOf("pager"), 0U);
  Begin("chat", Consumers::Start::kToken, TokenAt(5));
  EXPECT_EQ(PositionOf("chat"), 5U);
}

TEST_F(ConsumersTest, AReconnectBeforeTheFirstCommitCommitsNothing) {
  Token own = TokenAt(20);
  own.set_stream(Begin("pager").number);
  own.set_consumer_hash(ConsumerHash("pager"));
  Begin("pager", Consumers::Start::kToken, own);
  EXPECT_FALSE(Begin("pager").position.has_value()) << "what came before may not be handled yet";
  Begin("chat", Consumers::Start::kToken, own);
  EXPECT_EQ(PositionOf("chat"), 20U) << "it kept its position elsewhere so far";
}

TEST_F(ConsumersTest, APositionThatIsNotAcceptableStaysAndBeginsNothing) {
  const uint64_t stream = Begin("pager").number;
  EXPECT_TRUE(Moves("pager", stream, TokenAt(10)));
  const auto refused = consumers_->Begin(
      "pager", ConsumerUser(), consumers_->NextArrival(), Consumers::Start::kPosition, {},
      [](const Token& token) {
        return absl::InvalidArgumentError(absl::StrCat("no ", token.position()));
      },
      At(0));
  EXPECT_EQ(refused.status(), absl::InvalidArgumentError("no 10"));
  EXPECT_TRUE(consumers_->IsCurrent("pager", stream));
}

TEST_F(ConsumersTest, AStreamThatBeginsAnewHasAnotherNumberAndNoPosition) {
  const uint64_t stream = Begin("pager").number;
  EXPECT_TRUE(Moves("pager", stream, TokenAt(10)));
  const auto restarted = consumers_->Restart("pager", stream);
  ASSERT_OK(restarted);
  EXPECT_GT(*restarted, stream);
  EXPECT_FALSE(Moves("pager", stream, TokenAt(11))) << "a token of before";
  EXPECT_TRUE(Moves("pager", *restarted, TokenAt(2, Token::PHASE_UNSPECIFIED)));
  EXPECT_EQ(*consumers_->Restart("pager", stream), 0U) << "it is no longer the consumer's";
  LosePower();
  EXPECT_EQ(PositionOf("pager"), 2U);
}

TEST_F(ConsumersTest, NumbersAreNeverGivenTwice) {
  uint64_t last = 0;
  for (const char* name : {"a", "b", "a", "c", "a"}) {
    const uint64_t number = Begin(name).number;
    EXPECT_GT(number, last);
    last = number;
    if (std::string(name) == "c") {
      EXPECT_OK(consumers_->Delete("c", user_));
    }
    LosePower();
  }
  EXPECT_OK(consumers_->Delete("a", user_));
  Restart();
  EXPECT_GT(Begin("a").number, last);
}

TEST_F(ConsumersTest, PastTheirBoundNoMoreAreMadeUntilOneIsDeleted) {
  for (const char* name : {"a", "b", "c"}) Begin(name);
  const auto refused = TryBegin("d", Consumers::Start::kPosition);
  EXPECT_THAT(refused, HasCode(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(refused, HasReason("TOO_MANY_CONSUMERS"));
  EXPECT_THAT(std::string(refused.status().message()), ::testing::HasSubstr("DeleteConsumer"));
  Begin("b");
  EXPECT_OK(consumers_->Delete("b", user_));
  Begin("d");
  EXPECT_THAT(consumers_->Delete("b", user_), HasReason("CONSUMER_NOT_FOUND"));
  EXPECT_EQ(consumers_->size(), kMax);
}

TEST_F(ConsumersTest, TheyAreListedByNameAPageAtATime) {
  for (const char* name : {"b", "c", "a"}) Begin(name);
  EXPECT_TRUE(Moves("c", 2, TokenAt(9)));
  auto page = consumers_->List("", 2);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].name, "a");
  EXPECT_EQ(page[1].name, "b");
  page = consumers_->List("b", 2);
  ASSERT_EQ(page.size(), 1U);
  EXPECT_EQ(page[0].name, "c");
  EXPECT_EQ(page[0].record.position().position(), 9U);
  EXPECT_EQ(absl::FromUnixSeconds(page[0].record.commit_time().seconds()), At(1));
  EXPECT_EQ(consumers_->LeastPosition(), Sequence{0});
}

TEST_F(ConsumersTest, WhileTheHubMayNotWriteNothingIs) {
  const uint64_t stream = Begin("pager").number;
  may_write_ = ReasonError(absl::StatusCode::kUnavailable, "DISK_FULL", "full");
  const uint64_t before = env_.log_syncs();
  EXPECT_THAT(Commit("pager", stream, TokenAt(1)), HasReason("DISK_FULL"));
  EXPECT_THAT(TryBegin("pager", Consumers::Start::kPosition), HasReason("DISK_FULL"));
  EXPECT_THAT(consumers_->Restart("pager", stream), HasReason("DISK_FULL"));
  EXPECT_THAT(consumers_->Delete("pager", user_), HasReason("DISK_FULL"));
  EXPECT_EQ(env_.log_syncs(), before);
  may_write_ = absl::OkStatus();
  EXPECT_TRUE(Moves("pager", stream, TokenAt(1)));
  EXPECT_TRUE(failures_.empty());
}

TEST_F(ConsumersTest, AfterAFailedWriteEverythingIsRefusedAndTheHubIsTold) {
  const uint64_t stream = Begin("pager").number;
  EXPECT_TRUE(Moves("pager", stream, TokenAt(1)));
  env_.SetDiskFull(true);
  EXPECT_THAT(Commit("pager", stream, TokenAt(2)), HasReason("LOG_OUTCOME_UNKNOWN"));
  env_.SetDiskFull(false);
  EXPECT_THAT(Commit("pager", stream, TokenAt(3)), HasReason("LOG_OUTCOME_UNKNOWN"));
  EXPECT_THAT(TryBegin("pager", Consumers::Start::kPosition), HasReason("LOG_OUTCOME_UNKNOWN"));
  EXPECT_THAT(consumers_->Delete("pager", user_), HasReason("LOG_OUTCOME_UNKNOWN"));
  EXPECT_EQ(failures_.size(), 1U);
  Restart();
  EXPECT_EQ(PositionOf("pager"), 1U);
}

TEST_F(ConsumersTest, AConsumerIsThePrincipalsThatFirstSubscribed) {
  user_ = {"pager-service"};
  const uint64_t stream = Begin("pager").number;
  user_ = {"chat-service"};
  EXPECT_THAT(TryBegin("pager", Consumers::Start::kPosition).status(),
              HasReason("CONSUMER_OF_OTHER"));
  EXPECT_THAT(consumers_->Delete("pager", user_), HasReason("CONSUMER_OF_OTHER"));
  ConsumerCommit commit = CommitOf("pager", stream, TokenAt(3));
  commit.user = user_;
  EXPECT_THAT(consumers_->Commit({commit}, At(1))[0].status(), HasReason("CONSUMER_OF_OTHER"));
  EXPECT_TRUE(consumers_->IsCurrent("pager", stream)) << "nothing of that took it";

  LosePower();
  EXPECT_EQ(consumers_->List("", 1)[0].record.principal(), "pager-service");
  commit.user = {"pager-service"};
  EXPECT_TRUE(consumers_->Commit({commit}, At(1))[0].value_or(false));
}

TEST_F(ConsumersTest, AnAdminDeletesWhatIsAnothers) {
  user_ = {"pager-service"};
  Begin("pager");
  user_ = {"ada", /*is_admin=*/true};
  EXPECT_OK(consumers_->Delete("pager", user_));
}

TEST_F(ConsumersTest, AConsumerOfNobodyBecomesThePrincipalsThatSubscribesNext) {
  Begin("pager");
  EXPECT_EQ(consumers_->List("", 1)[0].record.principal(), "");
  user_ = {"pager-service"};
  Begin("pager");
  EXPECT_EQ(consumers_->List("", 1)[0].record.principal(), "pager-service");
  // Of a hub that asks for no credentials any more it is everybody's again, and stays the same.
  user_ = {};
  Begin("pager");
  EXPECT_EQ(consumers_->List("", 1)[0].record.principal(), "pager-service");
}

}  // namespace
}  // namespace incidenthub
