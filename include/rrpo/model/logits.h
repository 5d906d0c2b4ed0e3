// What the head says of final hidden states.
#pragma once

#include "rrpo/model/lvlm.h"

namespace rrpo::model {

/// hidden [n, D] x head^T, [n, V]. The last bits of a row may depend on how many stand beside it.
at::Tensor logits(const Lvlm& lvlm, const at::Tensor& hidden);

}  // namespace rrpo::model
