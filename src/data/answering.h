// One block of videos answered: what the model is shown of each, then the answers of all, decoded in common passes.
#pragma once

#include <string>
#include <vector>

#include "rrpo/data/answers.h"

namespace rrpo::data {

/// The answers to `groups`, in their order. One block is decoded by itself: nothing outside of it changes a bit of it.
/// Throws Error for what is no fault of one media.
std::vector<VideoAnswers> answer_block(const policy::Policy& policy, const std::vector<rows::Question>& questions,
                                       const std::vector<VideoQuestions>& groups, const AnswerRules& rules);

}  // namespace rrpo::data
