// Reads a whole scrape in Prometheus' text format, and says what is wrong with it.
//
// Threads: any.

#ifndef INCIDENTHUB_TESTS_SUPPORT_METRICS_TEXT_H_
#define INCIDENTHUB_TESTS_SUPPORT_METRICS_TEXT_H_

#include <map>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace incidenthub::testing {

struct MetricFamilyText {
  std::string help;
  std::string type;
  // But `le`.
  std::set<std::string> labels;
  // By its name and labels, as written.
  std::map<std::string, double> series;
};

struct Scrape {
  // By name.
  std::map<std::string, MetricFamilyText> families;
  // A line each; empty: it is as it has to be. Every sample follows the HELP and the TYPE of its
  // family, each family is there once, no series twice; counters end in _total; histograms have
  // buckets that grow, the last of them, +Inf, equal to their count, and a sum.
  std::string complaints;

  // Of a series, as written; -1: there is none.
  double Value(const std::string& series) const;
};

Scrape ReadScrape(absl::string_view text);

// The table of a scrape's families for METRICS.md, ordered by name.
std::string MetricsTable(const Scrape& scrape);

// Fails the test unless the file at `path`, from the project's folder, has exactly this table after
// its heading; with INCIDENTHUB_UPDATE_METRICS in the environment it is written instead.
void ExpectDocumented(const Scrape& scrape, const std::string& path);

}  // namespace incidenthub::testing

#endif  // INCIDENTHUB_TESTS_SUPPORT_METRICS_TEXT_H_
