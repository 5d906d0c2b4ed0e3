// Whether a row's tokens are within what the model was made for.
#pragma once

#include <string>

#include "rrpo/data/dataset.h"

namespace rrpo::data {

/// Throws Error(input, "data") naming `place` where prompt, `visual` tokens of the video and the longer answer are more than
/// the model's positions.
void check_length(const policy::Policy& policy, const Dataset& dataset, const Sample& sample, int64_t visual,
                  const std::string& place);

}  // namespace rrpo::data
