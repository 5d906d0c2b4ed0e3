// The differentiable function behind token_values, with its rules open to tests.
#pragma once

#include "rrpo/loss/token_stats.h"
#include "softmax/row_kernel.h"

namespace rrpo::loss {

struct RowRules {
  /// For float32 on a CPU; null: operators of tensors.
  const RowKernel* kernel = chosen_rows();
  /// What both models say is kept for backward where the logits of one are at most this many: 128 MB in float32, which holds
  /// 220 rows of a vocabulary of 152 064.
  int64_t kept_values = int64_t{1} << 25;
  /// Else the logits are taken in chunks of about this many, in backward once more: 64 MB in float32, whatever the
  /// vocabulary.
  int64_t chunk_values = int64_t{1} << 24;
  /// On a CPU, rows that are equal in both models and have one label are looked at once: the words that two answers have in
  /// common.
  bool once = true;
};

/// token_values by these rules.
TokenValues token_values_by(const RowRules& rules, const at::Tensor& hidden, const at::Tensor& head,
                            const at::Tensor& reference, const at::Tensor& labels);

}  // namespace rrpo::loss
