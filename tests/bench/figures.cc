#include "tests/bench/figures.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace incidenthub::bench {
namespace {

// Three significant digits, more only before the point.
std::string Text(double value) {
  const double size = std::abs(value);
  if (size >= 100 || size == 0) return absl::StrFormat("%.0f", value);
  if (size >= 10) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.2f", value);
}

std::string Text(const Budget& budget) {
  return absl::StrCat(budget.bound == Budget::Bound::kAtLeast ? "≥ " : "≤ ", Text(budget.value));
}

std::string Row(const Figure& figure) {
  std::string budget;
  if (figure.budget.has_value()) {
    budget = absl::StrCat(Text(*figure.budget), figure.WithinBudget() ? ", kept" : ", **missed**");
  }
  return absl::StrCat("| ", figure.what, " | ", figure.unit, " | ", Text(figure.Median()), " | ",
                      Text(figure.Min()), " | ", Text(figure.Max()), " | ", budget, " |\n");
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

}  // namespace

double Figure::Min() const { return *std::min_element(rounds.begin(), rounds.end()); }

double Figure::Max() const { return *std::max_element(rounds.begin(), rounds.end()); }

double Figure::Median() const {
  std::vector<double> sorted = rounds;
  std::sort(sorted.begin(), sorted.end());
  return sorted[(sorted.size() - 1) / 2];
}

bool Figure::WithinBudget() const {
  if (!budget.has_value()) return true;
  return budget->bound == Budget::Bound::kAtLeast ? Median() >= budget->value
                                                  : Median() <= budget->value;
}

void Figures::BeginSection(absl::string_view heading) { section_ = std::string(heading); }

void Figures::Add(absl::string_view name, absl::string_view what, absl::string_view unit,
                  double value) {
  Figure* figure = FindMutable(name);
  if (figure == nullptr) {
    figure = &figures_.emplace_back();
    figure->name = std::string(name);
    figure->what = std::string(what);
    figure->unit = std::string(unit);
    figure->section = section_;
  }
  figure->rounds.push_back(value);
}

void Figures::AddRatio(absl::string_view name, absl::string_view what, absl::string_view numerator,
                       absl::string_view denominator) {
  const Figure* above = Find(numerator);
  const Figure* below = Find(denominator);
  if (above == nullptr || below == nullptr) return;
  // Copies: adding moves what they point to.
  const std::vector<double> of_above = above->rounds;
  const std::vector<double> of_below = below->rounds;
  for (size_t i = 0; i < std::min(of_above.size(), of_below.size()); ++i) {
    if (of_below[i] > 0) Add(name, what, "", of_above[i] / of_below[i]);
  }
}

void Figures::SetBudget(absl::string_view name, Budget budget) {
  if (Figure* figure = FindMutable(name); figure != nullptr) figure->budget = budget;
}

const Figure* Figures::Find(absl::string_view name) const {
  const auto found = std::find_if(figures_.begin(), figures_.end(),
                                  [name](const Figure& figure) { return figure.name == name; });
  return found == figures_.end() ? nullptr : &*found;
}

Figure* Figures::FindMutable(absl::string_view name) {
  return const_cast<Figure*>(Find(name));  // NOLINT(cppcoreguidelines-pro-type-const-cast): ours
}

std::string Figures::ToMarkdown() const {
  std::string text;
  std::vector<std::string> sections;
  for (const Figure& figure : figures_) {
    if (std::find(sections.begin(), sections.end(), figure.section) == sections.end()) {
      sections.push_back(figure.section);
    }
  }
  for (const std::string& section : sections) {
    absl::StrAppend(&text, "\n## ", section,
                    "\n\n| What | Unit | Median | Min | Max | Budget |\n| --- | --- | ---: | ---: "
                    "| ---: | --- |\n");
    for (const Figure& figure : figures_) {
      if (figure.section == section) absl::StrAppend(&text, Row(figure));
    }
  }
  return text;
}

std::string Figures::ToJson() const {
  std::vector<std::string> members;
  for (const Figure& figure : figures_) {
    const std::string rounds = absl::StrJoin(
        figure.rounds, ",",
        [](std::string* out, double value) { absl::StrAppendFormat(out, "%.6g", value); });
    std::string member = absl::StrCat(
        Quoted(figure.name), ":{\"what\":", Quoted(figure.what), ",\"unit\":", Quoted(figure.unit),
        ",\"section\":", Quoted(figure.section), ",\"rounds\":[", rounds, "],\"median\":");
    absl::StrAppendFormat(&member, "%.6g,\"min\":%.6g,\"max\":%.6g", figure.Median(), figure.Min(),
                          figure.Max());
    if (figure.budget.has_value()) {
      absl::StrAppendFormat(
          &member, ",\"budget\":{\"%s\":%.6g,\"kept\":%s}",
          figure.budget->bound == Budget::Bound::kAtLeast ? "at_least" : "at_most",
          figure.budget->value, figure.WithinBudget() ? "true" : "false");
    }
    member += "}";
    members.push_back(std::move(member));
  }
  return absl::StrCat("{", absl::StrJoin(members, ",\n "), "}\n");
}

}  // namespace incidenthub::bench
