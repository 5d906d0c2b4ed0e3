#include "nf4.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// The table of bitsandbytes: quantiles of a normal distribution, scaled to [-1, 1], with 0 among them.
constexpr std::array<float, 16> kCode = {-1.0F,
                                         -0.6961928009986877F,
                                         -0.5250730514526367F,
                                         -0.39491748809814453F,
                                         -0.28444138169288635F,
                                         -0.18477343022823334F,
                                         -0.09105003625154495F,
                                         0.0F,
                                         0.07958029955625534F,
                                         0.16093020141124725F,
                                         0.24611230194568634F,
                                         0.33791524171829224F,
                                         0.44070982933044434F,
                                         0.5626170039176941F,
                                         0.7229568362236023F,
                                         1.0F};
/// A scale is no less, so that its reciprocal is a number.
constexpr float kLeast = 1e-38F;

int64_t count_of(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}
int64_t blocks_of(int64_t count) { return (count + kNf4Block - 1) / kNf4Block; }

using Block = std::array<float, kNf4Block>;

/// Places in the table of what lies in [-1, 1]: how many of the middles between neighbours are below it. Whole loops over
/// the block become vector instructions.
std::array<uint8_t, kNf4Block> places(const Block& scaled) {
  std::array<int32_t, kNf4Block> above{};
  for (size_t c = 0; c + 1 < kCode.size(); ++c) {
    const float middle = (kCode[c] + kCode[c + 1]) / 2;
    for (size_t i = 0; i < above.size(); ++i) above[i] += scaled[i] > middle ? 1 : 0;
  }
  std::array<uint8_t, kNf4Block> narrow{};
  for (size_t i = 0; i < above.size(); ++i) narrow[i] = static_cast<uint8_t>(above[i]);
  return narrow;
}

float largest(const Block& block) {
  float most = 0;
  for (const float x : block) most = std::max(most, std::abs(x));
  return most;
}

template <class T>
void quantise(const T* values, int64_t count, uint8_t* packed, float* absmax) {
  for (int64_t begin = 0; begin < count; begin += kNf4Block) {
    const int64_t here = std::min(kNf4Block, count - begin);
    Block block{};
    for (int64_t i = 0; i < here; ++i) block[static_cast<size_t>(i)] = static_cast<float>(values[begin + i]);
    float scale = largest(block);
    // A whole block is multiplied by the reciprocal, the rest behind the last one divided: so does the source, bit for bit.
    if (here == kNf4Block) {
      const float inverse = 1 / std::max(scale, kLeast);
      for (float& x : block) x *= inverse;
    } else {
      scale = std::max(scale, kLeast);
      for (float& x : block) x /= scale;
    }
    *absmax++ = scale;
    const auto codes = places(block);
    for (int64_t i = 0; i < here; i += 2) {
      const auto at = static_cast<size_t>(i);
      *packed++ = static_cast<uint8_t>(codes[at] << 4 | codes[at + 1]);
    }
  }
}

/// The numbers of the blocks [first, last), of `count` in all.
template <class T>
void dequantise(const uint8_t* packed, const float* absmax, int64_t first, int64_t last, int64_t count, T* out) {
  for (int64_t b = first; b < last; ++b) {
    std::array<T, kCode.size()> table;
    for (size_t c = 0; c < table.size(); ++c) table[c] = static_cast<T>(kCode[c] * absmax[b]);
    const int64_t begin = b * kNf4Block, end = std::min(begin + kNf4Block, count);
    for (int64_t i = begin; i + 1 < end; i += 2) {
      const uint8_t two = packed[i / 2];
      out[i] = table[two >> 4];
      out[i + 1] = table[two & 15];
    }
    if (end % 2 == 1) out[end - 1] = table[packed[end / 2] >> 4];
  }
}

template <class T>
at::Tensor by_table(const Nf4& matrix, at::ScalarType type) {
  at::Tensor out = at::empty(matrix.shape(), type);
  const int64_t count = out.numel();
  const auto* packed = matrix.packed().const_data_ptr<uint8_t>();
  const auto* absmax = matrix.absmax().const_data_ptr<float>();
  T* values = out.mutable_data_ptr<T>();
  constexpr int64_t kGrain = 1024;
  at::parallel_for(0, blocks_of(count), kGrain,
                   [&](int64_t first, int64_t last) { dequantise(packed, absmax, first, last, count, values); });
  return out;
}

}  // namespace

at::Tensor nf4_pairs(at::Device device) {
  at::Tensor pairs = at::empty({256, 2}, at::kFloat);
  float* out = pairs.mutable_data_ptr<float>();
  for (size_t byte = 0; byte < 256; ++byte) {
    *out++ = kCode[byte >> 4];
    *out++ = kCode[byte & 15];
  }
  return pairs.to(device);
}

