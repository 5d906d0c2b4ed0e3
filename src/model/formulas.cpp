#include "formulas.h"

#include <ATen/Parallel.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <optional>
#include <utility>

#include "row_math.h"

namespace rrpo::model {

namespace {

constexpr int64_t kGrain = 1 << 15;  ///< values that are worth another thread

/// The kernels for `x`, where the other tensors stand as it does.
const RowMath* math_for(const at::Tensor& x, std::initializer_list<std::reference_wrapper<const at::Tensor>> others = {}) {
  const auto fits = [&](const at::Tensor& other) { return other.scalar_type() == x.scalar_type() && other.is_contiguous(); };
  return x.is_contiguous() && std::all_of(others.begin(), others.end(), fits) ? row_math(x) : nullptr;
}

/// Calls `use(first value, row)` for each row of `width` values.
template <class Use>
void each_row(const at::Tensor& x, int64_t width, const Use& use) {
  at::parallel_for(0, x.numel() / std::max<int64_t>(1, width), std::max<int64_t>(1, kGrain / std::max<int64_t>(1, width)),
                   [&](int64_t begin, int64_t end) {
                     for (int64_t row = begin; row < end; ++row) use(row * width, row);
                   });
}

at::ScalarType wide_type(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat; }

/// The type in which the adapters of these linears multiply; x's own where there is none.
at::ScalarType adapter_type(const at::Tensor& x, const std::vector<Linear>& linears) {
  const auto found =
      std::find_if(linears.begin(), linears.end(), [](const Linear& linear) { return linear.lora.a.defined(); });
  if (found == linears.end() || narrow_products(x, found->lora.a)) return x.scalar_type();
  return found->lora.a.scalar_type();
}

/// A of each linear that has one.
std::vector<at::Tensor> adapters_a(const std::vector<Linear>& linears) {
  std::vector<at::Tensor> all;
  for (const Linear& linear : linears) {
    if (linear.lora.a.defined()) all.push_back(linear.lora.a);
  }
  return all;
}

/// True where the adapters' products with the rows are one: a narrow one leaves most of a GPU idle. A CPU loses nothing by
/// several, and their values do not depend on each other's presence.
bool joined(const at::Tensor& x, const std::vector<at::Tensor>& a) { return x.is_cuda() && a.size() > 1; }

std::vector<int64_t> ranks(const std::vector<at::Tensor>& a) {
  std::vector<int64_t> all;
  for (const at::Tensor& one : a) all.push_back(one.size(0));
  return all;
}

/// x A^T of each A, for x in the type of the products.
std::vector<at::Tensor> inner_rows(const at::Tensor& x, const std::vector<at::Tensor>& a) {
  const at::ScalarType type = x.scalar_type();
  if (joined(x, a)) return x.mm(at::cat(a).to(type).t()).split_with_sizes(ranks(a), 1);
  std::vector<at::Tensor> inner;
  for (const at::Tensor& one : a) inner.push_back(x.mm(one.to(type).t()));
  return inner;
}

/// A product whose sums are wanted in the type of the adapter.
at::Tensor summed(const at::Tensor& left, const at::Tensor& right, at::ScalarType type) {
  return left.scalar_type() == type ? left.mm(right) : at::mm(left, right, type);
}

/// The gradients of A from those of x A^T.
std::vector<at::Tensor> gradients_of_a(const std::vector<at::Tensor>& to_inner, const at::Tensor& x,
                                       const std::vector<at::Tensor>& a) {
  if (joined(x, a)) return summed(at::cat(to_inner, 1).t(), x, a[0].scalar_type()).split_with_sizes(ranks(a), 0);
  std::vector<at::Tensor> all;
  for (size_t i = 0; i < a.size(); ++i) all.push_back(summed(to_inner[i].t(), x, a[i].scalar_type()));
  return all;
}

bool any_trained(const std::vector<at::Tensor>& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const at::Tensor& tensor) { return tensor.requires_grad(); });
}

}  // namespace

at::Tensor inverse_rms(const at::Tensor& x, double eps) {
  if (const RowMath* math = math_for(x)) {
    std::vector<int64_t> shape = x.sizes().vec();
    const int64_t width = std::exchange(shape.back(), 1);
    at::Tensor scale = x.new_empty(shape);
    const float* own = x.const_data_ptr<float>();
    float* out = scale.mutable_data_ptr<float>();
    each_row(x, width, [&](int64_t at, int64_t row) { out[row] = math->inverse_rms(own + at, width, eps); });
    return scale;
  }
  const at::ScalarType wide = wide_type(x);
  // A GPU reads narrow rows once and squares them in registers.
  const at::Tensor mean = x.is_cuda() && x.scalar_type() != wide
                              ? at::linalg_vector_norm(x, 2, {-1}, /*keepdim=*/true, wide).square_().div_(x.size(-1))
                              : x.to(wide).square().mean({-1}, /*keepdim=*/true);
  return mean.add_(eps).rsqrt_();
}

