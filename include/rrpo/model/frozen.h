// A matrix of the model as a pass asks for it, however it is held between two uses.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace rrpo::model {

/// A matrix that is kept in another form than products need: in four bits, or in parts over several processes.
class Held {
 public:
  virtual ~Held() = default;
  /// The matrix in `type`, made anew: whoever asks lets go of it when the product is done, backward asks again.
  virtual at::Tensor get(at::ScalarType type) const = 0;
  virtual const std::vector<int64_t>& shape() const = 0;
  /// Bytes that it takes in this process.
  virtual int64_t bytes() const = 0;
};

/// The weight of a linear. Plain, it is a tensor that may be trained; held, it is frozen.
struct Frozen {
  at::Tensor plain;  ///< undefined where it is held
  std::shared_ptr<const Held> held = {};

  Frozen() = default;
  Frozen(at::Tensor values) : plain(std::move(values)) {}  // NOLINT(google-explicit-constructor): a matrix is a weight

  bool defined() const { return held != nullptr || plain.defined(); }
  std::vector<int64_t> shape() const { return held ? held->shape() : plain.sizes().vec(); }
  int64_t size(int64_t dim) const { return held ? held->shape().at(static_cast<size_t>(dim)) : plain.size(dim); }
  int64_t numel() const;
  /// The matrix for a product in `type`.
  at::Tensor get(at::ScalarType type) const { return held ? held->get(type) : plain.to(type); }
};

}  // namespace rrpo::model
