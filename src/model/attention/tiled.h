// Attention over tiles: on a CPU, in float32 and float64.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

#include "plan.h"

namespace rrpo::model {

/// True where the operands of such a pass are attended to in tiles: on a CPU with AVX2, in float32 or, by loops, in float64.
/// False where RRPO_ROW_KERNEL is aten or plain: ATen's blocks then.
bool attends_in_tiles(const at::TensorOptions& options);

/// attend() over the plan's tiles.
at::Tensor attend_in_tiles(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           const std::shared_ptr<const AttentionPlan>& plan);

}  // namespace rrpo::model
