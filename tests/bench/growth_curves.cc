#include "tests/bench/growth_curves.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace incidenthub::bench {
namespace {

// In pixels: a panel, what lies between two, and where the plot lies in one.
constexpr int kWidth = 330;
constexpr int kHeight = 240;
constexpr int kGap = 14;
constexpr int kColumns = 3;
constexpr double kLeft = 52;
constexpr double kRight = kWidth - 14;
constexpr double kTop = 58;
constexpr double kBottom = kHeight - 54;
// Points stand clear of the plot's sides, so that their values have room.
constexpr double kInset = 26;
constexpr double kTextHeight = 4;
// From here on the least of a linear scale would lie on the ground.
constexpr double kLogarithmicFrom = 50;
// Of a character of a line's label, about.
constexpr double kLegendWidth = 6;
constexpr size_t kColors = 2;

constexpr absl::string_view kStyle = R"(<style>
text { font: 11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
.title { font-size: 13px; font-weight: 600; }
.dim { fill: #656d76; }
.back { fill: #ffffff; }
.panel { fill: #f6f8fa; stroke: #d1d9e0; }
.grid { stroke: #d1d9e0; stroke-width: 1; }
.line { fill: none; stroke-width: 2; }
.l0 { stroke: #0969da; } .p0 { fill: #0969da; }
.l1 { stroke: #bc4c00; } .p1 { fill: #bc4c00; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.dim { fill: #9198a1; }
.back { fill: #0d1117; }
.panel { fill: #151b23; stroke: #3d444d; }
.grid { stroke: #2a313c; }
.l0 { stroke: #58a6ff; } .p0 { fill: #58a6ff; }
.l1 { stroke: #f0883e; } .p1 { fill: #f0883e; }
}
</style>
)";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

// Three digits that count: `12.3k`.
std::string Short(double value) {
  absl::string_view suffix;
  if (value >= 1e6) {
    value /= 1e6;
    suffix = "M";
  } else if (value >= 1e4) {
    value /= 1e3;
    suffix = "k";
  }
  return absl::StrCat(
      absl::StrFormat("%.*f", value >= 100 || value == 0 ? 0 : (value >= 10 ? 1 : 2), value),
      suffix);
}

// A tick needs no more digits than it has.
std::string TickText(double value) {
  std::string text = value >= 1e6   ? absl::StrFormat("%gM", value / 1e6)
                     : value >= 1e4 ? absl::StrFormat("%gk", value / 1e3)
                                    : absl::StrFormat("%g", value);
  return text;
}

std::string Text(double x, double y, absl::string_view anchor, absl::string_view css_class,
                 absl::string_view text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">%s</text>\n",
                         x, y, anchor, css_class, Escaped(text));
}

}  // namespace

// From values to heights.
class GrowthCurves::Scale {
 public:
  Scale(double least, double greatest) {
    logarithmic_ = least > 0 && greatest / least >= kLogarithmicFrom;
    if (logarithmic_) {
      low_ = std::pow(10, std::floor(std::log10(least)));
      high_ = std::pow(10, std::ceil(std::log10(greatest * 1.01)));
      for (double tick = low_; tick <= high_ * 1.01; tick *= 10) ticks_.push_back(tick);
      return;
    }
    const double rough = std::max(greatest, 1e-9) / 3;
    const double power = std::pow(10, std::floor(std::log10(rough)));
    double step = 10 * power;
    for (const double factor : {5.0, 2.0, 1.0}) {
      if (factor * power >= rough) step = factor * power;
    }
    high_ = step * std::ceil(greatest * 1.1 / step);
    for (int i = 0; i * step <= high_ * 1.01; ++i) ticks_.push_back(i * step);
  }

  double Y(double value) const {
    const double share = logarithmic_ ? std::log(value / low_) / std::log(high_ / low_)
                                      : (value - low_) / (high_ - low_);
    return kBottom - share * (kBottom - kTop);
  }

  const std::vector<double>& ticks() const { return ticks_; }

 private:
  bool logarithmic_ = false;
  double low_ = 0;
  double high_ = 1;
  std::vector<double> ticks_;
};

void GrowthCurves::Add(const Panel& panel, absl::string_view line, absl::string_view x,
                       absl::string_view figure) {
  const auto curves = std::find_if(panels_.begin(), panels_.end(), [&panel](const Curves& one) {
    return one.panel.title == panel.title;
  });
  Curves& of_panel = curves != panels_.end() ? *curves : panels_.emplace_back(Curves{panel, {}});
  const auto found = std::find_if(of_panel.lines.begin(), of_panel.lines.end(),
                                  [line](const Line& one) { return one.label == line; });
  Line& of_line = found != of_panel.lines.end()
                      ? *found
                      : of_panel.lines.emplace_back(Line{std::string(line), {}});
  const bool is_there =
      std::any_of(of_line.points.begin(), of_line.points.end(),
                  [figure](const Point& point) { return point.figure == figure; });
  if (!is_there) of_line.points.push_back({std::string(x), std::string(figure)});
}

// A panel's values, by their places on the x axis.
struct GrowthCurves::Plot {
  struct Dot {
    size_t place = 0;
    double value = 0;
  };

  Plot(const Curves& curves, const Figures& figures) {
    for (const Line& line : curves.lines) {
      std::vector<Dot>& dots = lines.emplace_back();
      for (const Point& point : line.points) {
        const Figure* figure = figures.Find(point.figure);
        if (figure == nullptr) continue;
        const auto place = std::find(places.begin(), places.end(), point.x);
        dots.push_back({static_cast<size_t>(place - places.begin()), figure->Median()});
        if (place == places.end()) places.push_back(point.x);
        least = std::min(least, figure->Median());
        greatest = std::max(greatest, figure->Median());
      }
    }
  }

  double X(size_t place) const {
    const double steps = std::max(1.0, static_cast<double>(places.size()) - 1);
    return kLeft + kInset + (kRight - kLeft - 2 * kInset) / steps * static_cast<double>(place);
  }

  // Whether another line is above this dot: its value then stands below.
  bool IsBelowAnother(size_t line, const Dot& dot) const {
    for (size_t other = 0; other < lines.size(); ++other) {
      for (const Dot& of_other : lines[other]) {
        if (other != line && of_other.place == dot.place &&
            (dot.value < of_other.value || (dot.value == of_other.value && other < line))) {
          return true;
        }
      }
    }
    return false;
  }

  // In the order in which they came.
  std::vector<std::string> places;
  std::vector<std::vector<Dot>> lines;
  double least = std::numeric_limits<double>::infinity();
  double greatest = 0;
};

std::string GrowthCurves::LineSvg(const Plot& plot, const Scale& scale, size_t line) {
  const size_t color = line % kColors;
  std::string path;
  std::string dots;
  for (const Plot::Dot& dot : plot.lines[line]) {
    const double x = plot.X(dot.place);
    const double y = scale.Y(dot.value);
    absl::StrAppendFormat(&path, "%s%.1f %.1f", path.empty() ? "M" : " L", x, y);
    absl::StrAppendFormat(&dots, "<circle class=\"p%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", color,
                          x, y);
    absl::StrAppend(&dots,
                    Text(x, y + (plot.IsBelowAnother(line, dot) ? 15 : -7), "middle",
                         plot.lines.size() > 1 ? absl::StrCat("p", color) : "", Short(dot.value)));
  }
  return absl::StrFormat("<path class=\"line l%d\" d=\"%s\"/>\n%s", color, path, dots);
}

std::string GrowthCurves::PanelSvg(const Curves& curves, const Figures& figures) {
  const Plot plot(curves, figures);
  const Scale scale(plot.least, plot.greatest);
  std::string svg = absl::StrFormat(
      "<rect class=\"panel\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n",
      kWidth - 1, kHeight - 1);
  absl::StrAppend(&svg, Text(12, 20, "start", "title", curves.panel.title));
  absl::StrAppend(&svg, Text(12, 36, "start", "dim", curves.panel.unit));
  for (const double tick : scale.ticks()) {
    const double y = scale.Y(tick);
    absl::StrAppendFormat(
        &svg, "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", kLeft, y,
        kRight, y);
    absl::StrAppend(&svg, Text(kLeft - 6, y + kTextHeight, "end", "dim", TickText(tick)));
  }
  for (size_t i = 0; i < plot.places.size(); ++i) {
    absl::StrAppend(&svg, Text(plot.X(i), kBottom + 28, "middle", "", plot.places[i]));
  }
  absl::StrAppend(&svg,
                  Text((kLeft + kRight) / 2, kHeight - 10, "middle", "dim", curves.panel.x_label));
  double legend_end = kRight;
  for (size_t i = plot.lines.size(); i-- > 0;) {
    absl::StrAppend(&svg, LineSvg(plot, scale, i));
    const std::string& label = curves.lines[i].label;
    if (label.empty()) continue;
    absl::StrAppend(&svg, Text(legend_end, 36, "end", absl::StrCat("p", i % kColors), label));
    legend_end -= kLegendWidth * static_cast<double>(label.size()) + kGap;
  }
  return svg;
}

std::string GrowthCurves::ToSvg(const Figures& figures) const {
  const int rows = (static_cast<int>(panels_.size()) + kColumns - 1) / kColumns;
  const int width = kColumns * (kWidth + kGap) + kGap;
  const int height = std::max(1, rows) * (kHeight + kGap) + kGap;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d "
      "%d\">\n%s<rect class=\"back\" width=\"%d\" height=\"%d\"/>\n",
      width, height, width, height, kStyle, width, height);
  for (size_t i = 0; i < panels_.size(); ++i) {
    const int column = static_cast<int>(i) % kColumns;
    const int row = static_cast<int>(i) / kColumns;
    absl::StrAppendFormat(&svg, "<g transform=\"translate(%d %d)\">\n%s</g>\n",
                          kGap + column * (kWidth + kGap), kGap + row * (kHeight + kGap),
                          PanelSvg(panels_[i], figures));
  }
  return svg + "</svg>\n";
}

}  // namespace incidenthub::bench
