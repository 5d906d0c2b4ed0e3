// The order in which bfloat16 values are rounded, bit for bit as transformers' Qwen2 (scripts/oracles/casts.py).
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <map>

#include "../../src/model/functions.h"
#include "../../src/model/layers.h"
#include "rrpo/io/safetensors.h"
#include "support/parity.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

class Casts : public testing::Test {
 protected:
  Casts() {
    for (const io::TensorEntry& entry : io::read_safetensors_header(test::source_file("tests/golden/casts.safetensors"))) {
      at::Tensor tensor = at::empty(entry.shape, entry.dtype == "F64" ? at::kDouble : at::kFloat);
      io::read_tensor_bytes(entry, tensor.mutable_data_ptr());
      golden_.emplace(entry.name, tensor);
    }
  }
  at::Tensor rounded(const std::string& name) const { return golden_.at(name).to(at::kBFloat16); }
  void expect_bits(const at::Tensor& actual, const std::string& name) const {
    ASSERT_EQ(actual.scalar_type(), at::kBFloat16) << name;
    const at::Tensor wide = actual.to(at::kFloat).reshape(golden_.at(name).sizes());
    test::expect_same({"order of bfloat16 casts", "transformers' Qwen2", "RMSNorm, RoPE and the gate"},
                      wide.equal(golden_.at(name)),
                      name + " differs in " + std::to_string(wide.ne(golden_.at(name)).sum().item<int64_t>()) + " of " +
                          std::to_string(wide.numel()) + " values");
  }

  std::map<std::string, at::Tensor> golden_;
  const at::NoGradGuard no_grad_;
};

TEST_F(Casts, RmsNormRoundsBeforeItsWeight) { expect_bits(rms_norm(rounded("x"), rounded("weight"), 1e-6), "normed"); }

TEST_F(Casts, AnglesAreFloat32AndTheRotationIsNot) {
  Decoder decoder;
  decoder.theta = 1e6;
  decoder.head_width = 10;
  std::vector<Position> positions;
  const at::Tensor given = golden_.at("positions").to(at::kLong).contiguous();
  for (int64_t i = 0; i < given.numel(); ++i) {
    const int64_t at = given.const_data_ptr<int64_t>()[i];
    positions.push_back({at, at, at});
  }
  const Rotary angles = rotary(decoder, positions, at::kBFloat16, at::kCPU);
  expect_bits(angles.cos, "cos");
  expect_bits(angles.sin, "sin");
  expect_bits(rotate(rounded("q"), angles.cos, angles.sin), "turned");
}

TEST_F(Casts, TheGateIsRoundedBeforeTheProduct) { expect_bits(swiglu(rounded("gate"), rounded("up")), "gated"); }

}  // namespace
}  // namespace rrpo::model
