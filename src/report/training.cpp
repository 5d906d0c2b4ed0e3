#include "rrpo/report/training.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"
#include "rrpo/report/table.h"

namespace rrpo::report {

namespace {

struct Curve {
  const char* key;
  const char* name;
};

/// One chart: its curves are drawn as far as the metrics have them, each with its held-out twin `eval/KEY`.
struct Chart {
  const char* title;
  const char* y_label;
  const char* caption;
  std::vector<Curve> curves;
  bool from_zero = false;
  std::optional<double> most{};
};

const std::vector<Chart>& charts() {
  static const std::vector<Chart> kCharts = {
      {"Loss",
       "loss",
       "What the optimiser minimises; the pale line is each step, the strong one the mean of neighbours.",
       {{"loss", "loss"}}},
      {"Rewards",
       "nats",
       "How much more likely than under the reference the marked phrases became, times beta.",
       {{"rewards/chosen", "chosen"}, {"rewards/rejected", "rejected"}}},
      {"Reward margin",
       "nats",
       "Reward of the chosen answer minus that of the rejected one.",
       {{"rewards/margins", "margin"}}},
      {"Reward accuracy",
       "share of pairs",
       "Pairs whose chosen answer has the larger reward.",
       {{"rewards/accuracies", "accuracy"}},
       true,
       1},
      {"Divergence from the reference",
       "nats per answer",
       "KL(reference to policy), summed over the tokens of the answer.",
       {{"kl/chosen", "chosen"}, {"kl/rejected", "rejected"}},
       true},
      {"Log-probabilities",
       "nats per answer",
       "Of the whole answers, under the policy.",
       {{"logps/chosen", "chosen"}, {"logps/rejected", "rejected"}}},
      {"Proof of sight",
       "nats per answer",
       "How much more likely the chosen answers of held-out pairs are about their clips than about the same clips blank, or "
       "with their frames out of order. At 0 the video was not seen, or the order of its frames was not.",
       {{"sight/blank", "blank"}, {"sight/shuffled", "shuffled"}},
       true},
      {"Learning rate", "", "", {{"lr", "lr"}}, true},
      {"Gradient norm", "", "Before clipping.", {{"grad_norm", "norm"}}, true},
      {"Seconds per step", "s", "", {{"seconds", "seconds"}}, true},
  };
  return kCharts;
}

Series series_of(const std::vector<Json>& metrics, const std::string& key, const std::string& name) {
  Series series{.name = name, .x = {}, .y = {}};
  for (size_t i = 0; i < metrics.size(); ++i) {
    const Json& row = metrics[i];
    if (!row.is_object() || !row.contains(key)) continue;
    // A value that was not finite is written as null: it leaves a gap.
    if (!row[key].is_number() && !row[key].is_null()) continue;
    const bool has_step = row.contains("step") && row["step"].is_number();
    series.x.push_back(has_step ? row["step"].get<double>() : static_cast<double>(i + 1));
    series.y.push_back(row[key].is_number() ? row[key].get<double>() : NAN);
  }
  return series;
}

int64_t finite_points(const Series& series) {
  return std::count_if(series.y.begin(), series.y.end(), [](double y) { return std::isfinite(y); });
}

bool drawable(const Series& series) { return finite_points(series) > 0; }

/// A long noisy curve is shown as its running mean over the pale raw values.
void add_curve(LineChart& chart, Series series) {
  constexpr size_t kLong = 40;
  if (!drawable(series)) return;
  if (series.y.size() >= kLong) {
    Series raw = series;
    raw.faint = true;
    chart.series.push_back(std::move(raw));
    series.y = running_mean(series.y, std::max<size_t>(5, series.y.size() / 25));
  }
  chart.series.push_back(std::move(series));
}

std::string draw(const std::vector<Json>& metrics, const Chart& spec, std::set<std::string>& shown) {
  LineChart chart{.title = spec.title,
                  .x_label = "step",
                  .y_label = spec.y_label,
                  .series = {},
                  .from_zero = spec.from_zero,
                  .most = spec.most};
  for (const Curve& curve : spec.curves) {
    const std::string twin = std::string("eval/") + curve.key;
    // The learning rate is exact and must not be smoothed.
    if (std::string(curve.key) == "lr") {
      if (Series series = series_of(metrics, curve.key, curve.name); drawable(series))
        chart.series.push_back(std::move(series));
    } else {
      add_curve(chart, series_of(metrics, curve.key, curve.name));
    }
    add_curve(chart, series_of(metrics, twin, std::string(curve.name) + ", held out"));
    shown.insert({curve.key, twin});
  }
  const bool curve =
      std::any_of(chart.series.begin(), chart.series.end(), [](const Series& one) { return finite_points(one) > 1; });
  return curve ? figure(line_chart(chart), spec.caption) : "";
}

/// What was measured once only, which is no curve.
Table single_values(const std::vector<Json>& metrics) {
  std::map<std::string, std::vector<double>> values;
  for (const Json& row : metrics) {
    if (!row.is_object()) continue;
    for (const auto& [key, value] : row.items()) {
      if (value.is_number() && key != "step") values[key].push_back(value.get<double>());
    }
  }
  Table table{{"measured once", "value"}, {}};
  for (const auto& [key, found] : values) {
    if (found.size() == 1) table.rows.push_back({key, compact(found.front(), 6)});
  }
  return table;
}

constexpr const char* kTerms = "loss/";

/// The terms of a sum in one chart, as far as the metrics have them.
std::string draw_terms(const std::vector<Json>& metrics, std::set<std::string>& shown) {
  std::vector<std::string> keys;
  for (const Json& row : metrics) {
    if (!row.is_object()) continue;
    for (const auto& [key, value] : row.items()) {
      if (key.starts_with(kTerms) && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  std::vector<Curve> curves;
  for (const std::string& key : keys) curves.push_back({key.c_str(), key.c_str() + std::string_view(kTerms).size()});
  return draw(metrics,
              {"Loss of each term", "loss", "Before its weight; each is a mean over what it averages over.", curves}, shown);
}

std::vector<std::string> all_charts(const std::vector<Json>& metrics) {
  std::set<std::string> shown = {"step", "epoch", "pairs", "tokens", "samples"};
  std::vector<std::string> figures;
  const auto add = [&](std::string html) {
    if (!html.empty()) figures.push_back(std::move(html));
  };
  for (const Chart& chart : charts()) {
    add(draw(metrics, chart, shown));
    if (std::string_view(chart.title) == "Loss") add(draw_terms(metrics, shown));
  }
  for (const Json& row : metrics) {
    if (!row.is_object()) continue;
    for (const auto& [key, value] : row.items()) {
      if (!value.is_number() || shown.contains(key)) continue;
      add(draw(metrics, {key.c_str(), "", "", {{key.c_str(), key.c_str()}}}, shown));
    }
  }
  return figures;
}

/// The mean over the last tenth of the steps, at most twenty: one step alone says little.
double last_mean(const std::vector<double>& values) {
  const size_t count = std::clamp<size_t>(values.size() / 10, 1, 20);
  double sum = 0;
  for (size_t i = values.size() - count; i < values.size(); ++i) sum += values[i];
  return sum / static_cast<double>(count);
}

std::string headline(const std::vector<Json>& metrics) {
  std::vector<std::pair<std::string, std::string>> out;
  const auto total = [&](const char* key, const char* name, bool time) {
    double sum = 0;
    const Series series = series_of(metrics, key, "");
    for (const double y : series.y) sum += std::isfinite(y) ? y : 0;
    if (!series.y.empty()) out.emplace_back(name, time ? duration(sum) : grouped(std::llround(sum)));
  };
  const auto last = [&](const char* key, const char* name, int digits) {
    const Series series = series_of(metrics, key, "");
    if (drawable(series)) out.emplace_back(name, fixed(last_mean(series.y), digits));
  };
  out.emplace_back("steps", grouped(static_cast<int64_t>(metrics.size())));
  total("pairs", "pairs", false);
  total("tokens", "tokens", false);
  last("loss", "loss, end", 4);
  last("rewards/margins", "margin, end", 4);
  last("rewards/accuracies", "accuracy, end", 3);
  last("kl/chosen", "KL, end", 4);
  total("seconds", "in steps", true);
  return facts(out);
}

/// `rrpo`, or of a sum `rrpo + 0.1 sft`.
std::string objective_of(const Json& run) {
  const Json::json_pointer at("/config/objective");
  if (!run.contains(at)) return "";
  const Json one = Json::array({run[at]});
  std::string text;
  for (const Json& term : run[at].is_array() ? run[at] : one) {
    const Json name = term.is_object() ? term.value("name", Json("rrpo")) : Json();
    if (!name.is_string()) return "";
    const Json weight = term.value("weight", Json(1));
    text += (text.empty() ? "" : " + ") + (weight == Json(1) ? "" : json_line(weight) + " ") + name.get<std::string>();
  }
  return text;
}

std::string subtitle_of(const Json& run) {
  std::string text;
  const auto add = [&](const char* pointer, const std::string& before) {
    const Json::json_pointer at(pointer);
    if (!run.contains(at)) return;
    const Json& value = run[at];
    if (!value.is_string() && !value.is_number()) return;
    text += (text.empty() ? "" : " · ") + before + (value.is_string() ? value.get<std::string>() : json_line(value));
  };
  if (const std::string objective = objective_of(run); !objective.empty()) text = "objective " + objective;
  add("/config/model/path", "model ");
  add("/seed", "seed ");
  add("/version", "rrpo ");
  return text;
}

/// What the run has read: a line a file.
Table inputs_table(const Json& inputs) {
  Table table{{"file", "bytes", "SHA-256"}, {}};
  for (const auto& [file, entry] : inputs.items()) {
    if (!entry.is_object()) continue;
    const Json size = entry.value("size", Json()), hash = entry.value("sha256", Json());
    table.rows.push_back({file, size.is_number_integer() ? grouped(size.get<int64_t>()) : "",
                          hash.is_string() ? hash.get<std::string>() : ""});
  }
  return table;
}

}  // namespace

std::string training_report(const Json& run, const std::vector<Json>& metrics) {
  Page page("Training run", subtitle_of(run));
  if (metrics.empty()) {
    page.paragraph("No step was taken.");
  } else {
    page.add(headline(metrics));
    if (const Json notes = run.is_object() ? run.value("notes", Json()) : Json(); notes.is_array()) {
      for (const Json& note : notes) {
        if (note.is_string()) page.paragraph("Note: " + note.get<std::string>());
      }
    }
    const std::vector<std::string> curves = all_charts(metrics);
    if (!curves.empty()) page.section("Curves").add(grid(curves));
    const Table once = single_values(metrics);
    if (!once.rows.empty()) page.section("Values").add(html_table(once));
  }
  Json rest = run.is_object() ? run : Json::object();
  for (const auto& [key, heading] : {std::pair{"counts", "Counts"}, std::pair{"config", "Settings"}}) {
    if (!rest.contains(key)) continue;
    page.section(heading).add(settings_table(rest[key]));
    rest.erase(key);
  }
  if (rest.contains("inputs") && rest["inputs"].is_object()) {
    const Table files = inputs_table(rest["inputs"]);
    page.section("Inputs").add(details(std::to_string(files.rows.size()) + " files", html_table(files)));
    rest.erase("inputs");
  }
  if (!rest.empty()) page.section("Run").add(settings_table(rest));
  return page.html();
}

}  // namespace rrpo::report
