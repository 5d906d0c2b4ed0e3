// Matrices in four bits: NF4 of QLoRA (arXiv 2305.14314), with the bits of bitsandbytes.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "rrpo/model/frozen.h"

namespace rrpo::model {

/// Numbers that share one scale, the largest magnitude among them.
inline constexpr int64_t kNf4Block = 64;

/// A matrix in NF4. Its numbers in order of memory make blocks of 64 (the last may be shorter); each is the place of a
/// number in a table of 16, times the block's scale: the product is made in float32 and rounded once to the type that is
/// asked for.
class Nf4 final : public Held {
 public:
  /// `packed` uint8 [ceil(n / 2)], the earlier number in the upper half of a byte; `absmax` float32 [ceil(n / 64)].
  /// `pairs` as nf4_pairs() gives them, where they are there already.
  Nf4(at::Tensor packed, at::Tensor absmax, std::vector<int64_t> shape, at::Tensor pairs = {});
  at::Tensor get(at::ScalarType type) const override;
  const std::vector<int64_t>& shape() const override { return shape_; }
  int64_t bytes() const override;
  const at::Tensor& packed() const { return packed_; }
  const at::Tensor& absmax() const { return absmax_; }
  /// nf4_pairs() where the operations on a GPU want them.
  const at::Tensor& pairs() const { return pairs_; }

 private:
  at::Tensor packed_, absmax_, pairs_;
  std::vector<int64_t> shape_;
};

/// The matrix `values` (float32, bfloat16 or float16 on the CPU, all finite) in NF4 on `device`. Values on `meta` give the
/// shapes of it. Source: bitsandbytes 0.50, quantize_4bit with blocks of 64 and absmax left in float32.
std::shared_ptr<const Nf4> quantise_nf4(const at::Tensor& values, at::Device device);

/// Both numbers of each byte, [256, 2].
at::Tensor nf4_pairs(at::Device device);

/// What Nf4::get() does on a GPU, by tensor operations that run anywhere.
at::Tensor nf4_by_operations(const Nf4& matrix, at::ScalarType type);

}  // namespace rrpo::model
