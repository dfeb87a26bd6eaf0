// The hot path takes no more instructions than instruction_budget.txt says: a measure that is the
// same on a busy machine. Whoever makes a step dearer by more than a tenth has to say so there.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace incidenthub::bench {
namespace {

constexpr char kBudgets[] = INCIDENTHUB_SOURCE_DIR "/tests/bench/instruction_budget.txt";
constexpr char kValgrind[] = "/usr/bin/valgrind";
// A run takes 15 seconds.
constexpr absl::Duration kPatience = absl::Minutes(3);
constexpr double kGrowthMax = 1.1;

// By step: instructions for one webhook, or event.
using Instructions = std::map<std::string, int64_t>;

// Of lines of a name and a number; what follows # is for people.
Instructions ReadBudgets() {
  Instructions budgets;
  std::ifstream file(kBudgets);
  for (std::string line; std::getline(file, line);) {
    const std::string said = line.substr(0, line.find('#'));
    const std::vector<std::string> words = absl::StrSplit(said, ' ', absl::SkipEmpty());
    int64_t number = 0;
    if (words.empty()) continue;
    EXPECT_TRUE(words.size() == 2 && absl::SimpleAtoi(words[1], &number)) << line;
    budgets[words[0]] = number;
  }
  return budgets;
}

// Of one dump of callgrind's, which has the step's name and the number of webhooks in what asked
// for it, and the instructions of all threads in `totals`.
void AddDump(const std::filesystem::path& path, Instructions* counted) {
  std::string name;
  int64_t webhooks = 0;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    absl::string_view rest = line;
    int64_t total = 0;
    if (absl::ConsumePrefix(&rest, "desc: Trigger: Client Request: ")) {
      const std::pair<std::string, std::string> said = absl::StrSplit(rest, ' ');
      name = said.first;
      ASSERT_TRUE(absl::SimpleAtoi(said.second, &webhooks) && webhooks > 0) << line;
    } else if (absl::ConsumePrefix(&rest, "totals: ") && !name.empty()) {
      ASSERT_TRUE(absl::SimpleAtoi(rest, &total)) << line;
      (*counted)[name] = total / webhooks;
    }
  }
}

Instructions CountInstructions() {
  const testing::TempDir directory;
  Instructions counted;
  const auto run = testing::RunProcess(
      // The code for one kind of processor, whatever this one is.
      {"/usr/bin/env", "SIMDJSON_FORCE_IMPLEMENTATION=westmere", kValgrind, "--tool=callgrind",
       absl::StrCat("--callgrind-out-file=", directory.path(), "/dump"), INCIDENTHUB_INSTRUCTIONS},
      kPatience);
  EXPECT_TRUE(run.ok()) << run.status();
  if (!run.ok()) return counted;
  EXPECT_EQ(run->exit_code, 0) << run->err;
  for (const auto& file : std::filesystem::directory_iterator(directory.path())) {
    AddDump(file.path(), &counted);
  }
  return counted;
}

TEST(InstructionBudgetTest, NoStepOfAWebhooksWayGrowsUnsaid) {
  ASSERT_TRUE(std::filesystem::exists(kValgrind)) << "is not there; see .ci/packages.txt";
  const Instructions budgets = ReadBudgets();
  ASSERT_FALSE(budgets.empty()) << kBudgets;
  const Instructions counted = CountInstructions();
  std::string lines;
  for (const auto& [name, count] : counted) absl::StrAppendFormat(&lines, "%s %d\n", name, count);
  SCOPED_TRACE(absl::StrCat("as counted now, for ", kBudgets, ":\n", lines));
  for (const auto& [name, budget] : budgets) {
    const auto found = counted.find(name);
    ASSERT_NE(found, counted.end()) << name << " was not run";
    EXPECT_LE(static_cast<double>(found->second), kGrowthMax * static_cast<double>(budget)) << name;
    // No failure: another processor may take other ways through the libraries.
    if (static_cast<double>(found->second) * kGrowthMax < static_cast<double>(budget)) {
      std::cout << name << " takes " << found->second << " instead of " << budget
                << ": lower its budget, so that the gain is not used up unseen\n";
    }
  }
  EXPECT_EQ(counted.size(), budgets.size()) << "a step has no budget";
}

}  // namespace
}  // namespace incidenthub::bench
