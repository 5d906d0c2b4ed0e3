#include "axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"
#include "rrpo/report/table.h"

namespace rrpo::report {

namespace {

/// Powers of ten, and twice and five times them where few powers lie in the range.
std::vector<double> log_ticks(double low, double high) {
  const int first = static_cast<int>(std::floor(std::log10(low))), last = static_cast<int>(std::ceil(std::log10(high)));
  const bool dense = last - first <= 3;
  const int stride = std::max(1, (last - first) / 6);
  std::vector<double> ticks;
  for (int power = first; power <= last; power += dense ? 1 : stride) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10.0, power);
      if ((factor == 1.0 || dense) && tick >= low * 0.999 && tick <= high * 1.001) ticks.push_back(tick);
    }
  }
  return ticks;
}

/// Columns that a text takes at this size of letters.
double text_width(std::string_view text) {
  const auto letters =
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; });
  return 6.6 * static_cast<double>(letters);
}

}  // namespace

std::vector<double> round_ticks(double low, double high, int count) {
  if (!(high > low)) high = low + 1;
  const double raw = (high - low) / std::max(1, count);
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double step = raw <= power ? power : raw <= 2 * power ? 2 * power : raw <= 5 * power ? 5 * power : 10 * power;
  std::vector<double> ticks;
  const double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  for (double i = first; i <= last; ++i) ticks.push_back(i * step + 0.0);
  return ticks;
}

namespace {

struct Sum {
  double value = 0, count = 0;
  Sum operator+(const Sum& other) const { return {value + other.value, count + other.count}; }
};

}  // namespace

// A window covers the end of one block of its own length and the beginning of the next: both sums are known from one pass in
// each direction. Differences of sums over the whole would lose what stands behind a single huge value.
std::vector<double> running_mean(const std::vector<double>& y, size_t window) {
  const size_t half = window / 2, wide = 2 * half + 1, total = y.size() + 2 * half;
  std::vector<Sum> from_left(total), from_right(total);
  const auto at = [&](size_t i) {
    const bool counts = i >= half && i - half < y.size() && std::isfinite(y[i - half]);
    return counts ? Sum{y[i - half], 1} : Sum{};
  };
  for (size_t i = 0; i < total; ++i) from_left[i] = i % wide == 0 ? at(i) : from_left[i - 1] + at(i);
  for (size_t i = total; i-- > 0;) from_right[i] = i + 1 == total || (i + 1) % wide == 0 ? at(i) : at(i) + from_right[i + 1];
  std::vector<double> mean(y.size());
  for (size_t i = 0; i < y.size(); ++i) {
    const Sum sum = i % wide == 0 ? from_right[i] : from_right[i] + from_left[i + wide - 1];
    mean[i] = sum.value / sum.count;
  }
  return mean;
}

double Scale::pixel(double value) const {
  const double part = log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  return from + part * (to - from);
}

Scale scale_over(const std::vector<double>& values, double from, double to, int tick_count, bool log) {
  double low = INFINITY, high = -INFINITY;
  for (const double value : values) {
    if (!std::isfinite(value) || (log && value <= 0)) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) low = log ? 0.1 : 0, high = 1;
  if (log) {
    if (high < low * 1.5) low /= 1.5, high *= 1.5;
    return {.low = low, .high = high, .from = from, .to = to, .log = true, .ticks = log_ticks(low, high)};
  }
  // One value only: it stands in the middle. Zeros stand on the ground: counts and shares have nothing below.
  const double least = std::max(std::abs(low), std::abs(high)) * 1e-9;
  if (high - low <= least) {
    const double margin = std::abs(low) * 0.1;
    high = low == 0 ? 1 : high + margin;
    low -= margin;
  }
  Scale scale{.low = low, .high = high, .from = from, .to = to, .log = false, .ticks = round_ticks(low, high, tick_count)};
  scale.low = scale.ticks.front();
  scale.high = scale.ticks.back();
  return scale;
}

std::string tick_label(const Scale& scale, double value) {
  if (scale.log || scale.ticks.size() < 2) return compact(value, 3);
  const double step = scale.ticks[1] - scale.ticks[0];
  const double largest = std::max(std::abs(scale.low), std::abs(scale.high));
  if (std::abs(value) < step * 1e-6) return "0";
  if (largest >= 1e6 || largest < 1e-3) return compact(value, 4);
  return fixed(value, std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9))));
}

std::string px(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

const char* colour(size_t i) {
  static constexpr std::array kColours = {"#3b82d0", "#e07b39", "#2f9e67", "#d0517a",
                                          "#8a6fd1", "#a08a2c", "#1ba0a8", "#8b8f96"};
  return kColours[i % kColours.size()];
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text, std::string_view more) {
  return "<text x=\"" + px(x) + "\" y=\"" + px(y) + "\" text-anchor=\"" + std::string(anchor) + "\"" + std::string(more) +
         ">" + escape(text) + "</text>\n";
}

std::pair<std::string, double> open_chart(const std::string& title, const std::vector<std::string>& legend) {
  std::string out = "<svg viewBox=\"0 0 640 320\" width=\"640\" height=\"320\" role=\"img\" aria-label=\"" + escape(title) +
                    "\" xmlns=\"http://www.w3.org/2000/svg\" font-family=\"system-ui, sans-serif\" font-size=\"12\" "
                    "fill=\"currentColor\">\n";
  double y = 8;
  if (!title.empty()) {
    out += text_at(kLeft, y + 14, "start", title, " font-size=\"14\" font-weight=\"600\"");
    y += 24;
  }
  if (!legend.empty()) {
    double x = kLeft;
    y += 14;
    for (size_t i = 0; i < legend.size(); ++i) {
      const double wide = 22 + text_width(legend[i]) + 14;
      if (x > kLeft && x + wide > kWidth - kRight) x = kLeft, y += 16;
      out += "<rect x=\"" + px(x) + "\" y=\"" + px(y - 6) + "\" width=\"16\" height=\"4\" rx=\"2\" fill=\"" + colour(i) +
             "\"/>\n";
      out += text_at(x + 22, y, "start", legend[i]);
      x += wide;
    }
    y += 4;
  }
  return {out, y + 10};
}

std::string y_axis(const Scale& scale, const std::string& label) {
  std::string out;
  for (const double tick : scale.ticks) {
    const std::string y = px(scale.pixel(tick));
    const bool zero = !scale.log && tick == 0;
    out += "<line x1=\"" + px(kLeft) + "\" x2=\"" + px(kWidth - kRight) + "\" y1=\"" + y + "\" y2=\"" + y +
           "\" stroke=\"currentColor\" stroke-opacity=\"" + (zero ? "0.45" : "0.13") + "\"/>\n";
    out += text_at(kLeft - 8, scale.pixel(tick) + 4, "end", tick_label(scale, tick), " fill-opacity=\"0.75\"");
  }
  if (label.empty()) return out;
  const double middle = (scale.from + scale.to) / 2;
  return out +
         text_at(14, middle, "middle", label, " fill-opacity=\"0.75\" transform=\"rotate(-90 14 " + px(middle) + ")\"");
}

}  // namespace rrpo::report
