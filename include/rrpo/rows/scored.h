// What a scorer made of one prediction: one row of verdicts.jsonl. Pure.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rrpo/rows/prediction.h"
#include "rrpo/rows/scorer.h"
#include "rrpo/rows/similarities.h"

namespace rrpo::rows {

struct Scored {
  std::string id;
  std::string scorer;
  Judged judged;
  std::optional<double> value{};  ///< 1 right, 0 not; open answers with slots: the share of right ones; scene changes: how
                                  ///< well both scenes are described, where that is known; nothing: does not count
  std::string question, answer, format, video;  ///< empty: not known
  Json tags = Json::object();
  std::string task;   ///< of a benchmark's question
  std::string group;  ///< of questions that count together: right when each of them is
  std::string said;   ///< the reply, or why there is none

  bool right() const { return judged.verdict == Verdict::right; }
  /// False where there is nothing to count: no reply, nobody to judge it, or a scorer that leaves it out.
  bool counts() const {
    return judged.verdict != Verdict::failed && judged.verdict != Verdict::unjudged && judged.verdict != Verdict::dropped;
  }
};

/// What scoring needs beside questions and replies.
struct Aids {
  Similarities similarities{};
  /// What a judge makes of the reply to a question that a scorer calls unjudged; empty: nobody was asked.
  std::function<std::optional<Judged>(const Question&, const std::string& reply)> judge{};
};

/// The questions' predictions, scored, in the questions' order; questions without a prediction have no row. Throws
/// Error(input, "data") for a prediction of no question, or two of one.
std::vector<Scored> score_predictions(const Scorer& scorer, const std::vector<Question>& questions,
                                      const std::vector<Prediction>& predictions, const Aids& aids = {});
/// The verdict that a row of an earlier version holds.
Scored earlier_score(const Prediction& prediction);

Scored parse_scored(const Json& row, std::string_view place);
Json scored_json(const Scored& scored);

}  // namespace rrpo::rows
