// Charts as SVG markup, readable at 640 x 320 on light and on dark pages.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace rrpo::report {

/// One line of a chart. Points that are not finite (on a logarithmic axis: not positive) leave a gap.
struct Series {
  std::string name;
  std::vector<double> x, y;  ///< equally long, x ascending
  bool faint = false;        ///< thin and pale, without a legend entry: raw values behind their mean
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
  bool log_y = false;
  bool from_zero = false;        ///< the vertical axis begins at 0
  std::optional<double> most{};  ///< and reaches this value at least: 1 for shares
};
std::string line_chart(const LineChart& chart);

/// One bar in each group. `low` and `high` draw an interval.
struct Bars {
  std::string name;
  std::vector<double> values;                                       ///< one per group
  std::vector<std::optional<std::pair<double, double>>> intervals;  ///< empty, or one per group
};

struct BarChart {
  std::string title;
  std::string y_label;
  std::vector<std::string> groups;
  std::vector<Bars> bars;
  std::optional<double> reference{};  ///< a dashed line, such as chance level
  std::optional<double> most{};       ///< the axis reaches this value at least: 100 for percentages
};
std::string bar_chart(const BarChart& chart);

/// Round values that cover [low, high]: about `count` of them, steps of 1, 2 or 5 times a power of ten.
std::vector<double> round_ticks(double low, double high, int count);

/// The mean of `y` over a centred window of `window` points, ignoring what is not finite. Its time does not depend
/// on `window`.
std::vector<double> running_mean(const std::vector<double>& y, size_t window);

}  // namespace rrpo::report
