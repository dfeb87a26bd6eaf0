#include "tests/bench/plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace incidenthub::bench {
namespace {

constexpr double kWidth = 860;
constexpr double kMargin = 20;
constexpr double kLabelWidth = 330;
constexpr double kValueWidth = 90;
constexpr double kRowHeight = 24;
constexpr double kBarHeight = 14;
constexpr double kHeadingHeight = 40;
constexpr double kRatioHeight = 170;
constexpr double kBarsLeft = kMargin + kLabelWidth;
constexpr double kBarsWidth = kWidth - kBarsLeft - kValueWidth - kMargin;

// Without variables, which renderers other than browsers do not know.
constexpr char kStyle[] =
    "<style>\n"
    "text{font:12px system-ui,sans-serif;fill:#1f2328}\n"
    ".g{fill:#ffffff}.h{font-size:14px;font-weight:600}.f{fill:#636c76}\n"
    ".e{text-anchor:end}.m{text-anchor:middle}\n"
    ".l{stroke:#d1d9e0;fill:none}.w{stroke:#1f2328;fill:none}\n"
    ".b{stroke:#c2410c;stroke-dasharray:5 4;fill:none}.bt{fill:#c2410c}\n"
    ".one{fill:#2a78d6}.other{fill:#a3aebb}.p{stroke:#2a78d6;stroke-width:2;fill:none}\n"
    "@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.g{fill:#0d1117}.f{fill:#9198a1}\n"
    ".l{stroke:#3d444d}.w{stroke:#f0f6fc}.b{stroke:#f28b54}.bt{fill:#f28b54}\n"
    ".one{fill:#5b9df0}.other{fill:#6e7b8c}.p{stroke:#5b9df0}}\n"
    "</style>\n";

std::string Escaped(absl::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '<') {
      escaped += "&lt;";
    } else if (c == '&') {
      escaped += "&amp;";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string Text(double x, double y, absl::string_view style, absl::string_view text) {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, y, style,
                         Escaped(text));
}

std::string Line(double x1, double y1, double x2, double y2, absl::string_view style) {
  return absl::StrFormat("<path d=\"M%.1f %.1fL%.1f %.1f\" class=\"%s\"/>\n", x1, y1, x2, y2,
                         style);
}

// 7,421 or 0.52.
std::string Number(double value) {
  constexpr double kThousand = 1000;
  if (value < 10) return absl::StrFormat("%.2f", value);
  if (value < kThousand) return absl::StrFormat("%.0f", value);
  const auto whole = static_cast<int64_t>(std::llround(value));
  if (whole < 1'000'000) return absl::StrFormat("%d,%03d", whole / 1000, whole % 1000);
  return absl::StrFormat("%d,%03d,%03d", whole / 1'000'000, whole / 1000 % 1000, whole % 1000);
}

class Picture {
 public:
  void Heading(absl::string_view text, absl::string_view unit) {
    y_ += kHeadingHeight;
    body_ += Text(kMargin, y_, "h", text);
    body_ += Text(kWidth - kMargin, y_, "f e", unit);
    y_ += 10;
  }

  // Ratios by round, with a line at their budget.
  void Ratios(const Figure& figure) {
    Heading(figure.what, "by round");
    double top = figure.Max();
    if (figure.budget.has_value()) top = std::max(top, figure.budget->value);
    // Up to the next tenth.
    top = std::ceil(top * 10.5) / 10;
    const double bottom = y_ + kRatioHeight - 30;
    const double left = kMargin + 40;
    const double right = kWidth - kMargin - kValueWidth;
    const auto height = [&](double value) { return bottom - value / top * (kRatioHeight - 50); };
    for (const double value : {0.0, top / 2, top}) {
      body_ += Line(left, height(value), right, height(value), "l");
      body_ += Text(left - 8, height(value) + 4, "f e", absl::StrFormat("%.2f", value));
    }
    if (figure.budget.has_value()) {
      const double at = height(figure.budget->value);
      body_ += Line(left, at, right, at, "b");
      body_ += Text(right + 8, at + 4, "bt", "budget " + Number(figure.budget->value));
    }
    const double step = (right - left) / static_cast<double>(figure.rounds.size());
    std::string path;
    for (size_t i = 0; i < figure.rounds.size(); ++i) {
      const double x = left + step * (static_cast<double>(i) + 0.5);
      const double y = height(figure.rounds[i]);
      absl::StrAppendFormat(&path, "%s%.1f %.1f", i == 0 ? "M" : "L", x, y);
      body_ += absl::StrFormat("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" class=\"one\"/>\n", x, y);
      body_ += Text(x, y - 10, "m", absl::StrFormat("%.2f", figure.rounds[i]));
      body_ += Text(x, bottom + 18, "f m", absl::StrCat(i + 1));
    }
    absl::StrAppend(&body_, "<path d=\"", path, "\" class=\"p\"/>\n");
    y_ += kRatioHeight;
  }

