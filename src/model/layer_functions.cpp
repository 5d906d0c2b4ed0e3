// The two halves of a layer as Functions: what they do not keep is made again from what they do, by the same operations in
// the same order as their parts under autograd have, so that no number changes.
#include <ATen/ops/silu.h>
#include <ATen/ops/silu_backward.h>

#include "formulas.h"
#include "functions.h"
#include "graph.h"

namespace rrpo::model {

namespace {

using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

/// A and B of each linear that has them, in order: what a Function must be told of for gradients to reach them.
Tensors adapters_of(const std::vector<Linear>& linears) {
  Tensors all;
  for (const Linear& linear : linears) {
    if (linear.lora.a.defined()) all.insert(all.end(), {linear.lora.a, linear.lora.b});
  }
  return all;
}

/// Appends the gradients of adapters_of(linears).
void append_gradients(Tensors& out, const std::vector<Linear>& linears, const ProductGradients& back) {
  for (size_t i = 0; i < linears.size(); ++i) {
    if (linears[i].lora.a.defined()) out.insert(out.end(), {back.a[i], back.b[i]});
  }
}

struct NormedLinears {
  Norm norm;
  std::vector<Linear> linears;
  at::Tensor rows;

  /// The linears of `rows`, and those of all rows.
  std::vector<Linear> picked() const { return {linears.begin(), linears.begin() + (rows.defined() ? 1 : 0)}; }
  std::vector<Linear> whole() const { return {linears.begin() + (rows.defined() ? 1 : 0), linears.end()}; }
};

class NormedLinearsFunction : public torch::autograd::Function<NormedLinearsFunction> {
 public:
  static Tensors forward(AutogradContext* context, const at::Tensor& x, at::TensorList adapters, const NormedLinears& own) {
    const at::Tensor scale = inverse_rms(x, own.norm.eps), normed = normed_rows(x, scale, own.norm.weight);
    std::vector<Product> products;
    if (own.rows.defined()) products = multiply(normed.index_select(0, own.rows), own.picked());
    for (Product& product : multiply(normed, own.whole())) products.push_back(std::move(product));
    Tensors saved = {x, scale}, out;
    for (const Product& product : products) {
      saved.push_back(product.inner);
      out.push_back(product.y);
    }
    if (context == nullptr) return out;
    context->save_for_backward(std::move(saved));
    keep(context, own);
    return out;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const auto& own = kept<NormedLinears>(context);
    const at::Tensor &x = saved[0], &scale = saved[1];
    const bool to_x = context->needs_input_grad(0);
    const Tensors inner(saved.begin() + 2, saved.end());
    const at::Tensor normed = normed_rows(x, scale, own.norm.weight);
    const auto begin = static_cast<std::ptrdiff_t>(own.picked().size());
    Tensors results(1);
    at::Tensor sum;
    if (own.rows.defined()) {
      const ProductGradients first =
          multiply_backward(normed.index_select(0, own.rows), own.picked(), {inner[0]}, {gradients[0]}, to_x);
      if (to_x) sum = normed.new_zeros(normed.sizes()).index_add_(0, own.rows, first.x);
      append_gradients(results, own.picked(), first);
    }
    const ProductGradients back = multiply_backward(normed, own.whole(), {inner.begin() + begin, inner.end()},
                                                    {gradients.begin() + begin, gradients.end()}, to_x, sum);
    append_gradients(results, own.whole(), back);
    if (to_x) results[0] = normed_rows_backward(back.x, x, scale, own.norm.weight);
    results.emplace_back();
    return results;
  }
};

/// What backward needs of the first half of an MLP.
struct Opened {
  at::Tensor gate, up;
  std::vector<at::Tensor> inner;
};
Opened open_mlp(const at::Tensor& normed, const Mlp& own) {
  const std::vector<Product> products = multiply(normed, {own.gate, own.up});
  return {products[0].y, products[1].y, {products[0].inner, products[1].inner}};
}

/// Backward through the second half: the gradients of gate and up, and into `back` those of the last linear, whose rows'
/// gradient is used up.
GateGradients close_mlp(const Opened& opened, const Linear& down, const at::Tensor& inner, const at::Tensor& gradient,
                        ProductGradients& back) {
  if (gates_at_once(opened.gate, opened.up)) {
    back = multiply_backward(gated(opened.gate, opened.up), {down}, {inner}, {gradient}, /*to_x=*/true);
    GateGradients gates = gated_backward(opened.gate, opened.up, back.x);
    back.x.reset();  // its room is free for the products to come
    return gates;
  }
  at::Tensor active = at::silu(opened.gate);
  back = multiply_backward(active.mul(opened.up), {down}, {inner}, {gradient}, /*to_x=*/true);
  const at::Tensor to_up = active.mul_(back.x), to_active = back.x.mul_(opened.up);
  return {at::silu_backward_out(back.x, to_active, opened.gate), to_up};
}

class MlpFunction : public torch::autograd::Function<MlpFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, at::TensorList adapters, const Mlp& own) {
    const at::Tensor scale = inverse_rms(x, own.norm.eps);
    const Opened opened = open_mlp(normed_rows(x, scale, own.norm.weight), own);
    const Product down = multiply(gated(opened.gate, opened.up), {own.down}).front();
    at::Tensor out = down.y;
    out.add_(x);
    if (context == nullptr) return out;
    Tensors saved = {x, scale, down.inner};
    if (!own.again) saved.insert(saved.end(), {opened.gate, opened.up, opened.inner[0], opened.inner[1]});
    context->save_for_backward(std::move(saved));
    keep(context, own);
    return out;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensors saved = context->get_saved_variables();
    const auto& own = kept<Mlp>(context);
    const at::Tensor &x = saved[0], &scale = saved[1], &gradient = gradients[0];
    const at::Tensor normed = normed_rows(x, scale, own.norm.weight);
    const Opened opened = own.again ? open_mlp(normed, own) : Opened{saved[3], saved[4], {saved[5], saved[6]}};
    ProductGradients down;
    const GateGradients gates = close_mlp(opened, own.down, saved[2], gradient, down);
    const bool to_x = context->needs_input_grad(0);
    const ProductGradients in = multiply_backward(normed, {own.gate, own.up}, opened.inner, {gates.gate, gates.up}, to_x);
    Tensors results(1);
    if (to_x) results[0] = normed_rows_backward(in.x, x, scale, own.norm.weight).add_(gradient);
    append_gradients(results, {own.gate, own.up}, in);
    append_gradients(results, {own.down}, down);
    results.emplace_back();
    return results;
  }
};

}  // namespace

std::vector<at::Tensor> normed_linears(const at::Tensor& x, const Norm& norm, const std::vector<Linear>& linears,
                                       const at::Tensor& rows) {
  return call<NormedLinearsFunction>(x, at::TensorList(adapters_of(linears)), NormedLinears{norm, linears, rows});
}

at::Tensor mlp(const at::Tensor& x, const Mlp& parts) {
  return call<MlpFunction>(x, at::TensorList(adapters_of({parts.gate, parts.up, parts.down})), parts);
}

}  // namespace rrpo::model
