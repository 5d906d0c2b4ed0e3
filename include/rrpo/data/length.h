// Whether a row's tokens are within what the model was made for.
#pragma once

#include <string>

#include "rrpo/data/dataset.h"
#include "rrpo/data/pair_batch.h"

namespace rrpo::data {

/// Throws Error(input, "data") naming `place` where the clip with its words, the question and the longest answer that a role
/// of `dataset` shows under it are more tokens than the model has positions.
void check_length(const policy::Policy& policy, const Dataset& dataset, const Sample& sample, const AskedClip& asked,
                  const ShownClip& clip, const std::string& place);

}  // namespace rrpo::data