  // One under the other, to one scale. `ours`: those that are the hub's.
  struct Bar {
    const Figure* figure;
    std::string label;
    bool ours;
  };
  void Bars(absl::string_view heading, absl::string_view unit, const std::vector<Bar>& bars) {
    if (bars.empty()) return;
    Heading(heading, unit);
    double top = 0;
    for (const Bar& bar : bars) top = std::max(top, bar.figure->Max());
    if (top <= 0) return;
    for (const Bar& bar : bars) {
      const auto width = [top](double value) { return kBarsWidth * value / top; };
      const Figure& figure = *bar.figure;
      const double middle = y_ + kRowHeight / 2;
      body_ += Text(kBarsLeft - 10, middle + 4, "e", bar.label);
      body_ += absl::StrFormat(
          "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\" class=\"%s\"/>\n",
          kBarsLeft, middle - kBarHeight / 2, std::max(width(figure.Median()), 1.0), kBarHeight,
          bar.ours ? "one" : "other");
      const double least = kBarsLeft + width(figure.Min());
      const double most = kBarsLeft + width(figure.Max());
      body_ += Line(least, middle, most, middle, "w");
      for (const double end : {least, most}) body_ += Line(end, middle - 4, end, middle + 4, "w");
      body_ += Text(most + 8, middle + 4, "", Number(figure.Median()));
      y_ += kRowHeight;
    }
  }

  std::string ToSvg() const {
    const double height = y_ + 30;
    return absl::StrCat(
        absl::StrFormat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                        "viewBox=\"0 0 %.0f %.0f\">\n",
                        kWidth, height, kWidth, height),
        "<title>incident-hub: what was measured</title>\n", kStyle,
        "<rect width=\"100%\" height=\"100%\" class=\"g\"/>\n", body_,
        Text(kMargin, height - 10, "f",
             "A bar is the median of all rounds; its line goes from the least round to the "
             "greatest. Blue: incident-hub."),
        "</svg>\n");
  }

 private:
  double y_ = 0;
  std::string body_;
};

// The figures that there are, by name, with what to call them.
struct Wanted {
  absl::string_view name;
  absl::string_view label;
  bool ours;
};

template <size_t size>
std::vector<Picture::Bar> Find(const Figures& figures, const std::array<Wanted, size>& wanted) {
  std::vector<Picture::Bar> bars;
  for (const Wanted& row : wanted) {
    const Figure* figure = figures.Find(row.name);
    if (figure != nullptr) bars.push_back({figure, std::string(row.label), row.ours});
  }
  return bars;
}

}  // namespace

std::string Plot(const Figures& figures) {
  static constexpr std::array<Wanted, 11> kThroughput = {{
      {"echo_64", "bare echo, 64 connections", false},
      {"webhooks_64", "durable webhooks, 64 connections", true},
      {"followed_64", "the same, one subscriber", true},
      {"echo_8", "bare echo, 8 connections", false},
      {"webhooks_8", "durable webhooks, 8 connections", true},
      {"echo_1", "bare echo, 1 connection", false},
      {"webhooks_1", "durable webhooks, 1 connection", true},
      {"alertmanager", "Alertmanager, in memory, 64", false},
      {"etcd", "etcd, put, 64 in flight", false},
      {"nats_always", "JetStream, synced, 64 in flight", false},
      {"nats_default", "JetStream, not synced, 64 in flight", false},
  }};
  static constexpr std::array<Wanted, 6> kFanout = {{
      {"bare_1", "bare gRPC, 1 subscriber", false},
      {"live_1", "hub, live, 1 subscriber", true},
      {"catch_up", "hub, catch-up, 1 subscriber", true},
      {"bare_64", "bare gRPC, 64 subscribers", false},
      {"live_64", "hub, live, 64 subscribers", true},
      {"live_1000", "hub, live, 1,000 subscribers", true},
  }};
  static constexpr std::array<Wanted, 10> kLatency = {{
      {"sync_p50_us", "one fdatasync, p50", false},
      {"idle_answer_p50_us", "idle: POST to answer, p50", true},
      {"idle_subscriber_p50_us", "idle: POST to subscriber, p50", true},
      {"idle_subscriber_p99_us", "idle: POST to subscriber, p99", true},
      {"open_25_answer_p50_us", "25 %: POST to answer, p50", true},
      {"open_25_answer_p99_us", "25 %: POST to answer, p99", true},
      {"open_50_answer_p50_us", "50 %: POST to answer, p50", true},
      {"open_50_answer_p99_us", "50 %: POST to answer, p99", true},
      {"open_75_answer_p50_us", "75 %: POST to answer, p50", true},
      {"open_75_answer_p99_us", "75 %: POST to answer, p99", true},
  }};
  Picture picture;
  if (const Figure* ratio = figures.Find("webhooks_to_echo_64"); ratio != nullptr) {
    picture.Ratios(*ratio);
  }
  picture.Bars("Throughput", "a second", Find(figures, kThroughput));
  picture.Bars("Events to subscribers", "a second, all together", Find(figures, kFanout));
  picture.Bars("Latency", "microseconds", Find(figures, kLatency));
  return picture.ToSvg();
}

}  // namespace incidenthub::bench
