#include "server/upstream/agenda.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"

namespace incidenthub {
namespace {

using testing::At;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AgendaTest : public ::testing::Test {
 protected:
  static UpstreamWork Work(UpstreamKind kind, Sequence sequence, std::string incident_id,
                           std::string source = "bigpanda") {
    UpstreamWork work;
    work.kind = kind;
    work.sequence = sequence;
    work.incident_id = std::move(incident_id);
    work.source = std::move(source);
    return work;
  }
  void AddResolve(Sequence sequence, const std::string& incident_id,
                  const std::string& source = "bigpanda") {
    agenda_.Add(Work(UpstreamKind::kPending, sequence, incident_id, source), now_);
  }
  static Agenda::Key Resolve(Sequence sequence) { return {UpstreamKind::kPending, sequence}; }

  // All that is handed out now.
  std::vector<Sequence> NextAll() {
    std::vector<Sequence> sequences;
    while (const AgendaItem* const item = agenda_.Next(now_)) {
      sequences.push_back(item->work.sequence);
    }
    return sequences;
  }
  void Done(const Agenda::Key& key) {
    agenda_.Answered(key, now_);
    agenda_.Remove(key);
  }

  absl::Time now_ = At(0);
  Agenda agenda_{3};
};

TEST_F(AgendaTest, WhatIsAddedIsHandedOutOnceInItsOrder) {
  AddResolve(7, "b");
  AddResolve(5, "a");
  AddResolve(5, "a");
  EXPECT_EQ(agenda_.size(), 2U);
  EXPECT_THAT(NextAll(), ElementsAre(5, 7));
  EXPECT_THAT(NextAll(), IsEmpty());
  Done(Resolve(5));
  EXPECT_EQ(agenda_.count(UpstreamKind::kPending), 1U);
}

TEST_F(AgendaTest, InNoSecondThereAreMoreRequestsThanPermits) {
  for (Sequence s = 1; s <= 7; ++s) AddResolve(s, absl::StrCat("i-", s));
  EXPECT_THAT(NextAll(), ElementsAre(1, 2, 3));
  now_ = At(10);
  EXPECT_THAT(NextAll(), IsEmpty()) << "they may still be on their way";
  Done(Resolve(1));
  EXPECT_THAT(NextAll(), IsEmpty()) << "it may have arrived just now";
  EXPECT_EQ(agenda_.WakeTime(), At(11));
  now_ = At(11);
  EXPECT_THAT(NextAll(), ElementsAre(4));
}

TEST_F(AgendaTest, EachSourceAndEndpointHasItsOwnPermits) {
  for (Sequence s = 1; s <= 4; ++s) AddResolve(s, absl::StrCat("i-", s), "east");
  for (Sequence s = 11; s <= 14; ++s) AddResolve(s, absl::StrCat("i-", s), "west");
  agenda_.Add(Work(UpstreamKind::kCallback, 21, "i-21", "east"), now_);
  EXPECT_THAT(NextAll(), ::testing::UnorderedElementsAre(1, 2, 3, 11, 12, 13, 21));
}

TEST_F(AgendaTest, OfAnIncidentOneAtATimeTheOldestFirst) {
  AddResolve(9, "a");
  agenda_.Add(Work(UpstreamKind::kComment, 8, "a"), now_);
  agenda_.Add(Work(UpstreamKind::kCallback, 3, "a"), now_);
  EXPECT_THAT(NextAll(), ElementsAre(3));
  Done({UpstreamKind::kCallback, 3});
  EXPECT_THAT(NextAll(), ElementsAre(8));
  Done({UpstreamKind::kComment, 8});
  EXPECT_THAT(NextAll(), ElementsAre(9));
}

TEST_F(AgendaTest, WhatFailedHoldsBackNothing) {
  agenda_.Add(Work(UpstreamKind::kComment, 8, "a"), now_);
  AddResolve(9, "a");
  EXPECT_THAT(NextAll(), ElementsAre(8));
  agenda_.Tried({UpstreamKind::kComment, 8}, now_, At(60), "503");
  EXPECT_THAT(NextAll(), ElementsAre(9));
  now_ = At(60);
  EXPECT_THAT(NextAll(), IsEmpty()) << "one at a time all the same";
  Done(Resolve(9));
  EXPECT_THAT(NextAll(), ElementsAre(8));
  EXPECT_EQ(agenda_.Find({UpstreamKind::kComment, 8})->attempts, 1U);
  EXPECT_EQ(agenda_.Find({UpstreamKind::kComment, 8})->last_error, "503");
}

TEST_F(AgendaTest, APausedEndpointHoldsBackNothingAtAnotherOne) {
  agenda_.Add(Work(UpstreamKind::kComment, 1, "a"), now_);
  agenda_.Add(Work(UpstreamKind::kComment, 2, "b"), now_);
  agenda_.Add(Work(UpstreamKind::kComment, 3, "c"), now_);
  agenda_.Add(Work(UpstreamKind::kComment, 4, "d"), now_);
  AddResolve(9, "d");
  // The fourth comment has no permit, and its incident's resolve waits for it.
  EXPECT_THAT(NextAll(), ElementsAre(1, 2, 3));
  agenda_.PauseEndpoint("bigpanda", Endpoint::kComment, At(3600));
  EXPECT_THAT(NextAll(), ElementsAre(9));
  Done(Resolve(9));
  now_ = At(3600);
  Done({UpstreamKind::kComment, 1});
  now_ = At(3601);
  EXPECT_THAT(NextAll(), ElementsAre(4));
}

TEST_F(AgendaTest, AClockThatGoesBackHoldsNoPermits) {
  now_ = At(7200);
  for (Sequence s = 1; s <= 3; ++s) AddResolve(s, absl::StrCat("i-", s));
  EXPECT_THAT(NextAll(), ElementsAre(1, 2, 3));
  for (Sequence s = 1; s <= 3; ++s) Done(Resolve(s));
  now_ = At(0);
  AddResolve(4, "i-4");
  EXPECT_THAT(NextAll(), ElementsAre(4));
}

TEST_F(AgendaTest, WhatWasNotTriedGivesItsPermitBackAtOnce) {
  for (Sequence s = 1; s <= 4; ++s) AddResolve(s, absl::StrCat("i-", s));
  EXPECT_THAT(NextAll(), ElementsAre(1, 2, 3));
  agenda_.NotTried(Resolve(2), At(60), "later");
  EXPECT_THAT(NextAll(), ElementsAre(4));
  EXPECT_EQ(agenda_.Find(Resolve(2))->attempts, 0U);
  agenda_.Remove(Resolve(4));
  AddResolve(5, "i-5");
  EXPECT_THAT(NextAll(), ElementsAre(5)) << "it was not asked for either";
}

TEST_F(AgendaTest, APausedSourceIsLeftAloneAndOthersAreNot) {
  AddResolve(1, "a", "east");
  AddResolve(2, "b", "west");
  agenda_.PauseSource("east");
  EXPECT_TRUE(agenda_.IsPaused("east"));
  EXPECT_THAT(NextAll(), ElementsAre(2));
  EXPECT_EQ(agenda_.WakeTime(), absl::InfiniteFuture());
  agenda_.ResumeSource("east", now_);
  EXPECT_THAT(NextAll(), ElementsAre(1));
}

TEST_F(AgendaTest, AResumeTriesAtOnceWhatWaitedForItsNextTry) {
  AddResolve(1, "a");
  EXPECT_THAT(NextAll(), ElementsAre(1));
  agenda_.Tried(Resolve(1), now_, At(300), "401");
  agenda_.PauseSource("bigpanda");
  now_ = At(20);
  agenda_.ResumeSource("bigpanda", now_);
  EXPECT_THAT(NextAll(), ElementsAre(1));
}

TEST_F(AgendaTest, AnEndpointThatSaidWhenToComeBackIsLeftAloneUntilThen) {
  AddResolve(1, "a");
  agenda_.Add(Work(UpstreamKind::kComment, 2, "b"), now_);
  agenda_.PauseEndpoint("bigpanda", Endpoint::kResolve, At(30));
  EXPECT_THAT(NextAll(), ElementsAre(2));
  EXPECT_EQ(agenda_.WakeTime(), At(30));
  now_ = At(30);
  EXPECT_THAT(NextAll(), ElementsAre(1));
}

TEST_F(AgendaTest, AForbiddenEnvironmentIsAskedByOneAtATimeAfterItsPause) {
  EXPECT_TRUE(agenda_.MayAsk("bigpanda", "e", now_));
  agenda_.Forbid("bigpanda", "e", At(60));
  EXPECT_EQ(agenda_.forbidden_environments(), 1U);
  EXPECT_FALSE(agenda_.MayAsk("bigpanda", "e", At(59)));
  EXPECT_TRUE(agenda_.MayAsk("bigpanda", "f", now_));
  EXPECT_TRUE(agenda_.MayAsk("bigpanda", "e", At(60)));
  EXPECT_FALSE(agenda_.MayAsk("bigpanda", "e", At(60))) << "somebody asks already";
  agenda_.AskedInVain("bigpanda", "e");
  EXPECT_TRUE(agenda_.MayAsk("bigpanda", "e", At(60)));
  agenda_.Allow("bigpanda", "e");
  EXPECT_TRUE(agenda_.MayAsk("bigpanda", "e", At(60)));
  EXPECT_TRUE(agenda_.MayAsk("bigpanda", "e", At(60)));
}

TEST_F(AgendaTest, NothingIsLeftOfWhatIsDone) {
  for (int round = 0; round < 100; ++round) {
    AddResolve(1, "a");
    agenda_.Add(Work(UpstreamKind::kComment, 2, "a"), now_);
    EXPECT_THAT(NextAll(), ElementsAre(1));
    agenda_.Tried(Resolve(1), now_, now_ + absl::Seconds(5), "no");
    EXPECT_THAT(NextAll(), ElementsAre(2));
    Done({UpstreamKind::kComment, 2});
    now_ += absl::Seconds(5);
    EXPECT_THAT(NextAll(), ElementsAre(1));
    Done(Resolve(1));
    now_ += absl::Seconds(5);
    ASSERT_EQ(agenda_.size(), 0U);
    ASSERT_EQ(agenda_.WakeTime(), absl::InfiniteFuture());
  }
}

}  // namespace
}  // namespace incidenthub
