#include "server/domain/incident_labels.h"

#include <cctype>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace incidenthub {
namespace {

using ::testing::ElementsAre;

// All values of a label, in the order asked.
std::vector<std::string> ValuesOf(const IncidentLabels& labels, Label label,
                                  absl::string_view name = "") {
  std::vector<std::string> values;
  labels.Any(label, name, [&values](absl::string_view value) {
    values.emplace_back(value);
    return false;
  });
  return values;
}

void AddTag(const std::string& name, const std::string& text, v1::Tag* tag) {
  tag->set_name(name);
  tag->set_text(text);
}

TEST(IncidentLabelsTest, ValuesAreFoundByLabelAndNameEachOnce) {
  v1::Incident incident;
  incident.set_id("i");
  incident.set_state(v1::STATE_RESOLVED);
  AddTag("b", "2", incident.add_tags());
  AddTag("a", "1", incident.add_tags());
  AddTag("b", "1", incident.add_tags());
  AddTag("b", "2", incident.add_tags());
  AddTag("", "nameless", incident.add_tags());
  AddTag("b", "alert's", incident.add_alerts()->add_tags());
  const IncidentLabels labels(incident);
  EXPECT_EQ(labels.id(), "i");
  EXPECT_EQ(labels.state(), v1::STATE_RESOLVED);
  EXPECT_THAT(ValuesOf(labels, Label::kTag, "b"), ElementsAre("1", "2"));
  EXPECT_THAT(ValuesOf(labels, Label::kTag, "a"), ElementsAre("1"));
  EXPECT_THAT(ValuesOf(labels, Label::kTag, "c"), ElementsAre(""));
  EXPECT_THAT(ValuesOf(labels, Label::kAlertTag, "b"), ElementsAre("alert's"));
  EXPECT_THAT(ValuesOf(labels, Label::kId), ElementsAre("i"));
}

TEST(IncidentLabelsTest, AnEmptyTagStandsBesideOthersOfItsName) {
  v1::Incident incident;
  AddTag("a", "", incident.add_tags());
  AddTag("a", "1", incident.add_tags());
  EXPECT_THAT(ValuesOf(IncidentLabels(incident), Label::kTag, "a"), ElementsAre("", "1"));
}

TEST(IncidentLabelsTest, AlertsThatSayTheSameCostNothing) {
  v1::Incident one;
  AddTag("host", std::string(100, 'h'), one.add_alerts()->add_tags());
  v1::Incident many;
  for (int i = 0; i < 300; ++i) {
    AddTag("host", std::string(100, 'h'), many.add_alerts()->add_tags());
  }
  EXPECT_EQ(IncidentLabels(many).bytes(), IncidentLabels(one).bytes());
}

TEST(IncidentLabelsTest, EveryValueOfTheEnumsHasAWordOfItsOwn) {
  for (int i = v1::State_MIN + 1; i <= v1::State_MAX; ++i) {
    v1::State parsed = v1::STATE_UNSPECIFIED;
    std::string word(StateWord(static_cast<v1::State>(i)));
    for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_TRUE(v1::State_Parse(absl::StrCat("STATE_", word), &parsed)) << i;
    EXPECT_EQ(parsed, i);
  }
  for (int i = v1::Status_MIN + 1; i <= v1::Status_MAX; ++i) {
    v1::Status parsed = v1::STATUS_UNSPECIFIED;
    std::string word(StatusWord(static_cast<v1::Status>(i)));
    for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    EXPECT_TRUE(v1::Status_Parse(absl::StrCat("STATUS_", word), &parsed)) << i;
    EXPECT_EQ(parsed, i);
  }
  EXPECT_EQ(StateWord(v1::STATE_UNSPECIFIED), "");
  EXPECT_EQ(StatusWord(v1::STATUS_UNSPECIFIED), "");
}

}  // namespace
}  // namespace incidenthub
