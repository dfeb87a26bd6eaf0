#include "server/domain/matcher.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace incidenthub {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::HasCode;
using testing::HasReason;
using ::testing::HasSubstr;
using Texts = std::vector<std::string>;

// An incident with a value for every label, and some with two.
v1::Incident FullIncident() {
  v1::Incident incident;
  incident.set_id("inc-1");
  incident.set_state(v1::STATE_ACKNOWLEDGED);
  incident.set_status(v1::STATUS_WARNING);
  incident.set_severity(v1::STATUS_CRITICAL);
  incident.mutable_environment()->set_id("env-7");
  incident.mutable_environment()->set_name("Production EU");
  incident.set_source("bigpanda");
  incident.set_active(true);
  incident.set_flapping(false);
  incident.mutable_snooze()->set_snoozed(true);
  incident.mutable_assignee()->set_name("Robin Doe");
  incident.mutable_assignee()->set_email("robin@example.com");
  incident.mutable_assignee()->set_user_id("u1");
  const auto add_tag = [](v1::Tag* tag, const char* name, const char* text) {
    tag->set_name(name);
    tag->set_text(text);
  };
  add_tag(incident.add_tags(), "team", "db");
  add_tag(incident.add_tags(), "team", "storage");
  add_tag(incident.add_tags(), "two words", "a \"b\"\nd");
  v1::Alert* alert = incident.add_alerts();
  alert->set_status(v1::STATUS_OK);
  alert->set_source_system("nagios.est");
  add_tag(alert->add_tags(), "host", "db-1");
  alert = incident.add_alerts();
  alert->set_status(v1::STATUS_CRITICAL);
  alert->set_source_system("zabbix");
  add_tag(alert->add_tags(), "host", "web-1");
  return incident;
}

bool Matches(const Texts& texts, const v1::Incident& incident = FullIncident()) {
  const auto matchers = Matchers::Parse(texts);
  EXPECT_OK(matchers) << (texts.empty() ? "" : texts[0]);
  return matchers.ok() && matchers->Matches(IncidentLabels(incident));
}

Texts Canonical(const Texts& texts) {
  const auto matchers = Matchers::Parse(texts);
  EXPECT_OK(matchers);
  return matchers.ok() ? matchers->canonical() : Texts();
}

TEST(MatcherTest, NoMatchersMatchEverything) {
  EXPECT_TRUE(Matches({}));
  EXPECT_TRUE(Matchers().empty());
  EXPECT_EQ(Matchers().hash(), 0U);
}

struct LabelCase {
  const char* label;
  const char* value;
  // As good a value that the incident does not have.
  const char* other;
};

class MatcherLabelTest : public ::testing::TestWithParam<LabelCase> {};

TEST_P(MatcherLabelTest, EveryOperatorAgreesWithTheIncident) {
  const auto& [label, value, other] = GetParam();
  const auto matches = [label = label](const char* op, const std::string& text) {
    return Matches({absl::StrCat(label, op, "\"", text, "\"")});
  };
  EXPECT_TRUE(matches("=", value));
  EXPECT_FALSE(matches("=", other));
  EXPECT_FALSE(matches("!=", value));
  EXPECT_TRUE(matches("!=", other));
  EXPECT_TRUE(matches("=~", absl::StrCat(value, "|", other)));
  EXPECT_FALSE(matches("=~", absl::StrCat("(", other, ")")));
  EXPECT_FALSE(matches("!~", absl::StrCat(value, "|", other)));
  EXPECT_TRUE(matches("!~", absl::StrCat("(", other, ")")));
}

TEST_P(MatcherLabelTest, OfAnIncidentWithoutItIsTheEmptyString) {
  const std::string label = GetParam().label;
  if (label == "state") return;  // Every incident has one, and "" is no word for it.
  EXPECT_TRUE(Matches({absl::StrCat(label, "=\"\"")}, {}));
  EXPECT_FALSE(Matches({absl::StrCat(label, "!=\"\"")}, {}));
  EXPECT_TRUE(Matches({absl::StrCat(label, "=~\".*\"")}, {}));
  EXPECT_FALSE(Matches({absl::StrCat(label, "=~\".+\"")}, {}));
  EXPECT_FALSE(Matches({absl::StrCat(label, "=\"\"")}));
}

