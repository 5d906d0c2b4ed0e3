// The tables of one scorer's numbers.
#include <cmath>

#include "rrpo/eval/score.h"

namespace rrpo::eval {

namespace {

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

report::Table counts_table(const std::string& first, const std::vector<Counts>& groups) {
  report::Table table{
      {first, "n", "answered", "unparsed", "unjudged", "failed", "missing", "right", "accuracy %", "score %"}, {}};
  for (const Counts& counts : groups) table.rows.push_back(cells(counts));
  return table;
}

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
                          "replies are unjudged: no rule judges them, and no language model did; they do not count"));
  if (all.missing > 0)
    out.push_back(counted(all.missing, all.questions, "questions have no prediction; they count as not right"));
  if (all.failed > 0 && all.failed == all.questions) out.push_back("no question got a reply, so there is no accuracy");
  return out;
}

report::Table scores_table(const Scores& scores) {
  report::Table table =
      scores.types.empty() ? counts_table("format", scores.formats) : counts_table(scores.kind, scores.types);
  std::vector<std::string> mean(table.header.size());
  mean.front() = "mean";
  mean.back() = percent(scores.mean_over_types());
  table.rows.push_back(std::move(mean));
  std::vector<std::string> all = cells(scores.all);
  all.back() = "";
  table.rows.push_back(all);
  return table;
}

}  // namespace rrpo::eval
