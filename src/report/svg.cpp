#include "rrpo/report/svg.h"

#include <algorithm>
#include <cmath>

#include "axis.h"
#include "rrpo/report/html.h"
#include "rrpo/report/table.h"
#include "rrpo/util/error.h"

namespace rrpo::report {

namespace {

struct Point {
  double x, y;
};

/// Pixels of the points that can be drawn; a gap is a point that is not a number.
std::vector<Point> pixels(const Series& series, const Scale& x, const Scale& y) {
  std::vector<Point> points;
  for (size_t i = 0; i < std::min(series.x.size(), series.y.size()); ++i) {
    const bool drawn = std::isfinite(series.x[i]) && std::isfinite(series.y[i]) && !(y.log && series.y[i] <= 0);
    points.push_back(drawn ? Point{x.pixel(series.x[i]), y.pixel(series.y[i])} : Point{NAN, NAN});
  }
  return points;
}

/// At most a few points per column of pixels: first, lowest, highest and last, so that no peak is lost.
std::vector<Point> thinned(const std::vector<Point>& points) {
  if (points.size() < 4 * static_cast<size_t>(kWidth)) return points;
  std::vector<Point> out;
  for (size_t begin = 0; begin < points.size();) {
    size_t end = begin + 1, low = begin, high = begin;
    const auto column = [&](size_t i) { return std::isnan(points[i].x) ? -1.0 : std::floor(points[i].x); };
    for (; end < points.size() && column(end) == column(begin); ++end) {
      if (points[end].y < points[low].y) low = end;
      if (points[end].y > points[high].y) high = end;
    }
    std::vector<size_t> keep = {begin, std::min(low, high), std::max(low, high), end - 1};
    keep.erase(std::unique(keep.begin(), keep.end()), keep.end());
    for (const size_t i : keep) out.push_back(points[i]);
    begin = end;
  }
  return out;
}

std::string line_of(const Series& series, const Scale& x, const Scale& y, const char* stroke) {
  std::string path, dots;
  const std::vector<Point> points = thinned(pixels(series, x, y));
  for (size_t i = 0; i < points.size(); ++i) {
    if (std::isnan(points[i].x)) continue;
    const bool begins = i == 0 || std::isnan(points[i - 1].x), ends = i + 1 == points.size() || std::isnan(points[i + 1].x);
    path += (begins ? "M" : "L") + px(points[i].x) + " " + px(points[i].y);
    if (begins && ends) {  // a path of one point is invisible
      dots += "<circle cx=\"" + px(points[i].x) + "\" cy=\"" + px(points[i].y) + "\" r=\"3\" fill=\"" + stroke + "\"/>\n";
    }
  }
  if (path.empty()) return "";
  return "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + stroke + "\" stroke-linejoin=\"round\" stroke-width=\"" +
         (series.faint ? "1\" stroke-opacity=\"0.35" : "1.8") + "\"/>\n" + dots;
}

std::string x_axis(const Scale& x, double bottom, const std::string& label) {
  std::string out;
  for (const double tick : x.ticks) {
    const std::string at = px(x.pixel(tick));
    out += "<line x1=\"" + at + "\" x2=\"" + at + "\" y1=\"" + px(bottom) + "\" y2=\"" + px(bottom + 4) +
           "\" stroke=\"currentColor\" stroke-opacity=\"0.45\"/>\n";
    out += text_at(x.pixel(tick), bottom + 18, "middle", tick_label(x, tick), " fill-opacity=\"0.75\"");
  }
  return out + text_at((x.from + x.to) / 2, kHeight - 8, "middle", label, " fill-opacity=\"0.75\"");
}

/// The horizontal scale ends with the data, not with a tick: no empty margin.
Scale x_scale(const std::vector<double>& values) {
  Scale scale = scale_over(values, kLeft, kWidth - kRight, 6, false);
  double low = INFINITY, high = -INFINITY;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (high == low) scale.ticks = {low};
  if (high > low) {
    scale.low = low;
    scale.high = high;
    std::erase_if(scale.ticks, [&](double tick) { return tick < low || tick > high; });
  }
  // There is no step 1.5.
  const auto whole = [](double value) { return value == std::floor(value); };
  if (std::all_of(values.begin(), values.end(), whole))
    std::erase_if(scale.ticks, [&](double tick) { return !whole(tick); });
  return scale;
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  std::vector<double> xs, ys;
  std::vector<std::string> legend;
  for (const Series& series : chart.series) {
    xs.insert(xs.end(), series.x.begin(), series.x.end());
    ys.insert(ys.end(), series.y.begin(), series.y.end());
    if (!series.faint) legend.push_back(series.name);
  }
  if (chart.from_zero) ys.push_back(0);
  if (chart.most) ys.push_back(*chart.most);
  if (legend.size() < 2) legend.clear();
  auto [out, top] = open_chart(chart.title, legend);
  const Scale x = x_scale(xs);
  const Scale y = scale_over(ys, kHeight - kBottom, top, 5, chart.log_y);
  out += y_axis(y, chart.y_label) + x_axis(x, kHeight - kBottom, chart.x_label);
  // Pale lines lie behind, each in the colour of the strong line that follows it.
  for (const bool faint : {true, false}) {
    size_t strong = 0;
    for (const Series& series : chart.series) {
      if (series.faint == faint) out += line_of(series, x, y, colour(strong));
      if (!series.faint) ++strong;
    }
  }
  return out + "</svg>\n";
}

namespace {

std::string bar_of(double x, double wide, double value, const Scale& y, const char* fill) {
  if (!std::isfinite(value)) return "";
  const double a = y.pixel(0), b = y.pixel(value);
  return "<rect x=\"" + px(x) + "\" y=\"" + px(std::min(a, b)) + "\" width=\"" + px(wide) + "\" height=\"" +
         px(std::abs(a - b)) + "\" rx=\"2\" fill=\"" + fill + "\"/>\n";
}

std::string interval_of(double x, const std::pair<double, double>& interval, const Scale& y) {
  const std::string low = px(y.pixel(interval.first)), high = px(y.pixel(interval.second));
  const auto cap = [&](const std::string& at) { return "M" + px(x - 4) + " " + at + "H" + px(x + 4); };
  return "<path d=\"M" + px(x) + " " + low + "V" + high + cap(low) + cap(high) +
         "\" stroke=\"currentColor\" stroke-width=\"1.3\" fill=\"none\"/>\n";
}

/// `name` in two lines, broken at the space nearest to its middle.
std::pair<std::string, std::string> two_lines(const std::string& name) {
  size_t best = std::string::npos;
  const auto off_middle = [&](size_t at) { return at > name.size() / 2 ? at - name.size() / 2 : name.size() / 2 - at; };
  for (size_t at = name.find(' '); at != std::string::npos; at = name.find(' ', at + 1)) {
    if (best == std::string::npos || off_middle(at) < off_middle(best)) best = at;
  }
  if (best == std::string::npos) return {name, ""};
  return {name.substr(0, best), name.substr(best + 1)};
}

/// A label that is too wide for its group breaks; where that does not help it leans, shortened to what the chart has room
/// for.
std::string group_label(double x, double wide, const std::string& name) {
  constexpr size_t kLeaning = 16;
  const auto fits = [&](const std::string& text) { return 6.6 * static_cast<double>(text.size()) <= wide; };
  const double y = kHeight - kBottom + 18;
  const std::string pale = " fill-opacity=\"0.85\"";
  if (fits(name)) return text_at(x, y, "middle", name, pale);
  const auto [first, second] = two_lines(name);
  if (fits(first) && fits(second)) return text_at(x, y, "middle", first, pale) + text_at(x, y + 15, "middle", second, pale);
  const std::string turn = " font-size=\"11\" transform=\"rotate(-28 " + px(x + 4) + " " + px(y - 6) + ")\"";
  return text_at(x + 4, y - 6, "end", printable(name, kLeaning), pale + turn);
}

/// True for counts, which want no decimals.
bool all_whole(const BarChart& chart) {
  for (const Bars& bars : chart.bars) {
    if (std::any_of(bars.values.begin(), bars.values.end(), [](double value) { return value != std::floor(value); }))
      return false;
  }
  return true;
}

std::string group_of(const BarChart& chart, size_t group, double left, double wide, const Scale& y) {
  std::string out;
  const double step = y.ticks.size() > 1 ? y.ticks[1] - y.ticks[0] : 1;
  const int finest = std::clamp(1 - static_cast<int>(std::floor(std::log10(step) + 1e-9)), 0, 6);
  const int digits = all_whole(chart) ? 0 : finest;
  const double bar = std::min(56.0, wide * 0.76 / static_cast<double>(std::max<size_t>(1, chart.bars.size())));
  double x = left + (wide - bar * static_cast<double>(chart.bars.size())) / 2;
  for (size_t i = 0; i < chart.bars.size(); ++i, x += bar) {
    const Bars& bars = chart.bars[i];
    const double value = group < bars.values.size() ? bars.values[group] : NAN;
    const auto* interval = group < bars.intervals.size() && bars.intervals[group] ? &*bars.intervals[group] : nullptr;
    out += bar_of(x + 1, bar - 2, value, y, colour(i));
    if (interval) out += interval_of(x + bar / 2, *interval, y);
    if (!std::isfinite(value) || bar < 30) continue;
    const double end = interval ? std::max(value, interval->second) : std::max(value, 0.0);
    out += text_at(x + bar / 2, y.pixel(end) - 5, "middle", fixed(value, digits), " font-size=\"11\"");
  }
  return out + group_label(left + wide / 2, wide, chart.groups[group]);
}

}  // namespace

std::string bar_chart(const BarChart& chart) {
  std::vector<double> values = {0};
  std::vector<std::string> legend;
  for (const Bars& bars : chart.bars) {
    legend.push_back(bars.name);
    values.insert(values.end(), bars.values.begin(), bars.values.end());
    for (const auto& interval : bars.intervals) {
      if (interval) values.insert(values.end(), {interval->first, interval->second});
    }
  }
  if (chart.reference) values.push_back(*chart.reference);
  if (chart.most) values.push_back(*chart.most);
  if (legend.size() < 2) legend.clear();
  auto [out, top] = open_chart(chart.title, legend);
  const Scale y = scale_over(values, kHeight - kBottom, top + 12, 5, false);
  out += y_axis(y, chart.y_label);
  const double wide = (kWidth - kLeft - kRight) / static_cast<double>(std::max<size_t>(1, chart.groups.size()));
  for (size_t i = 0; i < chart.groups.size(); ++i) out += group_of(chart, i, kLeft + wide * static_cast<double>(i), wide, y);
  if (chart.reference) {
    const std::string at = px(y.pixel(*chart.reference));
    out += "<path d=\"M" + px(kLeft) + " " + at + "H" + px(kWidth - kRight) +
           "\" stroke=\"currentColor\" stroke-opacity=\"0.7\" stroke-dasharray=\"5 4\"/>\n";
  }
  return out + "</svg>\n";
}

}  // namespace rrpo::report
