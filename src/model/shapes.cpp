#include "shapes.h"

#include <ATen/ops/empty.h>

namespace rrpo::model {

at::ScalarType scalar_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::float32:
      return at::kFloat;
    case Dtype::bfloat16:
      return at::kBFloat16;
    case Dtype::float64:
      return at::kDouble;
  }
  return at::kFloat;
}

at::Tensor Shapes::tensor(std::vector<int64_t> shape) const {
  return at::empty(shape, at::TensorOptions(at::kMeta).dtype(type_));
}

Linear Shapes::linear(int64_t in, int64_t out, bool bias) const {
  return {tensor({out, in}), bias ? tensor({out}) : at::Tensor(), {}};
}

Norm Shapes::layer_norm(int64_t width, double eps) const { return {tensor({width}), tensor({width}), eps}; }

Norm Shapes::rms_norm(int64_t width, double eps) const { return {tensor({width}), {}, eps}; }

}  // namespace rrpo::model
