#include "rrpo/eval/evaluation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "rrpo/util/fields.h"
#include "rrpo/util/table.h"

namespace rrpo::eval {
namespace {

std::string percent(double share) { return std::isnan(share) ? "-" : report::fixed(100 * share, 1); }

/// Verdicts by id.
std::map<std::string, const rows::Scored*> by_id(const ScorerResult& result) {
  std::map<std::string, const rows::Scored*> out;
  for (const rows::Scored& scored : result.verdicts) out[scored.id] = &scored;
  return out;
}

/// `tvbench c354322, mvbench 4dd8210`: the part of one benchmark, where a revision has such parts.
std::string revision_for(const std::string& revision, const std::string& benchmark) {
  const size_t at = benchmark.empty() ? std::string::npos : (", " + revision).find(", " + benchmark + " ");
  if (at == std::string::npos) return revision;
  const size_t begin = at + benchmark.size() + 1;
  return revision.substr(begin, revision.find(',', begin) - begin);
}

}  // namespace

RunFacts facts_of(const EvalConfig& config) {
  RunFacts facts{config.eval.profile, config.video.sampling, config.video.frames, true, ""};
  if (config.eval.limit > 0) facts.reason_not = "a sample of the questions (eval.limit)";
  if (config.eval.shard) facts.reason_not = "a part of the questions (eval.shard)";
  if (!perturb_list(config.eval).empty()) facts.reason_not = "perturbed clips (eval.perturb)";
  if (config.eval.subtitles) facts.reason_not = "questions with subtitles (eval.subtitles)";
  facts.whole = facts.reason_not.empty();
  return facts;
}

std::vector<std::string> standard_scorers(const std::vector<rows::Question>& questions) {
  std::vector<std::string> names = {"ours"};
  const Benchmark* benchmark = questions.empty() ? nullptr : find_row(benchmarks(), questions.front().item.benchmark);
  if (benchmark == nullptr) return names;
  names.insert(names.end(), benchmark->scorers.begin(), benchmark->scorers.end());
  if (std::find(names.begin(), names.end(), "strict") == names.end()) names.emplace_back("strict");
  return names;
}

Evaluation evaluate(const std::vector<rows::Question>& questions, const std::vector<rows::Prediction>& predictions,
                    const std::vector<std::string>& names, rows::Aids aids, const Judges& judges) {
  Evaluation out;
  for (const std::string& name : names) {
    const rows::Scorer& scorer = *find_row(rows::scorers(), name);
    std::vector<rows::Question> served;
    std::set<std::string> others;
    for (const rows::Question& question : questions) {
      if (scorer.serves(question)) served.push_back(question);
      if (!scorer.serves(question)) others.insert(question.id);
    }
    if (served.empty())
      bad_field("scorers", "'" + name + "' has no rule for these questions",
                "scorers=[\"ours\"]; docs/scorers.md says which");
    std::vector<rows::Prediction> said;
    std::copy_if(predictions.begin(), predictions.end(), std::back_inserter(said),
                 [&](const rows::Prediction& prediction) { return !others.contains(prediction.id); });
    if (judges) aids.judge = judges(name);
    std::vector<rows::Scored> verdicts = rows::score_predictions(scorer, served, said, aids);
    out.results.push_back({score(scorer, served, verdicts), std::move(verdicts)});
    Scores& scores = out.results.back().scores;
    scores.revision = revision_for(scores.revision, served.front().item.benchmark);
  }
  const bool one = std::all_of(questions.begin(), questions.end(), [&](const rows::Question& question) {
    return question.item.benchmark == questions.front().item.benchmark;
  });
  if (one && !questions.empty()) out.benchmark = find_row(benchmarks(), questions.front().item.benchmark);
  return out;
}

std::vector<Control> controls_of(const Evaluation& seen, const Evaluation& blank, const Evaluation& shuffled) {
  std::vector<Control> out;
  for (size_t i = 0; i < seen.results.size(); ++i)
    out.push_back({seen.results[i].scores.scorer, seen.results[i].scores.overall.value,
                   blank.results[i].scores.overall.value, shuffled.results[i].scores.overall.value});
  return out;
}

report::Table controls_table(const std::vector<Control>& controls) {
  report::Table table{{"scorer", "clip %", "blank %", "left %", "shuffled %", "left %"}, {}};
  const auto left = [](double part, double whole) { return whole > 0 ? percent(part / whole) : std::string("-"); };
  for (const Control& one : controls)
    table.rows.push_back({one.scorer, percent(one.clip), percent(one.blank), left(one.blank, one.clip),
                          percent(one.shuffled), left(one.shuffled, one.clip)});
  return table;
}

report::Table scorer_matrix(const Evaluation& evaluation) {
  report::Table table{{"agree on, % of replies"}, {}};
  for (const ScorerResult& result : evaluation.results) table.header.push_back(result.scores.scorer);
  for (const ScorerResult& a : evaluation.results) {
    std::vector<std::string> row = {a.scores.scorer};
    const auto mine = by_id(a);
    for (const ScorerResult& b : evaluation.results) {
      int64_t both = 0, same = 0;
      for (const rows::Scored& scored : b.verdicts) {
        const auto found = mine.find(scored.id);
        if (found == mine.end()) continue;
        ++both;
        same += found->second->right() == scored.right() ? 1 : 0;
      }
      row.push_back(both == 0 ? "-" : report::fixed(100 * static_cast<double>(same) / static_cast<double>(both), 1));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

report::Table disagreements(const Evaluation& evaluation, size_t limit) {
  report::Table table{{"id", "true answer", "reply"}, {}};
  std::vector<std::map<std::string, const rows::Scored*>> all;
  for (const ScorerResult& result : evaluation.results) {
    table.header.push_back(result.scores.scorer);
    all.push_back(by_id(result));
  }
  for (const rows::Scored& first : evaluation.results.front().verdicts) {
    std::set<bool> right;
    std::vector<std::string> row = {first.id, first.answer, first.said};
    for (const auto& verdicts : all) {
      const auto found = verdicts.find(first.id);
      if (found != verdicts.end()) right.insert(found->second->right());
      row.emplace_back(found == verdicts.end() ? "" : rows::verdict_name(found->second->judged.verdict));
    }
    if (right.size() == 2 && table.rows.size() < limit) table.rows.push_back(std::move(row));
  }
  return table;
}

report::Table scorer_table(const Evaluation& evaluation) {
  report::Table table{
      {"scorer", "revision", "n", "answered", "unparsed", "dropped", "unjudged", "failed", "missing", "score %", "95 %"},
      {}};
  for (const ScorerResult& result : evaluation.results) {
    const Scores& scores = result.scores;
    const Counts& all = scores.all;
    const auto text = [](int64_t value) { return std::to_string(value); };
    const Interval& interval = scores.overall.interval;
    table.rows.push_back({scores.scorer, scores.revision, text(all.questions), text(all.answered()),
                          text(all.unparsed + all.guessed), text(all.dropped), text(all.unjudged), text(all.failed),
                          text(all.missing), percent(scores.overall.value),
                          std::isnan(interval.low) ? "-" : percent(interval.low) + " to " + percent(interval.high)});
  }
  return table;
}

}  // namespace rrpo::eval
