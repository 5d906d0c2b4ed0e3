#include "rrpo/loss/token_stats.h"

#include <ATen/ops/eye.h>

#include "token_function.h"

namespace rrpo::loss {

TokenValues token_values(const at::Tensor& hidden, const at::Tensor& head, const at::Tensor& reference,
                         const at::Tensor& labels) {
  return token_values_by({}, hidden, head, reference, labels);
}

TokenValues token_values_from_logits(const at::Tensor& logits, const at::Tensor& reference_logits,
                                     const at::Tensor& labels) {
  return token_values(logits, at::eye(logits.size(1), logits.options().requires_grad(false)), reference_logits, labels);
}

}  // namespace rrpo::loss
