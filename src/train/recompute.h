// `train.recompute`: what a pass computes again in backward.
#pragma once

#include <string>

#include "rrpo/model/lvlm.h"

namespace rrpo::train {

/// The rules of the policy's pass for a value of the field `at`: none, mlp, layer, or in how many layers, the first ones,
/// only the input is kept. Throws Error(usage) naming the field for any other value.
model::PassRules recompute_rules(const std::string& at, const std::string& value);

}  // namespace rrpo::train
