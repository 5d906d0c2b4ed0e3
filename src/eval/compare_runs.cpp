// Two folders of runs, one below each for a benchmark: a table from base to aligned.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "rrpo/eval/compare.h"
#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {

namespace fs = std::filesystem;

namespace {

std::set<std::string> runs_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code fault;
  for (fs::directory_iterator at(folder, fault), end; !fault && at != end; at.increment(fault)) {
    if (fs::is_regular_file(at->path() / "verdicts.jsonl", fault)) names.insert(at->path().filename().string());
  }
  return names;
}

/// The number of the scorer whose verdicts come first.
double overall_in(const fs::path& run, const std::string& scorer) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::error_code fault;
  if (!fs::is_regular_file(run / "scores.json", fault)) return kNone;
  const Json scores = read_json(run / "scores.json", "data");
  const Json::json_pointer at("/" + scorer + "/overall/value");
  return scores.contains(at) && scores.at(at).is_number() ? scores.at(at).get<double>() : kNone;
}

std::string percent(double share) { return std::isnan(share) ? "-" : report::fixed(100 * share, 1); }

std::string points(double share) {
  if (std::isnan(share)) return "-";
  const std::string text = report::fixed(100 * share, 1);
  return text == "-0.0" ? "+0.0" : (share >= 0 ? "+" : "") + text;
}

Json number(double value) { return std::isnan(value) ? Json() : Json(value); }

}  // namespace

std::vector<std::string> common_runs(const fs::path& a, const fs::path& b) {
  std::error_code fault;
  if (!fs::is_directory(a, fault) || !fs::is_directory(b, fault) || fs::exists(a / "verdicts.jsonl", fault)) return {};
  const std::set<std::string> left = runs_in(a), right = runs_in(b);
  std::vector<std::string> both;
  std::set_intersection(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
  return both;
}

std::vector<BenchmarkComparison> compare_runs(const fs::path& a, const fs::path& b, uint64_t seed) {
  std::vector<BenchmarkComparison> out;
  for (const std::string& name : common_runs(a, b)) {
    Side left = open_side(a / name), right = open_side(b / name);
    const std::string scorer_a = left.rows.front().scorer, scorer_b = right.rows.front().scorer;
    out.push_back({name, compare(std::move(left), std::move(right), seed), overall_in(a / name, scorer_a),
                   overall_in(b / name, scorer_b)});
  }
  return out;
}

report::Table runs_table(const std::vector<BenchmarkComparison>& runs) {
  report::Table table{{"benchmark", "n", "A %", "B %", "B - A", "by video", "95 %", "p", "gained", "lost"}, {}};
  for (const BenchmarkComparison& run : runs) {
    const SignFlip& test = run.comparison.by_video;
    table.rows.push_back({run.name, std::to_string(run.comparison.all.questions), percent(run.a), percent(run.b),
                          points(run.b - run.a), points(test.mean), points(test.low) + " to " + points(test.high),
                          test.p < 1e-4 ? report::compact(test.p, 2) : report::fixed(test.p, 4),
                          std::to_string(run.comparison.all.gained), std::to_string(run.comparison.all.lost)});
  }
  return table;
}

Json runs_json(const std::vector<BenchmarkComparison>& runs, const std::string& a, const std::string& b) {
  Json json = {{"a", a}, {"b", b}, {"benchmarks", Json::object()}};
  for (const BenchmarkComparison& run : runs) {
    Json one = comparison_json(run.comparison, a + "/" + run.name, b + "/" + run.name);
    one["overall"] = {{"a", number(run.a)}, {"b", number(run.b)}};
    json["benchmarks"][run.name] = std::move(one);
  }
  return json;
}

std::string runs_page(const std::vector<BenchmarkComparison>& runs, const std::string& a, const std::string& b) {
  report::Page page("Benchmarks", "A: " + a + "   B: " + b);
  page.section("All benchmarks").add(report::html_table(runs_table(runs)));
  page.paragraph(
      "A and B: each benchmark's own number. By video: the difference of right answers, mean over videos, with the interval "
      "and p of the sign-flip test by video; questions that count together are one.");
  report::BarChart chart{
      .title = "A and B", .y_label = "%", .groups = {}, .bars = {{"A", {}, {}}, {"B", {}, {}}}, .most = 100};
  for (const BenchmarkComparison& run : runs) {
    if (std::isnan(run.a) || std::isnan(run.b)) continue;
    chart.groups.push_back(run.name);
    chart.bars[0].values.push_back(100 * run.a);
    chart.bars[1].values.push_back(100 * run.b);
  }
  if (!chart.groups.empty()) page.add(report::figure(report::bar_chart(chart), "Each benchmark's own number."));
  for (const BenchmarkComparison& run : runs) {
    page.section(run.name).paragraph(headline(run.comparison) + ".");
    for (const std::string& note : comparison_notes(run.comparison)) page.paragraph("Note: " + note + ".");
    page.add(report::html_table(comparison_table(run.comparison)));
  }
  return page.html();
}

}  // namespace rrpo::eval
