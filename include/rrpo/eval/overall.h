// The one number of a benchmark, from verdicts. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/eval/benchmark.h"
#include "rrpo/rows/question.h"
#include "rrpo/rows/scene.h"
#include "rrpo/rows/scored.h"

namespace rrpo::eval {

/// A question beside what one scorer made of its prediction; nullptr: there is none.
struct Marked {
  const rows::Question* question = nullptr;
  const rows::Scored* scored = nullptr;
};

/// What counts as one: a question, or the questions of a group (`pair_id`) that has a rule (rrpo/rows/group.h).
struct Unit {
  std::string name;    ///< of the group, or the question's id
  std::string subset;  ///< of its questions
  std::string video;   ///< of its first question
  double value = 0;    ///< in [0, 1]: 1 for a right question, and what its rule says of a group
  bool counts = true;  ///< false: one of its questions failed, is unjudged, or was dropped by the scorer
};
std::vector<Unit> units_of(const std::vector<Marked>& marked);

/// The mean value of those that count; NaN where none does.
double share_right(const std::vector<Unit>& units);

/// The number by a benchmark's rule; NaN where there is none, such as VidHalluc's mean without similarities.
double overall_value(Overall rule, const std::vector<Marked>& marked);

/// What a benchmark's own scripts print beside it, by the names of docs/scorers.md: `yes_diff`, `mcc`, ….
Json extra_values(Overall rule, const std::vector<Marked>& marked);

/// A 95 % interval that takes the questions of one video for one draw: the delete-a-group jackknife over videos (each video
/// a group, or kJackknifeGroups groups of them), 1.96 standard errors. NaN with fewer than two videos.
struct Interval {
  double low = 0, high = 0;
};
inline constexpr int64_t kJackknifeGroups = 200;
Interval overall_interval(Overall rule, const std::vector<Marked>& marked);

/// VidHalluc's scene changes; the description is NaN without similarities, and so is what it is part of.
rows::SceneScores scene_scores_of(const std::vector<Marked>& marked);

/// VideoHallucer's bias over pairs of a basic and a hallucinated question, in the closed form of the authors' script.
struct Bias {
  double yes_diff = 0, no_diff = 0, false_positive_ratio = 0;
};
/// (basic right, hallucination right), one per pair.
Bias bias_of(const std::vector<std::pair<bool, bool>>& pairs);

}  // namespace rrpo::eval
