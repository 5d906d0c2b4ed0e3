#include "rrpo/report/svg.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace rrpo::report {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

LineChart chart_of(std::vector<double> x, std::vector<double> y) {
  LineChart chart{.title = "t", .x_label = "step", .y_label = "y", .series = {}};
  chart.series.push_back({.name = "a", .x = std::move(x), .y = std::move(y)});
  return chart;
}

/// No coordinate of a chart may be anything but a number.
void expect_clean(const std::string& svg) {
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_THAT(svg, HasSubstr("</svg>"));
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Ticks, AreRoundAndCover) {
  EXPECT_THAT(round_ticks(0, 1, 5), ElementsAre(0, 0.2, testing::DoubleEq(0.4), testing::DoubleNear(0.6, 1e-9), 0.8, 1));
  EXPECT_THAT(round_ticks(-3, 17, 5), ElementsAre(-5, 0, 5, 10, 15, 20));
  EXPECT_THAT(round_ticks(100, 900, 4), ElementsAre(0, 200, 400, 600, 800, 1000));
  for (const double low : {-1e9, -3.7, 0.0, 1e-7, 0.123}) {
    for (const double range : {1e-8, 0.3, 7.0, 1e6}) {
      const auto ticks = round_ticks(low, low + range, 5);
      EXPECT_LE(ticks.size(), 8u);
      EXPECT_LE(ticks.front(), low + range * 1e-6);
      EXPECT_GE(ticks.back(), low + range * (1 - 1e-6));
    }
  }
}

TEST(RunningMean, IgnoresWhatIsNotFinite) { EXPECT_THAT(running_mean({1, NAN, 3, 5}, 3), ElementsAre(1, 2, 4, 4)); }

std::vector<double> slow_mean(const std::vector<double>& y, int64_t half) {
  std::vector<double> mean;
  for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
    double sum = 0, count = 0;
    for (int64_t j = std::max<int64_t>(0, i - half); j <= i + half && j < static_cast<int64_t>(y.size()); ++j) {
      const double value = y[static_cast<size_t>(j)];
      if (std::isfinite(value)) sum += value, ++count;
    }
    mean.push_back(sum / count);
  }
  return mean;
}

TEST(RunningMean, IsTheMeanOfEachWindow) {
  std::vector<double> y;
  for (int i = 0; i < 67; ++i) y.push_back(i % 7 == 3 ? NAN : std::sin(i * 1.7) + i);
  y[20] = 1e30;  // what stands behind it must not drown
  for (const size_t window : {1, 2, 3, 5, 8, 33, 66, 67, 68, 200}) {
    const std::vector<double> fast = running_mean(y, window), slow = slow_mean(y, static_cast<int64_t>(window / 2));
    ASSERT_EQ(fast.size(), slow.size());
    for (size_t i = 0; i < y.size(); ++i) {
      if (std::isnan(slow[i]))
        EXPECT_TRUE(std::isnan(fast[i])) << window << " " << i;
      else
        EXPECT_NEAR(fast[i], slow[i], 1e-12 * std::max(1.0, std::abs(slow[i]))) << window << " " << i;
    }
  }
  EXPECT_TRUE(running_mean({}, 5).empty());
}

// A window of half a million points over a million would take 5e11 additions one by one.
TEST(RunningMean, TakesLongCurves) {
  const std::vector<double> mean = running_mean(std::vector<double>(1000000, 2.5), 500001);
  EXPECT_EQ(mean.front(), 2.5);
  EXPECT_EQ(mean[999999], 2.5);
}

TEST(LineChart, StepsAreWhole) {
  const std::string svg = line_chart(chart_of({1, 2, 3}, {10, 20, 30}));
  for (const char* tick : {">1<", ">2<", ">3<"}) EXPECT_THAT(svg, HasSubstr(tick));
  EXPECT_THAT(svg, Not(HasSubstr(">1.5<")));
}

TEST(LineChart, ZerosStandOnTheGround) {
  EXPECT_THAT(line_chart(chart_of({1, 2}, {0, 0})), Not(HasSubstr(">-")));
  EXPECT_THAT(bar_chart({.title = "", .y_label = "", .groups = {"g"}, .bars = {{"b", {0}, {}}}}), Not(HasSubstr(">-")));
}

TEST(LineChart, DegenerateDataIsDrawable) {
  for (const std::vector<double>& y : {std::vector<double>{},
                                       {1},
                                       {0, 0},
                                       {5, 5, 5},
                                       {NAN, NAN},
                                       {1, NAN, 3},
                                       {INFINITY, 1},
                                       {-1e300, 1e300},
                                       {1e-30, 2e-30}}) {
    std::vector<double> x(y.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
    LineChart chart = chart_of(x, y);
    expect_clean(line_chart(chart));
    chart.log_y = true;
    expect_clean(line_chart(chart));
  }
}

TEST(LineChart, LeavesAGapAndDotsASinglePoint) {
  const std::string svg = line_chart(chart_of({1, 2, 3, 4, 5, 6}, {1, 2, NAN, 3, NAN, 5}));
  EXPECT_EQ(count(svg, "<circle"), 2u);
}

TEST(LineChart, ThinsManyPointsButKeepsThePeak) {
  std::vector<double> x(200000), y(200000, 0.5);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i);
  y[123456] = 100;
  const std::string svg = line_chart(chart_of(x, y));
  EXPECT_LT(svg.size(), 60000u);
  y[123456] = 0.5;
  EXPECT_NE(svg, line_chart(chart_of(x, y)));
}

TEST(LineChart, EscapesNames) {
  LineChart chart = chart_of({1, 2}, {1, 2});
  chart.title = chart.x_label = chart.y_label = chart.series[0].name = "<script>";
  chart.series.push_back(chart.series[0]);
  EXPECT_THAT(line_chart(chart), Not(HasSubstr("<script>")));
}

TEST(BarChart, DrawsBarsIntervalsAndReference) {
  BarChart chart{.title = "t",
                 .y_label = "accuracy",
                 .groups = {"one", "a much longer name of a group"},
                 .bars = {},
                 .reference = 0.25};
  chart.bars.push_back({.name = "base", .values = {0.4, NAN}, .intervals = {{{0.3, 0.5}}, std::nullopt}});
  chart.bars.push_back({.name = "aligned", .values = {-0.1}, .intervals = {}});
  const std::string svg = bar_chart(chart);
  expect_clean(svg);
  EXPECT_EQ(count(svg, "stroke-width=\"1.3\""), 1u);
  EXPECT_EQ(count(svg, "stroke-dasharray"), 1u);
  expect_clean(bar_chart({.title = "", .y_label = "", .groups = {}, .bars = {}}));
}

}  // namespace
}  // namespace rrpo::report
