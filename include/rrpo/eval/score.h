// From predictions to numbers. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/eval/clips.h"
#include "rrpo/report/table.h"
#include "rrpo/rows/prediction.h"
#include "rrpo/rows/question.h"

namespace rrpo::eval {

/// Counts over some questions: right + wrong + unparsed + failed = questions.
struct Counts {
  std::string name;
  int64_t questions = 0, right = 0, wrong = 0, unparsed = 0, failed = 0;
  int64_t slots = 0, right_slots = 0;  ///< of open answers with slots; an unparsed or failed answer has none right

  int64_t answered() const { return right + wrong; }
  /// right / questions: what is unparsed or failed is not right.
  double accuracy() const;
  /// right_slots / slots; NaN without slots.
  double slot_share() const;
  /// slot_share() where there are slots, else accuracy().
  double score() const;
};

struct Scores {
  Counts all;
  std::vector<Counts> formats;  ///< by `format`, in the order of appearance
  std::vector<Counts> types;    ///< by `tags.type`, likewise; empty when no question has one
  int64_t videos = 0;

  /// The unweighted mean of score() over the types (over the formats where there are no types).
  double mean_over_types() const;
};

/// `predictions` holds exactly one row per question, in any order; throws Error(input, "data") otherwise.
Scores score(const std::vector<rows::Question>& questions, const std::vector<rows::Prediction>& predictions);

Json scores_json(const Scores& scores);
/// One line per type (per format without types), then the mean and all questions.
report::Table scores_table(const Scores& scores);
/// report.md and report.html; the first `examples` mistakes are shown with frames of their clips.
std::string scores_markdown(const Scores& scores, const std::string& title);
std::string scores_page(const Scores& scores, const std::vector<rows::Question>& questions,
                        const std::vector<rows::Prediction>& predictions, const std::string& title, const Json& config,
                        const Clips& clips = {}, int64_t examples = 0);

}  // namespace rrpo::eval
