// From verdicts to numbers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/eval/overall.h"
#include "rrpo/report/table.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/scored.h"

namespace rrpo::eval {

/// Counts over some questions: right + wrong + unparsed + guessed + dropped + unjudged + failed + missing = questions.
struct Counts {
  std::string name;
  int64_t questions = 0, right = 0, wrong = 0;
  int64_t unparsed = 0;                  ///< replies that cannot be read: not right
  int64_t guessed = 0;                   ///< replies that cannot be read, where the scorer's tool draws an option: not right
  int64_t dropped = 0;                   ///< replies that cannot be read, where the scorer's tool leaves them out
  int64_t unjudged = 0;                  ///< replies that nobody judged: they do not count
  int64_t failed = 0;                    ///< questions without a reply: they do not count
  int64_t missing = 0;                   ///< questions without a prediction: not right
  int64_t groups = 0, right_groups = 0;  ///< of the questions that count together, those whose every question counts
  double group_points = 0;               ///< what those groups count together: right_groups where a group is right or not
  int64_t slots = 0, right_slots = 0;    ///< of open answers with slots that count; an unparsed one has none right

  int64_t answered() const { return right + wrong; }
  /// right / (questions - failed - unjudged - dropped); NaN where nothing was answered: that is no score.
  double accuracy() const;
  /// group_points / groups; NaN without any.
  double group_accuracy() const;
  /// right_slots / slots; NaN without slots, and where nothing was answered.
  double slot_share() const;
  /// slot_share() where there are slots, group_accuracy() where questions count together, else accuracy().
  double score() const;
};

/// Counts by what an axis says of each question: `duration`: short, medium, long.
struct Axis {
  std::string name;
  std::vector<Counts> groups;
};

/// The number of a set of questions.
struct Headline {
  std::string name = "accuracy";
  double value = 0;  ///< NaN: there is none
  Interval interval{};
  std::string weighting;
};

/// The numbers of one scorer.
struct Scores {
  std::string scorer, revision;
  Counts all;
  std::vector<Counts> formats;  ///< by `format`, in the order of appearance
  std::string kind = "type";    ///< what `types` are: of a benchmark its tasks
  std::vector<Counts> types;    ///< by `tags.type`, of a benchmark by task, likewise; empty when no question has one
  std::vector<Axis> axes;       ///< by what a benchmark says of its questions
  int64_t videos = 0;
  Headline overall;
  Json extra = Json::object();  ///< what a benchmark's scripts print beside it

  /// The unweighted mean of score() over the types (over the formats where there are no types) that have one; NaN where none
  /// has.
  double mean_over_types() const;
};

/// `verdicts` of `scorer`, at most one per question. Where all questions are of one benchmark, its rule makes the number.
Scores score(const rows::Scorer& scorer, const std::vector<rows::Question>& questions,
             const std::vector<rows::Scored>& verdicts);

/// scores.json: `{"ours": {"revision", "n", "answered", …, "overall", "tasks", "groups", "extra"}}`, one member per scorer.
/// Shares are fractions; null where there is no score.
Json scores_json(const std::vector<Scores>& scores);
/// The counts of all questions, for the last line.
Json summary_json(const Scores& scores);
/// One line per entry; `first` heads their names.
report::Table counts_table(const std::string& first, const std::vector<Counts>& groups);
/// One line per type (per format without types), then the mean and all questions. `-`: no score.
report::Table scores_table(const Scores& scores);
/// What the numbers alone would hide: that nothing could be read, that replies are unjudged, that predictions are missing.
std::vector<std::string> score_warnings(const Scores& scores, const std::vector<rows::Scored>& verdicts);

}  // namespace rrpo::eval
