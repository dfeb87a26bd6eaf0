#include "tests/bench/figures.h"

#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace incidenthub::bench {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Figures ThreeRounds() {
  Figures figures;
  figures.BeginSection("Throughput");
  for (const double value : {300.0, 100.0, 200.0})
    figures.Add("ours", "our own", "a second", value);
  for (const double value : {600.0, 400.0, 100.0}) figures.Add("bare", "a \"bare\" one", "", value);
  figures.BeginSection("Ratios");
  figures.AddRatio("ratio", "ours / bare", "ours", "bare");
  return figures;
}

TEST(FiguresTest, AFigureHasItsLeastMiddleAndGreatestRound) {
  const Figures figures = ThreeRounds();
  const Figure* ours = figures.Find("ours");
  ASSERT_NE(ours, nullptr);
  EXPECT_THAT(ours->rounds, ElementsAre(300, 100, 200));
  EXPECT_EQ(ours->Min(), 100);
  EXPECT_EQ(ours->Median(), 200);
  EXPECT_EQ(ours->Max(), 300);
  Figure even = *ours;
  even.rounds = {4, 1, 2, 3};
  EXPECT_EQ(even.Median(), 2) << "one that was measured";
}

TEST(FiguresTest, RatiosAreOfOneRoundNotOfMedians) {
  const Figures figures = ThreeRounds();
  const Figure* ratio = figures.Find("ratio");
  ASSERT_NE(ratio, nullptr);
  EXPECT_THAT(ratio->rounds,
              ElementsAre(DoubleNear(0.5, 1e-9), DoubleNear(0.25, 1e-9), DoubleNear(2, 1e-9)));
  EXPECT_EQ(ratio->section, "Ratios");
}

TEST(FiguresTest, WhatWasNotMeasuredHasNoRatioAndNoBudget) {
  Figures figures = ThreeRounds();
  figures.AddRatio("other", "", "ours", "nobody");
  figures.SetBudget("nobody", {Budget::Bound::kAtLeast, 1});
  EXPECT_EQ(figures.Find("other"), nullptr);
  EXPECT_EQ(figures.Find("nobody"), nullptr);
}

TEST(FiguresTest, ABudgetIsKeptByTheMedianOrMissed) {
  Figures figures = ThreeRounds();
  figures.SetBudget("ratio", {Budget::Bound::kAtLeast, 0.5});
  EXPECT_TRUE(figures.Find("ratio")->WithinBudget());
  EXPECT_THAT(figures.ToMarkdown(), HasSubstr("kept"));
  EXPECT_THAT(figures.ToMarkdown(), Not(HasSubstr("missed")));
  figures.SetBudget("ratio", {Budget::Bound::kAtLeast, 0.51});
  EXPECT_FALSE(figures.Find("ratio")->WithinBudget());
  EXPECT_THAT(figures.ToMarkdown(), HasSubstr("**missed**"));
  figures.SetBudget("ratio", {Budget::Bound::kAtMost, 0.49});
  EXPECT_FALSE(figures.Find("ratio")->WithinBudget());
}

TEST(FiguresTest, MarkdownHasATableASection) {
  const std::string text = ThreeRounds().ToMarkdown();
  EXPECT_THAT(text, HasSubstr("## Throughput"));
  EXPECT_THAT(text, HasSubstr("| our own | a second | 200 | 100 | 300 |  |"));
  EXPECT_THAT(text, HasSubstr("## Ratios"));
  EXPECT_THAT(text, HasSubstr("| ours / bare |  | 0.50 | 0.25 | 2.00 |  |"));
}

TEST(FiguresTest, JsonIsReadBackAsItWas) {
  Figures figures = ThreeRounds();
  figures.SetBudget("ratio", {Budget::Bound::kAtLeast, 0.9});
  google::protobuf::Struct read;
  const std::string json = figures.ToJson();
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &read).ok()) << json;
  ASSERT_EQ(read.fields().size(), 3);
  const auto& bare = read.fields().at("bare").struct_value().fields();
  EXPECT_EQ(bare.at("what").string_value(), "a \"bare\" one");
  EXPECT_EQ(bare.at("section").string_value(), "Throughput");
  ASSERT_EQ(bare.at("rounds").list_value().values_size(), 3);
  EXPECT_EQ(bare.at("rounds").list_value().values(1).number_value(), 400);
  EXPECT_EQ(bare.at("median").number_value(), 400);
  EXPECT_EQ(bare.at("min").number_value(), 100);
  EXPECT_EQ(bare.at("max").number_value(), 600);
  const auto& ratio = read.fields().at("ratio").struct_value().fields();
  EXPECT_EQ(ratio.at("budget").struct_value().fields().at("at_least").number_value(), 0.9);
  EXPECT_FALSE(ratio.at("budget").struct_value().fields().at("kept").bool_value());
}

}  // namespace
}  // namespace incidenthub::bench
