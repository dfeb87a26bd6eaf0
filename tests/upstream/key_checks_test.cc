#include "server/upstream/key_checks.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/incident_builder.h"

namespace incidenthub {
namespace {

using testing::At;

class KeyChecksTest : public ::testing::Test {
 protected:
  KeyChecksTest() {
    config_["bigpanda"].name = "bigpanda";
    config_["bigpanda"].api_key = "one";
    checks_.SetSources(config_, now_);
  }
  // The check that is due now, answered so.
  bool Answer(Verdict verdict, const std::string& text = "") {
    const auto due = checks_.Due(now_);
    EXPECT_EQ(due.size(), 1U);
    return !due.empty() && checks_.Answered(due[0], {verdict, text}, now_);
  }
  KeyChecks::State State() { return checks_.states().at("bigpanda"); }

  absl::Time now_ = At(0);
  UpstreamConfig config_;
  KeyChecks checks_;
};

TEST_F(KeyChecksTest, ANewSourceIsCheckedAtOnceAndThenEveryHour) {
  EXPECT_FALSE(State().good);
  EXPECT_EQ(State().error, "was not checked yet");
  EXPECT_TRUE(Answer(Verdict::kDone));
  EXPECT_TRUE(State().good);
  EXPECT_EQ(State().error, "");
  EXPECT_TRUE(checks_.Due(now_ + absl::Minutes(59)).empty());
  EXPECT_EQ(checks_.WakeTime(), now_ + absl::Hours(1));
  EXPECT_EQ(checks_.Due(now_ + absl::Hours(1)).size(), 1U);
  EXPECT_TRUE(checks_.Due(now_ + absl::Hours(2)).empty()) << "it is running";
}

TEST_F(KeyChecksTest, ABadKeyIsLookedAtEveryMinute) {
  EXPECT_TRUE(Answer(Verdict::kBadKey, "401"));
  EXPECT_FALSE(State().good);
  EXPECT_EQ(State().error, "401");
  checks_.Ask("bigpanda", now_);
  EXPECT_TRUE(checks_.Due(now_ + absl::Seconds(59)).empty()) << "whoever doubts";
  now_ += absl::Minutes(1);
  EXPECT_TRUE(Answer(Verdict::kDone));
  EXPECT_TRUE(State().good);
}

TEST_F(KeyChecksTest, AHostThatIsNotReachedTellsNothing) {
  EXPECT_TRUE(Answer(Verdict::kDone));
  now_ += absl::Hours(1);
  EXPECT_FALSE(Answer(Verdict::kRetry, "not reached"));
  EXPECT_TRUE(State().good) << "as far as is known";
  EXPECT_EQ(State().error, "not reached");
  EXPECT_EQ(checks_.WakeTime(), now_ + absl::Minutes(1));
}

TEST_F(KeyChecksTest, AWrongRegionIsNamedAsSuch) {
  EXPECT_TRUE(Answer(Verdict::kNotFound, "404"));
  EXPECT_FALSE(State().good);
  EXPECT_NE(State().error.find("region"), std::string::npos);
}

TEST_F(KeyChecksTest, ARoleThatMayNotListEnvironmentsHasAGoodKey) {
  EXPECT_TRUE(Answer(Verdict::kForbidden, "403"));
  EXPECT_TRUE(State().good);
  EXPECT_EQ(State().error, "");
}

TEST_F(KeyChecksTest, DoubtsAreLookedIntoSoonButNotAllTheTime) {
  EXPECT_TRUE(Answer(Verdict::kDone));
  EXPECT_TRUE(checks_.WasJustGood("bigpanda", now_ + absl::Seconds(59)));
  EXPECT_FALSE(checks_.WasJustGood("bigpanda", now_ + absl::Seconds(60)));
  checks_.Ask("bigpanda", now_);
  EXPECT_TRUE(checks_.Due(now_ + absl::Seconds(1)).empty());
  EXPECT_EQ(checks_.Due(now_ + absl::Seconds(2)).size(), 1U);
}

TEST_F(KeyChecksTest, AChangedKeyIsCheckedAtOnceAndTheOldOnesAnswerIsNot) {
  const auto old = checks_.Due(now_);
  config_["bigpanda"].api_key = "two";
  checks_.SetSources(config_, now_);
  const auto anew = checks_.Due(now_);
  ASSERT_EQ(anew.size(), 1U);
  EXPECT_EQ(anew[0].source.api_key, "two");
  EXPECT_FALSE(checks_.Answered(old.at(0), {Verdict::kBadKey, "401"}, now_));
  EXPECT_EQ(State().error, "was not checked yet");
  EXPECT_TRUE(checks_.Answered(anew[0], {Verdict::kDone, ""}, now_));
  EXPECT_TRUE(State().good);
  checks_.SetSources(config_, now_);
  EXPECT_TRUE(State().good) << "nothing changed";
  checks_.SetSources({}, now_);
  EXPECT_TRUE(checks_.states().empty());
}

}  // namespace
}  // namespace incidenthub
