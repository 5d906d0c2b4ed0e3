// By a row kernel. A row of each model is read from memory once: what follows its largest value finds it in the cache.
#include "softmax_rows.h"

#include <ATen/Parallel.h>

#include <cmath>

#include "rrpo/util/error.h"

namespace rrpo::loss {

namespace {

/// Where the numbers of one model lie.
struct Rows {
  float* values = nullptr;  ///< null: no such model
  float* norm = nullptr;
  explicit Rows(const Softmax& softmax) {
    if (!softmax.values.defined()) return;
    values = softmax.values.data_ptr<float>();
    norm = softmax.norm.data_ptr<float>();
  }
};

const float* numbers(const at::Tensor& tensor) { return tensor.defined() ? tensor.const_data_ptr<float>() : nullptr; }

float log_p(double logit, float shift, double sum) {
  return static_cast<float>(logit - static_cast<double>(shift) - std::log(sum));
}

}  // namespace

TokenValues reduce_rows(Softmax& policy, Softmax& reference, const at::Tensor& labels, const RowKernel& kernel) {
  const int64_t count = policy.values.size(0), size = policy.values.size(1);
  TokenValues result;
  result.logp = policy.values.new_empty({count});
  policy.norm = policy.values.new_empty({count, 2});
  if (reference.values.defined()) {
    result.ref_logp = result.logp.new_empty({count});
    result.kl = result.logp.new_empty({count});
    reference.norm = policy.norm.new_empty({count, 2});
  }
  const Rows p(policy), r(reference);
  const int64_t* label = labels.const_data_ptr<int64_t>();
  float* logp = result.logp.data_ptr<float>();
  float* ref_logp = r.values == nullptr ? nullptr : result.ref_logp.data_ptr<float>();
  float* kl = r.values == nullptr ? nullptr : result.kl.data_ptr<float>();
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      expect(label[i] >= 0 && label[i] < size, "a label outside the vocabulary");
      float* row = p.values + i * size;
      const float at_label = row[label[i]], shift = kernel.largest(row, size);
      if (r.values == nullptr) {
        const double sum = kernel.exponentials(row, size, shift);
        logp[i] = log_p(at_label, shift, sum);
        p.norm[2 * i] = shift, p.norm[2 * i + 1] = static_cast<float>(sum);
        continue;
      }
      float* other = r.values + i * size;
      const float other_at_label = other[label[i]], other_shift = kernel.largest(other, size);
      const RowSums sums = kernel.both(row, other, size, shift, other_shift);
      logp[i] = log_p(at_label, shift, sums.policy);
      ref_logp[i] = log_p(other_at_label, other_shift, sums.other);
      // Of the reference, the mean of (its logit - the policy's), less the difference of the two normalisers' logs.
      const double shifts = static_cast<double>(other_shift) - static_cast<double>(shift);
      const double divergence = sums.gap / sums.other - shifts - (std::log(sums.other) - std::log(sums.policy));
      kl[i] = divergence < 0 ? 0 : static_cast<float>(divergence);  // rounding alone can push a sum of zero below it
      p.norm[2 * i] = shift, p.norm[2 * i + 1] = static_cast<float>(sums.policy);
      r.norm[2 * i] = other_shift, r.norm[2 * i + 1] = static_cast<float>(sums.other);
    }
  });
  return result;
}

void restore_rows(Softmax& rows, const RowKernel& kernel) {
  const Rows r(rows);
  const int64_t size = rows.values.size(1);
  at::parallel_for(0, rows.values.size(0), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) kernel.exponentials(r.values + i * size, size, r.norm[2 * i]);
  });
}

at::Tensor slope_rows(const Softmax& policy, const Softmax& reference, const RowGradients& gradients, int64_t pulled,
                      const at::Tensor& at, const RowKernel& kernel) {
  const int64_t count = gradients.labels.size(0), size = policy.values.size(1);
  at::Tensor result = policy.values.new_empty({count, size});
  const Rows p(policy), r(reference);
  const int64_t* label = gradients.labels.const_data_ptr<int64_t>();
  const int64_t* where = at.defined() ? at.const_data_ptr<int64_t>() : nullptr;
  const float *g_logp = numbers(gradients.logp), *g_kl = numbers(gradients.kl);
  float* out = result.data_ptr<float>();
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t place = where == nullptr ? i : where[i];
      const float sum = p.norm[2 * i + 1], towards = g_logp == nullptr ? 0 : g_logp[i];
      RowSlope slope{.push = -towards / sum};
      const float* other = nullptr;
      if (i < pulled) {
        const float other_sum = r.norm[2 * i + 1];
        slope.ratio = other_sum / sum;
        slope.pull = g_kl[i] / other_sum;
        other = r.values + place * size;
      }
      kernel.slope(p.values + place * size, other, size, slope, out + i * size);
      out[i * size + label[i]] += towards;
    }
  });
  return result;
}

}  // namespace rrpo::loss
