// Figures against what grows, as small pictures beside each other in one SVG.
//
// Threads: one at a time.

#ifndef INCIDENTHUB_TESTS_BENCH_GROWTH_CURVES_H_
#define INCIDENTHUB_TESTS_BENCH_GROWTH_CURVES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/bench/figures.h"

namespace incidenthub::bench {

class GrowthCurves {
 public:
  // What a picture shows.
  struct Panel {
    std::string title;
    // Of what stands below it: `incidents held`.
    std::string x_label;
    std::string unit;
  };

  // The next point of a line: `figure` at `x`. The panel and the line are made with their first
  // point; a point that is there already stays.
  void Add(const Panel& panel, absl::string_view line, absl::string_view x,
           absl::string_view figure);

  // A panel each, in the order they were made, for a light background and a dark one. The heights
  // are the figures' medians, over a scale that begins at 0, or by powers of ten where the greatest
  // is many times the least.
  std::string ToSvg(const Figures& figures) const;

 private:
  struct Point {
    std::string x;
    std::string figure;
  };
  struct Line {
    std::string label;
    std::vector<Point> points;
  };
  struct Curves {
    Panel panel;
    std::vector<Line> lines;
  };
  class Scale;
  struct Plot;

  static std::string LineSvg(const Plot& plot, const Scale& scale, size_t line);
  static std::string PanelSvg(const Curves& curves, const Figures& figures);

  std::vector<Curves> panels_;
};

}  // namespace incidenthub::bench

#endif  // INCIDENTHUB_TESTS_BENCH_GROWTH_CURVES_H_
