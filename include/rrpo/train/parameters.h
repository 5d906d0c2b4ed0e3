// What is trained: the leaves of the model's tree, their values and gradients each in one buffer.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "rrpo/model/lvlm.h"

namespace rrpo::train {

/// Tensors one after the other, in one buffer for each type and device. Each begins at a multiple of 256 bytes, as if it had
/// been allocated: what a matrix product rounds to may depend on that.
class Flat {
 public:
  Flat() = default;
  /// Zeros in the shapes and types and on the devices of `like`.
  explicit Flat(const std::vector<at::Tensor>& like);

  /// Tensor i, a view.
  at::Tensor at(size_t i) const;
  /// Tensors first … end-1 as one vector. Each but the first must be joined to the one before it.
  at::Tensor range(size_t first, size_t end) const;
  /// True where tensor i begins where tensor i-1 ends.
  bool joined(size_t i) const;
  /// One vector for each type and device.
  std::vector<at::Tensor>& buffers() { return buffers_; }

 private:
  struct Place {
    size_t buffer = 0;
    int64_t begin = 0, size = 0;
    std::vector<int64_t> shape;
  };
  std::vector<Place> places_;
  std::vector<at::Tensor> buffers_;
};

/// Named leaves that become views of one buffer. Their gradients are those that autograd makes; between open_window() and
/// drop_gradients() they are views of another one, in which the passes of a window add up.
class Parameters {
 public:
  explicit Parameters(std::vector<model::NamedTensor> named);

  const std::vector<model::NamedTensor>& named() const { return named_; }
  size_t size() const { return named_.size(); }

  /// From now on gradients are added up in the buffer, which is zero.
  void open_window();
  /// True once there was a window: the buffer stays, and gradients beside it would take their memory twice.
  bool has_buffer() { return !gradients_.buffers().empty(); }
  /// Ends the window and forgets its gradients.
  void drop_gradients();

  /// Which parameters have a gradient: a pass may reach some only, and the others are left alone.
  bool touched(size_t i) const { return window_ ? (*touched_)[i] != 0 : named_[i].tensor->grad().defined(); }
  /// For a window that other ranks have a part in.
  void touch(size_t i) { (*touched_)[i] = 1; }

  Flat& values() { return values_; }
  /// Inside a window only.
  Flat& gradients() { return gradients_; }

  /// Parameters first … end-1 that are updated by one call: as many behind `first` as have gradients in the buffer, without
  /// a gap. A gap ends them even where it holds zeros: the last lanes of a kernel round in another way than the rest.
  size_t end_of_run(size_t first) const;
  at::Tensor value_run(size_t first, size_t end) const;
  at::Tensor gradient_run(size_t first, size_t end) const;

  /// The norm of all gradients, on their device, []; undefined where there is none. NaN or infinite when one value is.
  at::Tensor gradient_norm() const;

 private:
  std::vector<model::NamedTensor> named_;
  Flat values_, gradients_;
  /// By parameter: a pass of this window has reached it. Hooks on the leaves hold it too.
  std::shared_ptr<std::vector<char>> touched_;
  bool window_ = false;
};

}  // namespace rrpo::train
