// What a group of questions counts, and what the scripts of the benchmarks with such groups print beside their number.
#pragma once

#include <vector>

#include "rrpo/eval/overall.h"

namespace rrpo::eval {

/// By the rule of its questions, whose points are 1 for a right one and 0 else. A reply that Video-MME-v2's own script
/// cannot read has -1 there: in a sum it takes away, in a chain it is a link. Its copies in lmms-eval and VLMEvalKit have 0.
double group_value(const std::vector<Marked>& group);

/// Video-MME-v2 (evaluation/test_video_mme_v2.py): the number of each level and kind of group, the linear one of relevance,
/// the accuracy of all replies and of those that were read, and the number with every unread reply as wrong.
Json grouped_values(const std::vector<Marked>& marked);

/// ELV-Halluc (eval.py): the pairs with a lie from elsewhere in the video and from outside of it, their difference, the SAH
/// ratio, and both for each aspect.
Json pairs_values(const std::vector<Marked>& marked);

/// EventHallusion (eval.py): the share of replies that begin with neither word, and the mean of the three parts.
Json matched_values(const std::vector<Marked>& marked, double mean_over_tasks);

}  // namespace rrpo::eval
