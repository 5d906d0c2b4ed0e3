// The frame that both kinds of chart share: scale, ticks, title, legend.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rrpo::report {

inline constexpr double kWidth = 640, kHeight = 320;
inline constexpr double kLeft = 64, kRight = 16, kBottom = 48;

/// A mapping from values to pixels along one axis.
struct Scale {
  double low = 0, high = 1;  ///< values at the two ends
  double from = 0, to = 1;   ///< pixels at the two ends
  bool log = false;
  std::vector<double> ticks{};

  double pixel(double value) const;
};

/// A scale whose ends are ticks, over `values` (finite ones; with `log`: positive ones).
Scale scale_over(const std::vector<double>& values, double from, double to, int tick_count, bool log);

/// The label of a tick, with no more digits than the distance between ticks needs.
std::string tick_label(const Scale& scale, double value);

/// A pixel coordinate with one decimal.
std::string px(double value);

/// A colour for the i-th series: middle tones that stand out on white and on black.
const char* colour(size_t i);

/// A <text>. `anchor` is start, middle or end; `more` are further attributes.
std::string text_at(double x, double y, std::string_view anchor, std::string_view text, std::string_view more = "");

/// The opening <svg> with title and legend. Returns the markup and the height that they take.
std::pair<std::string, double> open_chart(const std::string& title, const std::vector<std::string>& legend);

/// Horizontal grid lines with their labels, and the label of the axis.
std::string y_axis(const Scale& scale, const std::string& label);

}  // namespace rrpo::report