at::Tensor normed_rows(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& weight) {
  at::Tensor rows = x.new_empty(x.sizes());
  if (const RowMath* math = math_for(x, {scale, weight})) {
    const float *own = x.const_data_ptr<float>(), *by = scale.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
    float* out = rows.mutable_data_ptr<float>();
    const int64_t width = x.size(-1);
    each_row(x, width, [&](int64_t at, int64_t row) { math->normed(own + at, by[row], w, width, out + at); });
    return rows;
  }
  return at::mul_out(rows, x, scale).mul_(weight.to(x.scalar_type()));
}

at::Tensor normed_rows_backward(const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& scale,
                                const at::Tensor& weight, at::Tensor* to_weight) {
  const RowMath* math = to_weight == nullptr ? math_for(x, {gradient, scale, weight}) : nullptr;
  if (math != nullptr) {
    at::Tensor back = x.new_empty(x.sizes());
    const float *g = gradient.const_data_ptr<float>(), *own = x.const_data_ptr<float>(), *by = scale.const_data_ptr<float>(),
                *w = weight.const_data_ptr<float>();
    float* out = back.mutable_data_ptr<float>();
    const int64_t width = x.size(-1);
    each_row(x, width, [&](int64_t at, int64_t row) { math->normed_back(g + at, own + at, by[row], w, width, out + at); });
    return back;
  }
  const at::Tensor normal = x.mul(scale);
  if (to_weight != nullptr) *to_weight = gradient.mul(normal).reshape({-1, weight.size(0)}).sum(0).to(weight.scalar_type());
  at::Tensor to_x = gradient.mul(weight.to(normal.scalar_type()));
  const at::Tensor along = to_x.mul(normal).mean({-1}, /*keepdim=*/true);
  return to_x.sub_(normal.mul_(along)).mul_(scale).to(x.scalar_type());
}

at::Tensor turned(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, bool back) {
  const int64_t half = x.size(-1) / 2;
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  at::Tensor out = x.new_empty(x.sizes());
  const RowMath* math = cos.size(-2) == 1 ? math_for(x, {cos, sin}) : nullptr;
  if (math != nullptr) {
    const float *own = x.const_data_ptr<float>(), *c = cos.const_data_ptr<float>(), *s = sin.const_data_ptr<float>();
    float* to = out.mutable_data_ptr<float>();
    const int64_t width = x.size(-1), heads = x.size(-2), places = cos.numel() / half;
    each_row(x, width, [&](int64_t at, int64_t row) {
      const int64_t angles = row / heads % places * half;  // pictures in front share them
      math->turned(own + at, c + angles, s + angles, back ? -1.0F : 1.0F, half, to + at);
    });
    return out;
  }
  at::Tensor first = out.narrow(-1, 0, half), second = out.narrow(-1, half, half);
  at::mul_out(first, a, cos).sub_(b.mul(sin), back ? -1 : 1);
  at::mul_out(second, b, cos).add_(a.mul(sin), back ? -1 : 1);
  return out;
}

bool gates_at_once(const at::Tensor& gate, const at::Tensor& up) { return math_for(gate, {up}) != nullptr; }

at::Tensor gated(const at::Tensor& gate, const at::Tensor& up) {
  const RowMath* math = math_for(gate, {up});
  if (math == nullptr) return at::silu(gate).mul_(up);
  at::Tensor out = gate.new_empty(gate.sizes());
  const float *g = gate.const_data_ptr<float>(), *u = up.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  const int64_t width = gate.size(-1);
  each_row(gate, width, [&](int64_t at, int64_t) { math->gated(g + at, u + at, width, to + at); });
  return out;
}

GateGradients gated_backward(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& gradient) {
  const RowMath* math = math_for(gate, {up, gradient});
  if (math == nullptr) {
    at::Tensor to_up = at::silu(gate).mul_(gradient);
    return {at::silu_backward(gradient.mul(up), gate), to_up};
  }
  GateGradients back{gate.new_empty(gate.sizes()), gate.new_empty(gate.sizes())};
  const float *g = gate.const_data_ptr<float>(), *u = up.const_data_ptr<float>(), *d = gradient.const_data_ptr<float>();
  float *to_gate = back.gate.mutable_data_ptr<float>(), *to_up = back.up.mutable_data_ptr<float>();
  const int64_t width = gate.size(-1);
  each_row(gate, width,
           [&](int64_t at, int64_t) { math->gated_back(g + at, u + at, d + at, width, to_gate + at, to_up + at); });
  return back;
}

