#include "tests/support/metrics_text.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gtest/gtest.h"

namespace incidenthub::testing {
namespace {

constexpr char kTableHead[] = "| Metric | Type | Labels | Meaning |\n";

class Reader {
 public:
  Scrape Read(absl::string_view text) {
    for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      if (absl::StartsWith(line, "# ")) {
        Comment(line.substr(2));
      } else {
        Sample(line);
      }
    }
    for (const auto& [name, family] : scrape_.families) {
      if (family.series.empty()) Complain(name, "has no series");
      if (family.help.empty()) Complain(name, "has no HELP");
      if (family.type == "counter" && !absl::EndsWith(name, "_total")) {
        Complain(name, "is a counter whose name does not end in _total");
      }
    }
    CheckBuckets();
    return std::move(scrape_);
  }

 private:
  void Complain(absl::string_view what, absl::string_view wrong) {
    absl::StrAppend(&scrape_.complaints, what, " ", wrong, "\n");
  }

  void Comment(absl::string_view comment) {
    const std::vector<std::string> words = absl::StrSplit(comment, absl::MaxSplits(' ', 2));
    if (words.size() != 3) return Complain(comment, "is no comment of the format");
    if (words[0] == "HELP") {
      if (!scrape_.families.try_emplace(words[1]).second) Complain(words[1], "is there twice");
      current_ = words[1];
      scrape_.families[current_].help = words[2];
    } else if (words[0] != "TYPE" || words[1] != current_) {
      Complain(comment, "is no TYPE after its HELP");
    } else {
      scrape_.families[current_].type = words[2];
    }
  }

  // Takes a label off the front of `*text`; false: there is none.
  static bool TakeLabel(absl::string_view* text, std::string* name, std::string* value) {
    absl::ConsumePrefix(text, ",");
    const size_t equals = text->find("=\"");
    if (equals == absl::string_view::npos) return false;
    *name = std::string(text->substr(0, equals));
    text->remove_prefix(equals + 2);
    value->clear();
    while (!text->empty() && text->front() != '"') {
      if (text->front() == '\\') text->remove_prefix(1);
      value->push_back(text->front());
      text->remove_prefix(1);
    }
    return absl::ConsumePrefix(text, "\"");
  }

  void Sample(absl::string_view line) {
    const size_t space = line.rfind(' ');
    double value = 0;
    if (space == absl::string_view::npos || !absl::SimpleAtod(line.substr(space + 1), &value)) {
      return Complain(line, "has no value");
    }
    const std::string series(line.substr(0, space));
    const absl::string_view name = absl::string_view(series).substr(0, series.find('{'));
    auto& family = scrape_.families[current_];
    const bool is_histogram = family.type == "histogram";
    const bool fits = is_histogram ? name == current_ + "_bucket" || name == current_ + "_sum" ||
                                         name == current_ + "_count"
                                   : name == current_;
    if (!fits) return Complain(series, absl::StrCat("does not belong to ", current_));
    if (!family.series.emplace(series, value).second) Complain(series, "is there twice");
    std::string others;
    std::optional<std::string> bound;
    if (name.size() < series.size()) {
      absl::string_view labels = absl::string_view(series).substr(name.size() + 1);
      std::string label;
      std::string label_value;
      while (TakeLabel(&labels, &label, &label_value)) {
        if (is_histogram && label == "le") {
          bound = label_value;
          continue;
        }
        family.labels.insert(label);
        absl::StrAppend(&others, label, "=", label_value, ",");
      }
      if (labels != "}") Complain(series, "has labels that cannot be read");
    }
    if (!is_histogram) return;
    Buckets& buckets = buckets_[absl::StrCat(current_, "{", others)];
    if (absl::EndsWith(name, "_sum")) buckets.sum = value;
    if (absl::EndsWith(name, "_count")) buckets.count = value;
    if (bound.has_value()) {
      double number = 0;
      if (!absl::SimpleAtod(*bound, &number)) Complain(series, "has no number for a bound");
      buckets.counts.emplace_back(number, value);
    }
  }

  void CheckBuckets() {
    for (const auto& [name, buckets] : buckets_) {
      for (size_t i = 1; i < buckets.counts.size(); ++i) {
        if (buckets.counts[i].first <= buckets.counts[i - 1].first) {
          Complain(name, "has bounds that do not ascend");
        }
        if (buckets.counts[i].second < buckets.counts[i - 1].second) {
          Complain(name, "has buckets that are not cumulative");
        }
      }
      if (buckets.counts.empty() || buckets.counts.back().first < 1e300 ||
          buckets.counts.back().second != buckets.count) {
        Complain(name, "has no bucket +Inf that equals its count");
      }
      if (!buckets.sum.has_value()) Complain(name, "has no sum");
    }
  }

  struct Buckets {
    std::vector<std::pair<double, double>> counts;
    double count = -1;
    std::optional<double> sum;
  };

  Scrape scrape_;
  std::string current_;
  std::map<std::string, Buckets> buckets_;
};

}  // namespace

double Scrape::Value(const std::string& series) const {
  for (const auto& [name, family] : families) {
    const auto found = family.series.find(series);
    if (found != family.series.end()) return found->second;
  }
  return -1;
}

Scrape ReadScrape(absl::string_view text) { return Reader().Read(text); }

std::string MetricsTable(const Scrape& scrape) {
  std::string table = absl::StrCat(kTableHead, "| --- | --- | --- | --- |\n");
  for (const auto& [name, family] : scrape.families) {
    absl::StrAppend(&table, "| `", name, "` | ", family.type, " | ",
                    absl::StrJoin(family.labels, ", "), " | ", family.help, " |\n");
  }
  return table;
}

void ExpectDocumented(const Scrape& scrape, const std::string& path) {
  const std::string file = absl::StrCat(INCIDENTHUB_SOURCE_DIR, "/", path);
  std::string text;
  {
    std::ifstream in(file);
    text = {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  const size_t table = text.find(kTableHead);
  ASSERT_NE(table, std::string::npos) << path << " has no table";
  if (std::getenv("INCIDENTHUB_UPDATE_METRICS") != nullptr) {
    std::ofstream(file) << text.substr(0, table) << MetricsTable(scrape);
    return;
  }
  EXPECT_EQ(text.substr(table), MetricsTable(scrape))
      << path << ": run this test with INCIDENTHUB_UPDATE_METRICS=1 to write it anew";
}

}  // namespace incidenthub::testing
