// AdamW over named leaf tensors, which are the master weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rrpo/data/tensor_file.h"
#include "rrpo/model/lvlm.h"
#include "rrpo/train/config.h"
#include "rrpo/train/parameters.h"

namespace rrpo::train {

/// m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  w = w (1 - lr wd) - lr (m / (1-b1^t)) / (sqrt(v / (1-b2^t)) + eps).
/// A tensor without a gradient is left alone, its t does not advance. State lies in the type and on the device of its
/// tensor.
class AdamW {
 public:
  /// `parameters` become views of one buffer (Parameters).
  AdamW(std::vector<model::NamedTensor> parameters, const OptimConfig& config);

  /// The norm of all gradients as they lie there, over all tensors; NaN or infinite when one value is.
  double gradient_norm() const;
  /// One update with the gradients times `scale` (1 / denominator), clipped together to `max_grad_norm`; then the gradients
  /// are dropped. `norm` is what gradient_norm() said. Returns the norm after `scale`, before clipping.
  double step(double lr, double scale, double norm);
  /// Forgets the gradients of a window that is not finished.
  void drop_gradients() { weights_.drop_gradients(); }

  const std::vector<model::NamedTensor>& parameters() const { return weights_.named(); }
  Parameters& weights() { return weights_; }
  const Parameters& weights() const { return weights_; }
  /// Both moments, in the order of the parameters.
  Flat& first() { return first_; }
  Flat& second() { return second_; }
  /// Updates of each parameter so far: its t.
  std::vector<int64_t>& updates() { return updates_; }

  /// `exp_avg.NAME`, `exp_avg_sq.NAME`, `step.NAME` for every tensor.
  data::TensorMap state() const;
  /// Throws Error(input, "weights") naming `place` and the tensor that is missing or of another shape.
  void set_state(const data::TensorMap& state, const std::string& place);

 private:
  Parameters weights_;
  Flat first_, second_;
  std::vector<int64_t> updates_;
  OptimConfig config_;
};

}  // namespace rrpo::train
