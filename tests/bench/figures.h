// What a benchmark measured: named figures, each once a round, and what is said of them over all
// rounds.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_FIGURES_H_
#define INCIDENTHUB_TESTS_BENCH_FIGURES_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace incidenthub::bench {

// What a figure should be, by ARCHITECTURE.md's budgets.
struct Budget {
  enum class Bound { kAtLeast, kAtMost };
  Bound bound = Bound::kAtLeast;
  double value = 0;
};

struct Figure {
  // `webhooks_64`: unique, and its name in the JSON.
  std::string name;
  // For people: what was done.
  std::string what;
  // `a second`, `us`, `MiB`; empty for a ratio.
  std::string unit;
  // Heading of the table that it stands in.
  std::string section;
  // One value a round, in the order of the rounds.
  std::vector<double> rounds;
  std::optional<Budget> budget;

  double Min() const;
  // Of an even number of rounds the lower one of the two in the middle: one that was measured.
  double Median() const;
  double Max() const;
  // Whether the median keeps to the budget; true without one.
  bool WithinBudget() const;
};

class Figures {
 public:
  // Figures that are added from now on stand under this heading.
  void BeginSection(absl::string_view heading);

  // The next round's value of a figure. `what` and `unit` count the first time.
  void Add(absl::string_view name, absl::string_view what, absl::string_view unit, double value);

  // A figure of two others, round by round, under the current heading; nothing where one of them
  // was not measured. REQUIRES: both have as many rounds.
  void AddRatio(absl::string_view name, absl::string_view what, absl::string_view numerator,
                absl::string_view denominator);

  // Nothing where that figure was not measured.
  void SetBudget(absl::string_view name, Budget budget);

  // Null: not measured.
  const Figure* Find(absl::string_view name) const;
  const std::vector<Figure>& all() const { return figures_; }

  // A table a section: median, min and max over the rounds, and the budget.
  std::string ToMarkdown() const;
  // {"webhooks_64":{"what":...,"unit":...,"section":...,"rounds":[...],"median":...,"min":...,
  // "max":...,"budget":{"at_least":0.5,"kept":true}},...}
  std::string ToJson() const;

 private:
  Figure* FindMutable(absl::string_view name);

  std::vector<Figure> figures_;
  std::string section_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_FIGURES_H_
