#include "layers.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>

#include <algorithm>

#include "formulas.h"
#include "functions.h"

namespace rrpo::model {

namespace {

std::optional<at::Tensor> cast(const at::Tensor& weight, at::ScalarType type) {
  if (!weight.defined()) return std::nullopt;
  return weight.to(type);
}

}  // namespace

at::Tensor linear(const at::Tensor& x, const Linear& layer, Adapter adapter) {
  if (adapter == Adapter::off || !layer.lora.a.defined()) {
    const at::ScalarType type = x.scalar_type();
    const std::optional<at::Tensor> bias = cast(layer.bias, type);
    return layer.weight.held ? held_linear(x, layer.weight, bias) : product(x, layer.weight.get(type), bias);
  }
  if (x.dim() == 2) return lora_linear(x, layer);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = layer.weight.size(0);
  return lora_linear(x.reshape({-1, x.size(-1)}), layer).view(shape);
}

at::Tensor layer_norm(const at::Tensor& x, const Norm& norm) {
  const at::ScalarType type = x.scalar_type();
  return at::layer_norm(x, {x.size(-1)}, cast(norm.weight, type), cast(norm.bias, type), norm.eps);
}

at::Tensor index_tensor(const std::vector<int64_t>& values, at::Device device) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor.to(device);
}

}  // namespace rrpo::model