at::Tensor gelu_tanh_rows(const at::Tensor& x) {
  const RowMath* math = math_for(x);
  if (math == nullptr) return at::gelu(x, "tanh");
  at::Tensor out = x.new_empty(x.sizes());
  const float* own = x.const_data_ptr<float>();
  float* to = out.mutable_data_ptr<float>();
  const int64_t width = x.size(-1);
  each_row(x, width, [&](int64_t at, int64_t) { math->gelu_tanh(own + at, width, to + at); });
  return out;
}

bool narrow_products(const at::Tensor& x, const at::Tensor& a) { return x.is_cuda() && x.scalar_type() != a.scalar_type(); }

at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const std::optional<at::Tensor>& bias) {
  const int64_t width = x.size(-1), rows = x.numel() / std::max<int64_t>(1, width);
  // Answers alone: a pass that trains has to find the same bits when it computes a layer again, under a graph.
  const bool few = c10::InferenceMode::is_enabled() && rows > 0 && rows <= kFewRows && !(bias && !bias->is_contiguous());
  const RowMath* math = few ? math_for(x, {weight}) : nullptr;
  if (math == nullptr) return at::linear(x, weight, bias);
  std::vector<int64_t> shape = x.sizes().vec();
  const int64_t columns = shape.back() = weight.size(0);
  at::Tensor out = x.new_empty(shape);
  const float *own = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>(),
              *b = bias ? bias->const_data_ptr<float>() : nullptr;
  float* to = out.mutable_data_ptr<float>();
  at::parallel_for(0, columns, std::max<int64_t>(1, kGrain / std::max<int64_t>(1, width)),
                   [&](int64_t begin, int64_t end) { math->few_rows(own, rows, width, w, b, columns, begin, end, to); });
  return out;
}

std::vector<Product> multiply(const at::Tensor& x, const std::vector<Linear>& linears) {
  const at::ScalarType own = x.scalar_type(), type = adapter_type(x, linears);
  const std::vector<at::Tensor> inner = inner_rows(x.to(type), adapters_a(linears));
  auto next = inner.begin();
  std::vector<Product> products;
  for (const Linear& linear : linears) {
    const std::optional<at::Tensor> bias =
        linear.bias.defined() ? std::optional<at::Tensor>(linear.bias.to(own)) : std::nullopt;
    Product one{product(x, linear.weight.get(own), bias), {}};
    if (linear.lora.a.defined()) {
      one.inner = *next++;
      at::Tensor sum = one.y.to(type);
      one.y = sum.addmm_(one.inner, linear.lora.b.to(type).t(), 1, linear.lora.scale).to(own);
    }
    products.push_back(std::move(one));
  }
  return products;
}

ProductGradients multiply_backward(const at::Tensor& x, const std::vector<Linear>& linears,
                                   const std::vector<at::Tensor>& inner, const std::vector<at::Tensor>& gradients, bool to_x,
                                   const at::Tensor& sum) {
  const at::ScalarType own = x.scalar_type(), type = adapter_type(x, linears);
  ProductGradients back{sum, {}, {}};
  std::vector<at::Tensor> to_inner;
  for (size_t i = 0; i < linears.size(); ++i) {
    const Lora& lora = linears[i].lora;
    at::Tensor rows = to_x ? gradients[i].mm(linears[i].weight.get(own)) : at::Tensor();
    back.b.emplace_back();
    if (lora.a.defined()) {
      const at::Tensor wide = gradients[i].to(type);
      to_inner.push_back(wide.mm(lora.b.to(type)).mul_(lora.scale));
      if (lora.b.requires_grad()) back.b[i] = summed(wide.t(), inner[i], lora.b.scalar_type()).mul_(lora.scale);
      if (to_x) rows = rows.to(type).addmm_(to_inner.back(), lora.a.to(type)).to(own);
    }
    if (to_x) back.x = back.x.defined() ? back.x.add_(rows) : rows;
  }
  const std::vector<at::Tensor> a = adapters_a(linears);
  std::vector<at::Tensor> to_a(a.size());
  if (any_trained(a)) to_a = gradients_of_a(to_inner, x.to(type), a);
  auto next = to_a.begin();
  for (const Linear& linear : linears) back.a.push_back(linear.lora.a.defined() ? *next++ : at::Tensor());
  return back;
}

}  // namespace rrpo::model
