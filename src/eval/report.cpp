#include "rrpo/eval/report.h"

#include <cmath>

#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"

namespace rrpo::eval {

namespace {

constexpr size_t kMistakes = 200, kDisagreements = 100;

constexpr const char* kNote =
    "accuracy = right / (n - failed - unjudged): an unparsed reply and a missing prediction count as not right, a question "
    "without a reply or without a judge does not count; `-`: nothing was answered, so there is no score. Score: the share "
    "of "
    "right slots for open answers, that of right groups where questions count together, else the accuracy; the mean is over "
    "the rows above it that have one, unweighted.";

std::string percent(double share) { return std::isnan(share) ? "-" : report::fixed(100 * share, 1); }

std::string scores_chart(const Scores& scores) {
  report::BarChart chart{
      .title = "Score by " + scores.kind, .y_label = "%", .groups = {}, .bars = {{"score", {}, {}}}, .most = 100};
  for (const Counts& counts : scores.types.empty() ? scores.formats : scores.types) {
    if (std::isnan(counts.score())) continue;
    chart.groups.push_back(counts.name);
    chart.bars[0].values.push_back(100 * counts.score());
  }
  if (chart.groups.empty()) return "";
  return report::figure(report::bar_chart(chart),
                        "Unparsed answers count as not right; failed and unjudged ones do not count.");
}

std::string said_of(const rows::Scored& scored) {
  return scored.judged.verdict == rows::Verdict::failed ? scored.judged.reason : scored.said;
}

/// The first `limit` questions that were not answered right.
std::vector<const rows::Scored*> mistakes(const std::vector<rows::Scored>& verdicts, size_t limit) {
  std::vector<const rows::Scored*> found;
  for (const rows::Scored& scored : verdicts) {
    if (found.size() < limit && !scored.right()) found.push_back(&scored);
  }
  return found;
}

void add_mistakes(report::Page& page, const std::vector<const rows::Scored*>& wrong, const Clips& clips, int64_t examples) {
  const auto plain = [](const char* name, const std::string& text) {
    return report::labelled(name, report::marked_text(text, {}, report::Mark::plain));
  };
  report::Table rest{{"id", "question", "answer", "response", "verdict"}, {}};
  for (size_t i = 0; i < wrong.size(); ++i) {
    const rows::Scored* question = wrong[i];
    const std::string said = said_of(*question), verdict = rows::verdict_name(question->judged.verdict);
    if (i >= static_cast<size_t>(examples)) {
      rest.rows.push_back({question->id, question->question, question->answer, said, verdict});
      continue;
    }
    page.subsection(question->id + " · " + verdict)
        .add(clips.strip(question->id))
        .add(plain("question", question->question));
    page.add(report::grid({plain("true answer", question->answer), plain("response", said)}));
  }
  if (!rest.rows.empty()) {
    const std::string more = examples > 0 ? " more" : "";
    page.add(report::details(std::to_string(rest.rows.size()) + more + " questions not answered right",
                             report::html_table(rest)));
  }
}

/// The tables below the one by type, with their headings.
std::vector<std::pair<std::string, report::Table>> further_tables(const Evaluation& evaluation) {
  const Scores& scores = evaluation.results.front().scores;
  std::vector<std::pair<std::string, report::Table>> out = {{"By format", counts_table("format", scores.formats)}};
  for (const Axis& axis : scores.axes) out.emplace_back("By " + axis.name, counts_table(axis.name, axis.groups));
  const PublishedTable published = published_table(evaluation);
  if (!published.rows.empty()) out.emplace_back("Beside published numbers", published_report(published));
  if (!evaluation.controls.empty()) out.emplace_back("What is left without seeing", controls_table(evaluation.controls));
  if (evaluation.results.size() < 2) return out;
  out.emplace_back("By scorer", scorer_table(evaluation));
  out.emplace_back("How often scorers agree", scorer_matrix(evaluation));
  return out;
}

/// What a reader must know about a table, by its heading.
std::string note_of(const std::string& heading, const Evaluation& evaluation) {
  if (heading == "By scorer") return evaluation.results.front().scores.overall.weighting + ".";
  if (heading != "Beside published numbers") return "";
  const PublishedTable published = published_table(evaluation);
  std::string note = "Ours by the scorer " + published.scorer + ".";
  for (const std::string& reason : published.unlike) note += " Unlike: " + reason + ".";
  return note;
}

}  // namespace

std::string report_markdown(const Evaluation& evaluation, const Report& report) {
  const auto& [scores, verdicts] = evaluation.results.front();
  std::string out = "# " + report::escape(report.title) + "\n\n";
  for (const std::string& warning : score_warnings(scores, verdicts))
    out += "**Note:** " + report::escape(warning) + ".\n\n";
  out += report::markdown_table(scores_table(scores)) + "\n";
  for (const auto& [heading, table] : further_tables(evaluation)) {
    if (heading != "By format") out += "## " + heading + "\n\n";
    out += report::markdown_table(table) + "\n";
    if (const std::string note = note_of(heading, evaluation); !note.empty()) out += report::escape(note) + "\n\n";
  }
  return out + std::to_string(scores.all.questions) + " questions about " + std::to_string(scores.videos) +
         " videos, scorer " + scores.scorer + " (" + scores.revision + "). " + kNote + "\n";
}

std::string report_page(const Evaluation& evaluation, const Report& report) {
  const auto& [scores, verdicts] = evaluation.results.front();
  const Counts& all = scores.all;
  const auto share = [](double value) { return percent(value) + (std::isnan(value) ? "" : " %"); };
  report::Page page("Evaluation", report.title);
  page.add(report::facts({{scores.overall.name, share(scores.overall.value)},
                          {"mean over " + scores.kind + "s", share(scores.mean_over_types())},
                          {"questions", report::grouped(all.questions)},
                          {"videos", report::grouped(scores.videos)},
                          {"unparsed", report::grouped(all.unparsed)},
                          {"failed", report::grouped(all.failed)}}));
  for (const std::string& warning : score_warnings(scores, verdicts)) page.paragraph("Note: " + warning + ".");
  page.section("By " + scores.kind).add(report::html_table(scores_table(scores))).paragraph(kNote);
  if (!scores.formats.empty()) page.add(scores_chart(scores));
  for (const auto& [heading, table] : further_tables(evaluation)) {
    page.section(heading).add(report::html_table(table));
    if (const std::string note = note_of(heading, evaluation); !note.empty()) page.paragraph(note);
  }
  const report::Table differ = disagreements(evaluation, kDisagreements);
  if (!differ.rows.empty())
    page.add(report::details("replies on which scorers disagree (the first " + std::to_string(differ.rows.size()) + ")",
                             report::html_table(differ)));
  const std::vector<const rows::Scored*> wrong = mistakes(verdicts, kMistakes);
  page.section("Mistakes");
  if (wrong.empty()) page.paragraph("None.");
  if (wrong.size() == kMistakes) page.paragraph("The first " + std::to_string(kMistakes) + "; verdicts.jsonl has them all.");
  add_mistakes(page, wrong, report.clips, report.examples);
  page.section("Settings").add(report::settings_table(report.config));
  return page.html();
}

}  // namespace rrpo::eval
