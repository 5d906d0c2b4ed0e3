#include "rrpo/train/parameters.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace rrpo::train {

namespace {

constexpr int64_t kAlignment = 256;  ///< bytes; the most that a matrix library asks for

int64_t aligned(int64_t count, const at::Tensor& like) {
  const int64_t step = kAlignment / static_cast<int64_t>(like.element_size());
  return (count + step - 1) / step * step;
}

std::vector<at::Tensor> tensors_of(const std::vector<model::NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  for (const model::NamedTensor& one : named) tensors.push_back(one.tensor->detach());
  return tensors;
}

}  // namespace

Flat::Flat(const std::vector<at::Tensor>& like) {
  std::vector<int64_t> sizes;
  std::vector<at::TensorOptions> kinds;
  const auto buffer_for = [&](const at::Tensor& tensor) {
    const auto fits = [&](const at::TensorOptions& kind) {
      return kind.dtype() == tensor.dtype() && kind.device() == tensor.device();
    };
    const auto found = std::find_if(kinds.begin(), kinds.end(), fits);
    if (found != kinds.end()) return static_cast<size_t>(found - kinds.begin());
    kinds.push_back(at::TensorOptions(tensor.device()).dtype(tensor.dtype()));
    sizes.push_back(0);
    return kinds.size() - 1;
  };
  for (const at::Tensor& tensor : like) {
    const size_t buffer = buffer_for(tensor);
    const int64_t begin = aligned(sizes[buffer], tensor);
    places_.push_back({buffer, begin, tensor.numel(), tensor.sizes().vec()});
    sizes[buffer] = begin + tensor.numel();
  }
  for (size_t i = 0; i < kinds.size(); ++i) buffers_.push_back(at::zeros({sizes[i]}, kinds[i]));
}

at::Tensor Flat::at(size_t i) const { return range(i, i + 1).view(places_[i].shape); }

at::Tensor Flat::range(size_t first, size_t end) const {
  const Place &from = places_[first], &last = places_[end - 1];
  return buffers_[from.buffer].narrow(0, from.begin, last.begin + last.size - from.begin);
}

bool Flat::joined(size_t i) const {
  if (i == 0) return false;
  const Place &before = places_[i - 1], &own = places_[i];
  return before.buffer == own.buffer && before.begin + before.size == own.begin;
}

Parameters::Parameters(std::vector<model::NamedTensor> named)
    : named_(std::move(named)),
      values_(tensors_of(named_)),
      touched_(std::make_shared<std::vector<char>>(named_.size(), 0)) {
  const at::NoGradGuard frozen;
  for (size_t i = 0; i < named_.size(); ++i) {
    at::Tensor& leaf = *named_[i].tensor;
    const at::Tensor place = values_.at(i);
    place.copy_(leaf);
    leaf = place.detach().requires_grad_(true);  // what it was goes now: never are all there twice
    leaf.register_hook([touched = touched_, i](const at::Tensor& gradient) {
      if (gradient.defined()) (*touched)[i] = 1;
    });
  }
}

void Parameters::open_window() {
  if (has_buffer()) {
    for (at::Tensor& buffer : gradients_.buffers()) buffer.zero_();
  } else {
    gradients_ = Flat(tensors_of(named_));
  }
  std::fill(touched_->begin(), touched_->end(), 0);
  for (size_t i = 0; i < named_.size(); ++i) named_[i].tensor->mutable_grad() = gradients_.at(i);
  window_ = true;
}

void Parameters::drop_gradients() {
  for (const model::NamedTensor& one : named_) one.tensor->mutable_grad().reset();
  window_ = false;
}

size_t Parameters::end_of_run(size_t first) const {
  size_t end = first + 1;
  while (window_ && end < size() && touched(end) && values_.joined(end)) ++end;
  return end;
}

at::Tensor Parameters::value_run(size_t first, size_t end) const { return values_.range(first, end); }

at::Tensor Parameters::gradient_run(size_t first, size_t end) const {
  return window_ ? gradients_.range(first, end) : named_[first].tensor->grad().reshape({-1});
}

at::Tensor Parameters::gradient_norm() const {
  std::vector<at::Tensor> gradients;
  for (size_t i = 0; i < size(); ++i) {
    if (touched(i)) gradients.push_back(named_[i].tensor->grad());
  }
  return gradients.empty() ? at::Tensor() : at::stack(at::_foreach_norm(gradients)).norm();
}

}  // namespace rrpo::train
