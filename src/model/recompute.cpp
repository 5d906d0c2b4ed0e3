#include "recompute.h"

#include <torch/csrc/autograd/autograd.h>

#include "graph.h"

namespace rrpo::model {

namespace {

using torch::autograd::AutogradContext;
using Tensors = torch::autograd::variable_list;

struct Again {
  RowsFunction f;
  Tensors trained;  // parameters of the model: held here they keep nothing alive that would go
};

/// The trained tensors are inputs: gradients reach them through the graph around, even where x wants none, and land where
/// that graph's caller wants them.
class AgainFunction : public torch::autograd::Function<AgainFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, at::TensorList trained, const Again& again) {
    context->save_for_backward({x});
    keep(context, again);
    return again.f(x);
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const at::AutoGradMode on(true);
    const auto& again = kept<Again>(context);
    const bool to_x = context->needs_input_grad(0);
    const at::Tensor x = context->get_saved_variables()[0].detach().requires_grad_(to_x);
    const at::Tensor y = again.f(x);
    Tensors inputs = again.trained;
    if (to_x) inputs.insert(inputs.begin(), x);
    Tensors results = torch::autograd::grad({y}, inputs, {gradients[0]}, /*retain_graph=*/false, /*create_graph=*/false,
                                            /*allow_unused=*/true);
    if (!to_x) results.insert(results.begin(), at::Tensor());
    results.emplace_back();
    return results;
  }
};

void add_trained(Tensors& all, const at::Tensor& tensor) {
  if (tensor.defined() && tensor.requires_grad()) all.push_back(tensor);
}

}  // namespace

at::Tensor run_again(const at::Tensor& x, const std::vector<at::Tensor>& trained, RowsFunction f) {
  if (!at::GradMode::is_enabled() || (trained.empty() && !x.requires_grad())) return f(x);
  return AgainFunction::apply(x, at::TensorList(trained), Again{std::move(f), trained});
}

std::vector<at::Tensor> trained_tensors(const DecoderLayer& layer, Adapter adapter) {
  Tensors all;
  for (const Norm* norm : {&layer.input_norm, &layer.q_norm, &layer.k_norm, &layer.post_norm})
    add_trained(all, norm->weight);
  for (const Linear* linear : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
    add_trained(all, linear->weight.plain);
    add_trained(all, linear->bias);
    if (adapter == Adapter::off) continue;
    add_trained(all, linear->lora.a);
    add_trained(all, linear->lora.b);
  }
  return all;
}

}  // namespace rrpo::model
