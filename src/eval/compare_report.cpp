// The table, the file and the page of a comparison.
#include <cmath>

#include "rrpo/eval/compare.h"
#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"
#include "rrpo/util/error.h"

namespace rrpo::eval {

namespace {

double percent(int64_t part, int64_t whole) {
  return whole == 0 ? NAN : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// One decimal; what rounds to nothing has no minus.
std::string signed_points(double value) {
  const std::string text = report::fixed(value, 1);
  if (text == "-0.0") return "+0.0";
  return (value >= 0 ? "+" : "") + text;
}

std::string p_text(double p) { return p < 1e-4 ? report::compact(p, 2) : report::fixed(p, 4); }

std::vector<std::string> cells(const ChangeCounts& counts) {
  const double a = percent(counts.right_a, counts.questions), b = percent(counts.right_b, counts.questions);
  const auto text = [](int64_t value) { return std::to_string(value); };
  return {counts.name,          text(counts.questions),
          report::fixed(a, 1),  report::fixed(b, 1),
          signed_points(b - a), text(counts.gained),
          text(counts.lost),    text(counts.questions - counts.gained - counts.lost)};
}

Json counts_json(const ChangeCounts& counts) {
  return {{"questions", counts.questions},
          {"accuracy_a", percent(counts.right_a, counts.questions) / 100},
          {"accuracy_b", percent(counts.right_b, counts.questions) / 100},
          {"gained", counts.gained},
          {"lost", counts.lost},
          {"same", counts.questions - counts.gained - counts.lost}};
}

const char* change_name(Change change) {
  switch (change) {
    case Change::gained:
      return "gained";
    case Change::lost:
      return "lost";
    case Change::both_right:
      return "both right";
    case Change::both_wrong:
      return "both wrong";
  }
  return "";
}

std::string method(const SignFlip& test) {
  return test.exact ? "all flips tried" : std::to_string(kRandomFlips) + " random flips";
}

Json settings_json(const Comparison& comparison) {
  Json out = Json::object();
  for (const Setting& setting : comparison.settings) out[setting.field] = {{"a", setting.a}, {"b", setting.b}};
  return out;
}

/// The questions that changed in the `wanted` way: some with frames, the others in a table.
void add_changed(report::Page& page, const Comparison& comparison, Change wanted, const Clips& clips, int64_t examples) {
  const auto plain = [](const char* name, const std::string& text) {
    return report::labelled(name, report::marked_text(text, {}, report::Mark::plain));
  };
  report::Table rest{{"id", "question", "answer", "A said", "B said"}, {}};
  int64_t shown = 0;
  for (size_t i = 0; i < comparison.a.size(); ++i) {
    if (comparison.changes[i] != wanted) continue;
    const rows::Scored &a = comparison.a[i], &b = comparison.b[i];
    if (++shown > examples) {
      rest.rows.push_back({a.id, a.question, a.answer, a.said, b.said});
      continue;
    }
    page.subsection(a.id).add(clips.strip(a.id));
    page.add(report::grid({plain("question", a.question), plain("true answer", a.answer)}));
    page.add(report::grid({plain("A said", a.said), plain("B said", b.said)}));
  }
  if (shown == 0) page.paragraph("None.");
  if (!rest.rows.empty()) {
    const std::string more = examples > 0 ? " more" : "";
    page.add(report::details(std::to_string(rest.rows.size()) + more + " questions", report::html_table(rest)));
  }
}

std::string chart(const Comparison& comparison, const std::string& a, const std::string& b) {
  report::BarChart chart{
      .title = "Accuracy by type", .y_label = "%", .groups = {}, .bars = {{a, {}, {}}, {b, {}, {}}}, .most = 100};
  for (const ChangeCounts& counts : comparison.types) {
    chart.groups.push_back(counts.name);
    chart.bars[0].values.push_back(percent(counts.right_a, counts.questions));
    chart.bars[1].values.push_back(percent(counts.right_b, counts.questions));
  }
  return report::figure(report::bar_chart(chart), "Share of questions answered right.");
}

}  // namespace

std::vector<std::string> comparison_notes(const Comparison& comparison) {
  std::vector<std::string> out;
  const auto add = [&](int64_t count, const std::string& what) {
    if (count > 0) out.push_back(std::to_string(count) + " questions " + what);
  };
  add(comparison.only_a, "are in A only: left out");
  add(comparison.only_b, "are in B only: left out");
  add(comparison.uncounted, "have no reply, or no judge, on a side: left out");
  for (const Setting& setting : comparison.settings)
    out.push_back("another setting than the model differs: " + setting.field + " is " + printable(setting.a.dump(), 60) +
                  " in A and " + printable(setting.b.dump(), 60) + " in B");
  return out;
}

std::string headline(const Comparison& comparison) {
  const SignFlip& test = comparison.by_video;
  return "B - A: " + signed_points(100 * test.mean) + " points of accuracy, mean over " + std::to_string(test.videos) +
         " videos; 95 % interval " + signed_points(100 * test.low) + " to " + signed_points(100 * test.high) +
         ", p = " + p_text(test.p) + " (sign-flip test by video, " + method(test) + ", interval by its inversion)";
}

report::Table comparison_table(const Comparison& comparison) {
  report::Table table{{"type", "questions", "A %", "B %", "B - A", "gained", "lost", "same"}, {}};
  for (const ChangeCounts& counts : comparison.types) table.rows.push_back(cells(counts));
  table.rows.push_back(cells(comparison.all));
  return table;
}

Json comparison_json(const Comparison& comparison, const std::string& a, const std::string& b) {
  const SignFlip& test = comparison.by_video;
  Json json = {{"a", a}, {"b", b}};
  json["all"] = counts_json(comparison.all);
  json["left_out"] = {{"only_a", comparison.only_a}, {"only_b", comparison.only_b}, {"uncounted", comparison.uncounted}};
  json["settings"] = settings_json(comparison);
  json["sign_flip_by_video"] = {{"mean", test.mean},
                                {"p", test.p},
                                {"low", test.low},
                                {"high", test.high},
                                {"videos", test.videos},
                                {"method", method(test)},
                                {"interval", "the shifts that the test does not reject at 5 %"}};
  json["mcnemar_exact"] = {{"gained", comparison.all.gained}, {"lost", comparison.all.lost}, {"p", comparison.mcnemar}};
  for (const ChangeCounts& counts : comparison.types) json["by_type"][counts.name] = counts_json(counts);
  for (size_t i = 0; i < comparison.a.size(); ++i) {
    if (comparison.changes[i] == Change::gained || comparison.changes[i] == Change::lost)
      json["changed"][comparison.a[i].id] = change_name(comparison.changes[i]);
  }
  return json;
}

std::string comparison_page(const Comparison& comparison, const std::string& a, const std::string& b, const Clips& clips,
                            int64_t examples) {
  const SignFlip& test = comparison.by_video;
  report::Page page("Comparison", "A: " + a + "   B: " + b);
  page.add(report::facts({{"points by video", signed_points(100 * test.mean)},
                          {"95 % interval", signed_points(100 * test.low) + " to " + signed_points(100 * test.high)},
                          {"p, sign-flip", p_text(test.p)},
                          {"gained", report::grouped(comparison.all.gained)},
                          {"lost", report::grouped(comparison.all.lost)},
                          {"p, McNemar", p_text(comparison.mcnemar)}}));
  page.paragraph(headline(comparison) + ".");
  for (const std::string& note : comparison_notes(comparison)) page.paragraph("Note: " + note + ".");
  page.paragraph(
      "Questions of one video are not independent: the headline flips the sign of whole videos. The exact McNemar "
      "test counts single questions.");
  page.section("By type").add(report::html_table(comparison_table(comparison))).add(chart(comparison, "A", "B"));
  for (const Change change : {Change::gained, Change::lost}) {
    page.section(change == Change::gained ? "Gained" : "Lost");
    add_changed(page, comparison, change, clips, examples);
  }
  return page.html();
}

}  // namespace rrpo::eval
