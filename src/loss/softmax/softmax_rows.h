// The two ways of softmax.h, each its own file.
#pragma once

#include "softmax.h"

namespace rrpo::loss {

TokenValues reduce_rows(Softmax& policy, Softmax& reference, const at::Tensor& labels, const RowKernel& kernel);
void restore_rows(Softmax& rows, const RowKernel& kernel);
at::Tensor slope_rows(const Softmax& policy, const Softmax& reference, const RowGradients& gradients, int64_t pulled,
                      const at::Tensor& at, const RowKernel& kernel);

}  // namespace rrpo::loss
