// What a scorer made of one prediction: one row of verdicts.jsonl. Pure.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/prediction.h"
#include "rrpo/rows/scorer.h"

namespace rrpo::rows {

struct Scored {
  std::string id;
  std::string scorer;
  Judged judged;
  std::optional<double>
      value{};  ///< 1 right, 0 not; open answers with slots: the share of right ones; nothing: does not count
  std::string question, answer, format, video;  ///< empty: not known
  Json tags = Json::object();
  std::string said;  ///< the reply, or why there is none

  bool right() const { return judged.verdict == Verdict::right; }
  /// False where there is nothing to count: no reply, or nobody to judge it.
  bool counts() const { return judged.verdict != Verdict::failed && judged.verdict != Verdict::unjudged; }
};

/// The questions' predictions, scored, in the questions' order; questions without a prediction have no row. Throws
/// Error(input, "data") for a prediction of no question, or two of one.
std::vector<Scored> score_predictions(const Scorer& scorer, const std::vector<Question>& questions,
                                      const std::vector<Prediction>& predictions);
/// The verdict that a row of an earlier version holds.
Scored earlier_score(const Prediction& prediction);

Scored parse_scored(const Json& row, std::string_view place);
Json scored_json(const Scored& scored);

}  // namespace rrpo::rows
