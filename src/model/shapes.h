// Trees of tensors without storage: what a family and its eye build before any weight is read.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

/// Numbers of a configuration beyond these are a fault, not a model.
inline constexpr int64_t kMaxWidth = 1 << 17, kMaxLayers = 1 << 10, kMaxVocabulary = 1 << 24;

/// The type and device that a load asks for.
at::ScalarType scalar_type(Dtype dtype);

/// Tensors without storage, for the shapes of a tree that has no values yet.
class Shapes {
 public:
  explicit Shapes(at::ScalarType type) : type_(type) {}
  at::Tensor tensor(std::vector<int64_t> shape) const;
  Linear linear(int64_t in, int64_t out, bool bias) const;
  Norm layer_norm(int64_t width, double eps) const;
  Norm rms_norm(int64_t width, double eps) const;

 private:
  at::ScalarType type_;
};

}  // namespace rrpo::model