INSTANTIATE_TEST_SUITE_P(
    Labels, MatcherLabelTest,
    ::testing::Values(
        LabelCase{"id", "inc-1", "inc-2"}, LabelCase{"state", "acknowledged", "open"},
        LabelCase{"status", "warning", "critical"}, LabelCase{"severity", "critical", "warning"},
        LabelCase{"environment", "Production EU", "Production"},
        LabelCase{"environment_id", "env-7", "env-8"}, LabelCase{"source", "bigpanda", "apono"},
        LabelCase{"source_system", "zabbix", "zabbi"}, LabelCase{"active", "true", "false"},
        LabelCase{"flapping", "false", "true"}, LabelCase{"snoozed", "true", "false"},
        LabelCase{"assignee", "Robin Doe", "Robin"},
        LabelCase{"assignee", "robin@example.com", "u2"}, LabelCase{"assignee", "u1", "u2"},
        LabelCase{"alert_status", "ok", "warning"},
        LabelCase{"alert_status", "critical", "warning"}, LabelCase{"tag.team", "db", "web"},
        LabelCase{"tag.team", "storage", "web"},
        LabelCase{"tag.\"two words\"", R"(a \"b\"\nd)", "a"},
        LabelCase{"alert_tag.host", "web-1", "web-2"}),
    [](const auto& tested) { return absl::StrCat("Case", tested.index); });

TEST(MatcherTest, AllMatchersHaveToMatch) {
  EXPECT_TRUE(Matches({"state=acknowledged", "tag.team=db", "alert_tag.host=~db-.*"}));
  EXPECT_FALSE(Matches({"state=acknowledged", "tag.team=web", "alert_tag.host=~db-.*"}));
  EXPECT_FALSE(Matches({"tag.team=db", "tag.team!=storage"})) << "one of its teams is storage";
}

TEST(MatcherTest, ExpressionsMatchTheWholeValueAndNewlinesToo) {
  EXPECT_FALSE(Matches({"id=~inc"}));
  EXPECT_FALSE(Matches({"id=~inc|1"}));
  EXPECT_TRUE(Matches({"id=~inc.*"}));
  EXPECT_TRUE(Matches({R"(id=~inc-\d)"})) << "without quotes a backslash is itself";
  EXPECT_TRUE(Matches({R"(id=~"inc-\\d")"}));
  EXPECT_TRUE(Matches({R"(tag."two words"=~a.*d)"}));
}

TEST(MatcherTest, AStatusThatIsNoneOfOursHasNoWord) {
  v1::Incident incident;
  incident.set_status_text("Paused");
  EXPECT_TRUE(Matches({"status=\"\""}, incident));
}

