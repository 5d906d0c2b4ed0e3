// The tables and the page of one evaluation.
#include <cmath>

#include "rrpo/eval/score.h"
#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"

namespace rrpo::eval {

namespace {

constexpr const char* kNote =
    "accuracy = right / (n - failed - unjudged): an unparsed reply and a missing prediction count as not right, a question "
    "without a reply or without a judge does not count; `-`: nothing was answered, so there is no score. Score: the share "
    "of "
    "right slots for open answers, else the accuracy; the mean is over the rows above it that have one, unweighted.";

std::string percent(double share) { return std::isnan(share) ? "-" : report::fixed(100 * share, 1); }

std::vector<std::string> cells(const Counts& counts) {
  const auto text = [](int64_t value) { return std::to_string(value); };
  return {counts.name,
          text(counts.questions),
          text(counts.answered()),
          text(counts.unparsed),
          text(counts.unjudged),
          text(counts.failed),
          text(counts.missing),
          text(counts.right),
          percent(counts.accuracy()),
          percent(counts.score())};
}

report::Table table_of(const std::string& first, const std::vector<Counts>& groups) {
  report::Table table{
      {first, "n", "answered", "unparsed", "unjudged", "failed", "missing", "right", "accuracy %", "score %"}, {}};
  for (const Counts& counts : groups) table.rows.push_back(cells(counts));
  return table;
}

std::string scores_chart(const Scores& scores) {
  report::BarChart chart{.title = "Score by type", .y_label = "%", .groups = {}, .bars = {{"score", {}, {}}}, .most = 100};
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

std::string counted(int64_t part, int64_t whole, const std::string& what) {
  return std::to_string(part) + " of " + std::to_string(whole) + " " + what;
}

const rows::Scored* first_of(const std::vector<rows::Scored>& verdicts, rows::Verdict verdict) {
  for (const rows::Scored& scored : verdicts) {
    if (scored.judged.verdict == verdict) return &scored;
  }
  return nullptr;
}

}  // namespace

std::vector<std::string> score_warnings(const Scores& scores, const std::vector<rows::Scored>& verdicts) {
  constexpr size_t kShown = 120;
  const Counts& all = scores.all;
  std::vector<std::string> out;
  const rows::Scored* unread = first_of(verdicts, rows::Verdict::unparsed);
  const bool none_read = all.answered() == 0 && all.unparsed > 0;
  if (none_read && unread != nullptr)
    out.push_back(
        "no reply could be read, so there is no accuracy: " + counted(all.unparsed, all.questions, "are unparsed") +
        "; the first, to '" + printable(unread->id, 60) + "': \"" + printable(unread->said, kShown) + "\"");
  if (all.unjudged > 0)
    out.push_back(counted(all.unjudged, all.questions,
                          "replies are unjudged: no rule judges an open answer without slots; they do not count"));
  if (all.missing > 0)
    out.push_back(counted(all.missing, all.questions, "questions have no prediction; they count as not right"));
  if (all.failed > 0 && all.failed == all.questions) out.push_back("no question got a reply, so there is no accuracy");
  return out;
}

report::Table scores_table(const Scores& scores) {
  report::Table table = scores.types.empty() ? table_of("format", scores.formats) : table_of("type", scores.types);
  std::vector<std::string> mean(table.header.size());
  mean.front() = "mean";
  mean.back() = percent(scores.mean_over_types());
  table.rows.push_back(std::move(mean));
  std::vector<std::string> all = cells(scores.all);
  all.back() = "";
  table.rows.push_back(all);
  return table;
}

std::string scores_markdown(const Scores& scores, const std::vector<rows::Scored>& verdicts, const std::string& title) {
  std::string warnings;
  for (const std::string& warning : score_warnings(scores, verdicts))
    warnings += "**Note:** " + report::escape(warning) + ".\n\n";
  return "# " + report::escape(title) + "\n\n" + warnings + report::markdown_table(scores_table(scores)) + "\n" +
         report::markdown_table(table_of("format", scores.formats)) + "\n" + std::to_string(scores.all.questions) +
         " questions about " + std::to_string(scores.videos) + " videos, scorer " + scores.scorer + " (" + scores.revision +
         "). " + kNote + "\n";
}

std::string scores_page(const Scores& scores, const std::vector<rows::Scored>& verdicts, const std::string& title,
                        const Json& config, const Clips& clips, int64_t examples) {
  constexpr size_t kShown = 200;
  const Counts& all = scores.all;
  const auto share = [](double value) { return percent(value) + (std::isnan(value) ? "" : " %"); };
  report::Page page("Evaluation", title);
  page.add(report::facts({{"mean over types", share(scores.mean_over_types())},
                          {"accuracy", share(all.accuracy())},
                          {"questions", report::grouped(all.questions)},
                          {"videos", report::grouped(scores.videos)},
                          {"unparsed", report::grouped(all.unparsed)},
                          {"failed", report::grouped(all.failed)}}));
  for (const std::string& warning : score_warnings(scores, verdicts)) page.paragraph("Note: " + warning + ".");
  page.section("By type").add(report::html_table(scores_table(scores))).paragraph(kNote);
  if (!scores.formats.empty()) page.add(scores_chart(scores));
  page.section("By format").add(report::html_table(table_of("format", scores.formats)));
  const std::vector<const rows::Scored*> wrong = mistakes(verdicts, kShown);
  page.section("Mistakes");
  if (wrong.empty()) page.paragraph("None.");
  if (wrong.size() == kShown) page.paragraph("The first " + std::to_string(kShown) + "; predictions.jsonl has them all.");
  add_mistakes(page, wrong, clips, examples);
  page.section("Settings").add(report::settings_table(config));
  return page.html();
}

}  // namespace rrpo::eval
