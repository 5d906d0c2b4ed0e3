// Memory for time: a part of a pass of which backward keeps the input alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "rrpo/model/weights.h"

namespace rrpo::model {

using RowsFunction = std::function<at::Tensor(const at::Tensor& x)>;

/// f(x), of which backward keeps x and runs f again: the same operations on the same values, so the same gradients bit for
/// bit. `trained` are the tensors that f reads beside x and that want gradients; f must be a pure function of x and of
/// these, and what it refers to must outlive the graph. Without gradients it is f(x).
at::Tensor run_again(const at::Tensor& x, const std::vector<at::Tensor>& trained, RowsFunction f);

/// The tensors of a layer that want gradients.
std::vector<at::Tensor> trained_tensors(const DecoderLayer& layer, Adapter adapter);

}  // namespace rrpo::model