Nf4::Nf4(at::Tensor packed, at::Tensor absmax, std::vector<int64_t> shape, at::Tensor pairs)
    : packed_(std::move(packed)), absmax_(std::move(absmax)), pairs_(std::move(pairs)), shape_(std::move(shape)) {
  const int64_t count = count_of(shape_);
  expect(packed_.scalar_type() == at::kByte && packed_.numel() == (count + 1) / 2, "NF4 with other bytes than numbers");
  expect(absmax_.scalar_type() == at::kFloat && absmax_.numel() == blocks_of(count), "NF4 with other scales than blocks");
  if (packed_.is_cuda() && !pairs_.defined()) pairs_ = nf4_pairs(packed_.device());  // once: a copy to a GPU is waited for
}

int64_t Nf4::bytes() const { return static_cast<int64_t>(packed_.nbytes() + absmax_.nbytes()); }

at::Tensor Nf4::get(at::ScalarType type) const {
  if (packed_.is_meta()) return at::empty(shape_, at::TensorOptions(at::kMeta).dtype(type));
  if (!packed_.is_cpu()) return nf4_by_operations(*this, type);
  switch (type) {
    case at::kDouble:
      return by_table<float>(*this, at::kFloat).to(at::kDouble);
    case at::kFloat:
      return by_table<float>(*this, type);
    case at::kBFloat16:
      return by_table<at::BFloat16>(*this, type);
    case at::kHalf:
      return by_table<at::Half>(*this, type);
    default:
      expect(false, "NF4 is asked for in a type of no weights");
      return {};
  }
}

at::Tensor nf4_by_operations(const Nf4& matrix, at::ScalarType type) {
  const at::NoGradGuard no_grad;
  const at::Device device = matrix.packed().device();
  const int64_t count = count_of(matrix.shape());
  constexpr int64_t kChunk = int64_t{1} << 25;  // numbers: bounds what lies beside the result
  const at::Tensor out = at::empty({count}, at::TensorOptions(device).dtype(type));
  const at::Tensor pairs = matrix.pairs().defined() ? matrix.pairs() : nf4_pairs(device);
  for (int64_t begin = 0; begin < count; begin += kChunk) {
    const int64_t here = std::min(kChunk, count - begin), whole = here / kNf4Block * kNf4Block;
    const at::Tensor codes =
        pairs.index_select(0, matrix.packed().narrow(0, begin / 2, (here + 1) / 2).to(at::kInt)).flatten();
    const at::Tensor scales = matrix.absmax().narrow(0, begin / kNf4Block, blocks_of(here));
    const auto scale = [&](int64_t first, int64_t length, const at::Tensor& by) {
      if (length == 0) return;
      at::Tensor place = out.narrow(0, begin + first, length).view({by.size(0), -1});
      at::mul_out(place, codes.narrow(0, first, length).view({by.size(0), -1}), by.unsqueeze(1));
    };
    scale(0, whole, scales.narrow(0, 0, whole / kNf4Block));
    scale(whole, here - whole, scales.narrow(0, whole / kNf4Block, here > whole ? 1 : 0));
  }
  return out.view(matrix.shape());
}

std::shared_ptr<const Nf4> quantise_nf4(const at::Tensor& values, at::Device device) {
  const int64_t count = values.numel();
  const at::Device home = values.device();
  at::Tensor packed = at::empty({(count + 1) / 2}, at::TensorOptions(home).dtype(at::kByte));
  at::Tensor absmax = at::empty({blocks_of(count)}, at::TensorOptions(home).dtype(at::kFloat));
  if (!home.is_meta()) {
    expect(home.is_cpu(), "NF4 is made of a matrix on the CPU");
    const at::Tensor plain = values.contiguous();
    auto* bytes = packed.mutable_data_ptr<uint8_t>();
    auto* scales = absmax.mutable_data_ptr<float>();
    switch (plain.scalar_type()) {
      case at::kFloat:
        quantise(plain.const_data_ptr<float>(), count, bytes, scales);
        break;
      case at::kBFloat16:
        quantise(plain.const_data_ptr<at::BFloat16>(), count, bytes, scales);
        break;
      case at::kHalf:
        quantise(plain.const_data_ptr<at::Half>(), count, bytes, scales);
        break;
      default:
        expect(false, "NF4 is made of float32, bfloat16 or float16");
    }
  }
  return std::make_shared<const Nf4>(packed.to(device), absmax.to(device), values.sizes().vec());
}

}  // namespace rrpo::model