TEST(MatcherTest, TheCanonicalFormIsQuotedSortedAndHasEachOnce) {
  EXPECT_THAT(Canonical({"tag.team =~ db|web", " state=open ", "state=\"open\"", "id != \"\""}),
              ElementsAre("id!=\"\"", "state=\"open\"", "tag.team=~\"db|web\""));
  EXPECT_THAT(Canonical({R"(tag."a b"!~"x\"\\\\\n")"}), ElementsAre(R"(tag."a b"!~"x\"\\\\\n")"));
  EXPECT_THAT(Canonical({R"(tag."plain"=1)"}), ElementsAre("tag.plain=\"1\""));
  EXPECT_THAT(Canonical({R"(id=~a\d)"}), ElementsAre(R"(id=~"a\\d")"));
}

TEST(MatcherTest, ACanonicalFormIsItsOwn) {
  for (const Texts& texts :
       {Texts{"state=open"}, Texts{R"(tag."a=b" !~ "\\d+\n\"")", "severity!=ok"},
        Texts{"tag.a.b-c/ü=\"ü\tx\"", "alert_tag.host=~\"\"", "id=a!b"},
        Texts{R"(tag."x\"y\\z\n"="")", R"(tag.back\slash=1)"}}) {
    const Texts once = Canonical(texts);
    EXPECT_EQ(Canonical(once), once);
  }
}

TEST(MatcherTest, TheHashDependsOnTheCanonicalFormAlone) {
  const auto hash = [](const Texts& texts) { return Matchers::Parse(texts)->hash(); };
  EXPECT_EQ(hash({"id=a", "state=open"}), hash({"state=\"open\"", "id = a", "id=a"}));
  EXPECT_NE(hash({"state=open"}), hash({"state!=open"}));
  EXPECT_NE(hash({"id=a", "id=b"}), hash({"id=ab"}));
}

// Tokens out there hold these numbers.
TEST(MatcherTest, TheHashIsTheSameInEveryVersion) {
  const auto hash = [](const Texts& texts) { return Matchers::Parse(texts)->hash(); };
  EXPECT_EQ(hash({"state=open"}), 0x3e00d823e41b37adU);
  EXPECT_EQ(hash({"tag.team=~db|web", "severity=critical"}), 0xa806dece65a5ccdaU);
}

struct ErrorCase {
  std::string text;
  size_t position;
  std::string expected;
};

class MatcherErrorTest : public ::testing::TestWithParam<ErrorCase> {};

TEST_P(MatcherErrorTest, NamesTheFieldThePositionAndWhatWasExpected) {
  const auto& [text, position, expected] = GetParam();
  const auto matchers = Matchers::Parse({"state=open", text});
  ASSERT_THAT(matchers,
              AllOf(HasCode(absl::StatusCode::kInvalidArgument), HasReason("MATCHER_INVALID")));
  EXPECT_THAT(matchers.status().message(),
              AllOf(HasSubstr(absl::StrCat("matchers[1]: at byte ", position, " of")),
                    HasSubstr(expected)));
}

INSTANTIATE_TEST_SUITE_P(
    Errors, MatcherErrorTest,
    ::testing::Values(
        ErrorCase{"", 0, "expected a label, one of id, state"},
        ErrorCase{"  ", 2, "expected a label"}, ErrorCase{"stat=open", 0, "expected a label"},
        ErrorCase{"  State=open", 2, "expected a label"}, ErrorCase{"tags.team=db", 0, "tag.NAME"},
        ErrorCase{"{state=open}", 0, "expected a label"},
        ErrorCase{"tag.=x", 4, "expected the tag's name"},
        ErrorCase{"tag.\"\"=x", 4, "expected the tag's name"},
        ErrorCase{"alert_tag.\"a=x", 10, "not closed"},
        ErrorCase{"state", 5, "expected one of = != =~ !~"},
        ErrorCase{"state > open", 6, "expected one of"},
        ErrorCase{"state ~ open", 6, "expected one of"}, ErrorCase{"state=", 6, "expected a value"},
        ErrorCase{"state == open", 7, "expected a value"},
        ErrorCase{"id=~=x", 4, "expected a value"}, ErrorCase{"id=,", 3, "expected a value"},
        ErrorCase{"state=opne", 6, "expected one of open, acknowledged, resolved"},
        ErrorCase{"state=OPEN", 6, "expected one of open"},
        ErrorCase{"state=\"\"", 6, "expected one of open"},
        ErrorCase{"severity!= bad", 11,
                  "expected one of ok, unknown, warning, critical, acknowledged, \"\""},
        ErrorCase{"state=~op", 7, "an expression for some of open, acknowledged, resolved"},
        ErrorCase{"active=yes", 7, "expected one of true, false, \"\""},
        ErrorCase{"environment=Production EU", 23, "expected the end"},
        ErrorCase{"id=a,id=b", 4, "expected the end"},
        ErrorCase{"id=\"a\"b", 6, "expected the end"}, ErrorCase{"id=a\"", 4, "expected the end"},
        ErrorCase{"id=\"a", 3, "not closed"},
        ErrorCase{"id=\"a\\", 5, "expected \\\", \\\\ or \\n"},
        ErrorCase{"id=\"a\\d\"", 5, "expected \\\""},
        ErrorCase{"id=~\"(\"", 4, "expected an RE2 expression: missing )"},
        ErrorCase{"id=~(?=x)", 4, "expected an RE2 expression"},
        ErrorCase{"id=~((a{100}){100}){100}", 4, "expected an RE2 expression: "},
        ErrorCase{"id=~(\\pL{300}){3}", 4, "expected an RE2 expression: pattern too large"},
        ErrorCase{absl::StrCat("id=", std::string(kMatcherBytesMax, 'x')), kMatcherBytesMax,
                  "it has 1027 bytes; allowed are 1024"}),
    [](const auto& tested) { return absl::StrCat("Case", tested.index); });

TEST(MatcherTest, TooManyAreRefusedAndTheMostAreNot) {
  Texts texts(kMatchersMax, "state=open");
  EXPECT_OK(Matchers::Parse(texts));
  texts.emplace_back("state=open");
  const auto matchers = Matchers::Parse(texts);
  EXPECT_THAT(matchers,
              AllOf(HasCode(absl::StatusCode::kInvalidArgument), HasReason("MATCHER_INVALID")));
  EXPECT_THAT(matchers.status().message(), HasSubstr("there are 33; allowed are 32"));
}

TEST(MatcherTest, AMatcherAtTheBoundIsTaken) {
  const std::string text = absl::StrCat("id=", std::string(kMatcherBytesMax - 3, 'x'));
  EXPECT_OK(Matchers::Parse({text}));
}

TEST(MatcherTest, WhatIsEchoedInAnErrorIsShort) {
  const auto matchers = Matchers::Parse({absl::StrCat("id=~(", std::string(1000, 'x'))});
  ASSERT_FALSE(matchers.ok());
  EXPECT_LT(matchers.status().message().size(), 1000U);
}

}  // namespace
}  // namespace incidenthub
