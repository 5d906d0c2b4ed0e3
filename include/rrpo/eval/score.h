// From verdicts to numbers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/eval/clips.h"
#include "rrpo/report/table.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/scored.h"

namespace rrpo::eval {

/// Counts over some questions: right + wrong + unparsed + unjudged + failed + missing = questions.
struct Counts {
  std::string name;
  int64_t questions = 0, right = 0, wrong = 0;
  int64_t unparsed = 0;                ///< replies that cannot be read: not right
  int64_t unjudged = 0;                ///< replies that nobody judged: they do not count
  int64_t failed = 0;                  ///< questions without a reply: they do not count
  int64_t missing = 0;                 ///< questions without a prediction: not right
  int64_t slots = 0, right_slots = 0;  ///< of open answers with slots that count; an unparsed one has none right

  int64_t answered() const { return right + wrong; }
  /// right / (questions - failed - unjudged); NaN where nothing was answered: that is no score.
  double accuracy() const;
  /// right_slots / slots; NaN without slots, and where nothing was answered.
  double slot_share() const;
  /// slot_share() where there are slots, else accuracy().
  double score() const;
};

/// The numbers of one scorer.
struct Scores {
  std::string scorer, revision;
  Counts all;
  std::vector<Counts> formats;  ///< by `format`, in the order of appearance
  std::vector<Counts> types;    ///< by `tags.type`, likewise; empty when no question has one
  int64_t videos = 0;

  /// The unweighted mean of score() over the types (over the formats where there are no types) that have one; NaN where none
  /// has.
  double mean_over_types() const;
};

/// `verdicts` of `scorer`, at most one per question.
Scores score(const rows::Scorer& scorer, const std::vector<rows::Question>& questions,
             const std::vector<rows::Scored>& verdicts);

/// scores.json: `{"ours": {"revision", "n", "answered", …, "overall", "tasks", "groups", "extra"}}`, one member per scorer.
/// Shares are fractions; null where there is no score.
Json scores_json(const std::vector<Scores>& scores);
/// The counts of all questions, for the last line.
Json summary_json(const Scores& scores);
/// One line per type (per format without types), then the mean and all questions. `-`: no score.
report::Table scores_table(const Scores& scores);
/// What the numbers alone would hide: that nothing could be read, that replies are unjudged, that predictions are missing.
std::vector<std::string> score_warnings(const Scores& scores, const std::vector<rows::Scored>& verdicts);
/// report.md and report.html; the first `examples` mistakes are shown with frames of their clips.
std::string scores_markdown(const Scores& scores, const std::vector<rows::Scored>& verdicts, const std::string& title);
std::string scores_page(const Scores& scores, const std::vector<rows::Scored>& verdicts, const std::string& title,
                        const Json& config, const Clips& clips = {}, int64_t examples = 0);

}  // namespace rrpo::eval
