// The tables and the page of one evaluation.
#include <map>

#include "rrpo/eval/score.h"
#include "rrpo/report/html.h"
#include "rrpo/report/svg.h"

namespace rrpo::eval {

namespace {

constexpr const char* kNote =
    "accuracy = correct / questions: what is unparsed or failed counts as not correct. Score: the share of right slots for "
    "open answers, else the accuracy; the mean is over the rows above it, unweighted.";

std::vector<std::string> cells(const Counts& counts) {
  const auto text = [](int64_t value) { return std::to_string(value); };
  return {counts.name,
          text(counts.questions),
          text(counts.answered()),
          text(counts.unparsed),
          text(counts.failed),
          text(counts.right),
          report::fixed(100 * counts.accuracy(), 1),
          report::fixed(100 * counts.score(), 1)};
}

report::Table table_of(const std::string& first, const std::vector<Counts>& groups) {
  report::Table table{{first, "questions", "answered", "unparsed", "failed", "correct", "accuracy %", "score %"}, {}};
  for (const Counts& counts : groups) table.rows.push_back(cells(counts));
  return table;
}

std::string scores_chart(const Scores& scores) {
  report::BarChart chart{.title = "Score by type", .y_label = "%", .groups = {}, .bars = {{"score", {}, {}}}, .most = 100};
  for (const Counts& counts : scores.types.empty() ? scores.formats : scores.types) {
    chart.groups.push_back(counts.name);
    chart.bars[0].values.push_back(100 * counts.score());
  }
  return report::figure(report::bar_chart(chart), "Unparsed and failed answers count as not correct.");
}

/// A question that was not answered right, with what was said.
struct Mistake {
  const rows::Question* question;
  std::string said, verdict;
};

/// The first `limit` of them.
std::vector<Mistake> mistakes(const std::vector<rows::Question>& questions, const std::vector<rows::Prediction>& predictions,
                              size_t limit) {
  std::map<std::string, const rows::Prediction*> by_id;
  for (const rows::Prediction& prediction : predictions) by_id[prediction.id] = &prediction;
  std::vector<Mistake> found;
  for (const rows::Question& question : questions) {
    const rows::Prediction& said = *by_id.at(question.id);
    if (found.size() >= limit) break;
    if (!said.failed() && said.judged.verdict == rows::Verdict::right) continue;
    found.push_back({&question, said.failed() ? said.error : said.response,
                     said.failed() ? "failed" : rows::verdict_name(said.judged.verdict)});
  }
  return found;
}

void add_mistakes(report::Page& page, const std::vector<Mistake>& wrong, const Clips& clips, int64_t examples) {
  const auto plain = [](const char* name, const std::string& text) {
    return report::labelled(name, report::marked_text(text, {}, report::Mark::plain));
  };
  report::Table rest{{"id", "question", "answer", "response", "verdict"}, {}};
  for (size_t i = 0; i < wrong.size(); ++i) {
    const auto& [question, said, verdict] = wrong[i];
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

}  // namespace

report::Table scores_table(const Scores& scores) {
  report::Table table = scores.types.empty() ? table_of("format", scores.formats) : table_of("type", scores.types);
  table.rows.push_back({"mean", "", "", "", "", "", "", report::fixed(100 * scores.mean_over_types(), 1)});
  std::vector<std::string> all = cells(scores.all);
  all.back() = "";
  table.rows.push_back(all);
  return table;
}

std::string scores_markdown(const Scores& scores, const std::string& title) {
  return "# " + report::escape(title) + "\n\n" + report::markdown_table(scores_table(scores)) + "\n" +
         report::markdown_table(table_of("format", scores.formats)) + "\n" + std::to_string(scores.all.questions) +
         " questions about " + std::to_string(scores.videos) + " videos. " + kNote + "\n";
}

std::string scores_page(const Scores& scores, const std::vector<rows::Question>& questions,
                        const std::vector<rows::Prediction>& predictions, const std::string& title, const Json& config,
                        const Clips& clips, int64_t examples) {
  constexpr size_t kShown = 200;
  const Counts& all = scores.all;
  report::Page page("Evaluation", title);
  page.add(report::facts({{"mean over types", report::fixed(100 * scores.mean_over_types(), 1) + " %"},
                          {"accuracy", report::fixed(100 * all.accuracy(), 1) + " %"},
                          {"questions", report::grouped(all.questions)},
                          {"videos", report::grouped(scores.videos)},
                          {"unparsed", report::grouped(all.unparsed)},
                          {"failed", report::grouped(all.failed)}}));
  page.section("By type").add(report::html_table(scores_table(scores))).paragraph(kNote);
  if (!scores.formats.empty()) page.add(scores_chart(scores));
  page.section("By format").add(report::html_table(table_of("format", scores.formats)));
  const std::vector<Mistake> wrong = mistakes(questions, predictions, kShown);
  page.section("Mistakes");
  if (wrong.empty()) page.paragraph("None.");
  if (wrong.size() == kShown) page.paragraph("The first " + std::to_string(kShown) + "; predictions.jsonl has them all.");
  add_mistakes(page, wrong, clips, examples);
  page.section("Settings").add(report::settings_table(config));
  return page.html();
}

}  // namespace rrpo::eval
