// Predictions read by several scorers, side by side and beside what others have published. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rrpo/eval/benchmark.h"
#include "rrpo/eval/config.h"
#include "rrpo/eval/judging.h"
#include "rrpo/eval/score.h"

namespace rrpo::eval {

/// One scorer, and what came of it. It is asked about the questions that it serves.
struct ScorerResult {
  Scores scores;
  std::vector<rows::Scored> verdicts;
};

/// How a run asked: what its numbers may be compared with.
struct RunFacts {
  std::string profile, sampling;
  int64_t frames = 0;
  bool whole = false;        ///< all questions, of whole clips: no sample, no part, no perturbation
  std::string reason_not{};  ///< why it is not
};

/// The scores of one scorer when the model sees the clips, nothing (one grey), and their frames in random order.
struct Control {
  std::string scorer;
  double clip = 0, blank = 0, shuffled = 0;  ///< NaN: there is none
};
/// Of a run with this configuration.
RunFacts facts_of(const EvalConfig& config);

struct Evaluation {
  std::vector<ScorerResult> results;  ///< never empty; the first one's numbers stand at the top
  const Benchmark* benchmark = nullptr;
  std::optional<RunFacts> facts{};  ///< not known of the predictions of others
  std::vector<Control> controls{};
  std::string judge_note{};  ///< why what a judge said is no published judgement; empty: nobody was asked, or it is one
};

/// The scorers of a run whose user names none: ours; of a benchmark's questions then those that know it, and strict.
std::vector<std::string> standard_scorers(const std::vector<rows::Question>& questions);

/// Who judges for a scorer of that name what it calls unjudged; an empty function: nobody.
using Judges = std::function<JudgeOf(const std::string& scorer)>;

/// `predictions` by each scorer of `names`; `judges` stands in for `aids.judge` where it is given. Throws Error(usage) for a
/// scorer that has no rule for any of the questions, and as rows::score_predictions() does.
Evaluation evaluate(const std::vector<rows::Question>& questions, const std::vector<rows::Prediction>& predictions,
                    const std::vector<std::string>& names, rows::Aids aids, const Judges& judges = {});

/// A number of others beside ours.
struct Compared {
  Published published;
  std::optional<double> ours;        ///< in percent, by the scorer of the published number
  std::optional<double> difference;  ///< only where nothing is unlike
};
/// The published rows of a benchmark, and why a difference is missing, one reason each. Empty for questions of one's own.
struct PublishedTable {
  std::vector<Compared> rows;
  std::vector<std::string> unlike;
  std::string scorer;  ///< whose number of ours stands there
};
PublishedTable published_table(const Evaluation& evaluation);
report::Table published_report(const PublishedTable& table);

/// The scorers of `seen` with their numbers in the other two.
std::vector<Control> controls_of(const Evaluation& seen, const Evaluation& blank, const Evaluation& shuffled);
report::Table controls_table(const std::vector<Control>& controls);

/// How often two scorers agree on right or not, in percent of the replies that both have.
report::Table scorer_matrix(const Evaluation& evaluation);
/// The first `limit` replies on which scorers disagree: id, reply, and the verdict of each.
report::Table disagreements(const Evaluation& evaluation, size_t limit);
/// n, answered, unparsed, … and the number of each scorer.
report::Table scorer_table(const Evaluation& evaluation);

}  // namespace rrpo::eval
