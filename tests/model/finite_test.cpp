// Weights that are no numbers: found by their bits, named at load.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "../../src/model/finite.h"
#include "../../src/model/tensor_io.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity(), kNan = std::numeric_limits<double>::quiet_NaN();

/// `value` at place `place` of 5000 numbers.
int64_t found(double value, int64_t place, at::ScalarType stored, at::ScalarType wanted) {
  const at::Tensor numbers = random_tensor({5000}, "numbers", stored);
  numbers.select(0, 3).fill_(-0.0);
  numbers.select(0, place).fill_(value);
  return first_not_finite(numbers.const_data_ptr(), numbers.numel(), stored, wanted);
}

TEST(FirstNotFinite, MeetsEveryTypeAndPlace) {
  for (const at::ScalarType stored : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    for (const int64_t place : {0, 1023, 1024, 4999}) {
      for (const double value : {kInfinity, -kInfinity, kNan}) EXPECT_EQ(found(value, place, stored, at::kDouble), place);
      EXPECT_EQ(found(-6e4, place, stored, at::kFloat), -1);
    }
  }
}

/// The border is where LibTorch's own conversion gives infinity.
TEST(FirstNotFinite, KnowsWhatATypeDoesNotHold) {
  for (const auto& [stored, wanted] :
       {std::pair(at::kDouble, at::kFloat), {at::kDouble, at::kBFloat16}, {at::kFloat, at::kBFloat16}}) {
    for (const double most :
         {3.3895e38, 3.3961e38, 3.3962e38, 3.402823466e38, 3.4028235677973362e38, 3.4028235677973368e38}) {
      const at::Tensor one = random_tensor({1}, "one", at::kDouble).fill_(-most).to(stored);
      const bool infinite = std::isinf(one.to(wanted).to(at::kDouble).item<double>());
      EXPECT_EQ(first_not_finite(one.const_data_ptr(), 1, stored, wanted), infinite ? 0 : -1)
          << most << " " << c10::toString(stored) << " " << c10::toString(wanted);
    }
  }
}

std::string numerics_fault(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::numerics) << error.what();
    return error.what();
  }
  return "no fault";
}

TEST(WeightsNotFinite, AreNamedAtLoad) {
  for (const double value : {kNan, kInfinity}) {
    Lvlm lvlm = tiny_model(1, Dtype::float32);
    const test::TempDir folder;
    folder.write("config.json", tiny_config().dump());
    lvlm.weights().decoder.layers[1].up.weight.plain.select(0, 2).select(0, 5).fill_(value);
    save_weights(lvlm, folder.path(), Dtype::bfloat16);
    EXPECT_THAT(numerics_fault([&] { load(folder.path(), {}); }),
                AllOf(HasSubstr("model.safetensors#language_model.model.layers.1.mlp.up_proj.weight"),
                      HasSubstr("element 69 is not a finite number")));
  }
}

TEST(WeightsNotFinite, AreNamedWhereTheTypeIsTooNarrow) {
  Lvlm lvlm = tiny_model(1, Dtype::float32);
  const test::TempDir folder;
  folder.write("config.json", tiny_config().dump());
  lvlm.weights().decoder.norm.weight.select(0, 4).fill_(3.4e38);
  save_weights(lvlm, folder.path(), Dtype::float32);
  EXPECT_EQ(numerics_fault([&] { load(folder.path(), {}); }), "no fault");
  LoadOptions narrow;
  narrow.dtype = Dtype::bfloat16;
  EXPECT_THAT(numerics_fault([&] { load(folder.path(), narrow); }),
              AllOf(HasSubstr("norm.weight: element 4 is too large for BFloat16"), HasSubstr("model.dtype=float32")));
}

TEST(WeightsNotFinite, AreNamedInAnAdapter) {
  Lvlm lvlm = tiny_model();
  add_adapter(lvlm, {4, 8}, 11);
  lvlm.weights().decoder.layers[2].q.lora.b.select(0, 0).select(0, 3).fill_(kNan);
  const test::TempDir folder;
  save_adapter(lvlm, folder.path(), "base");
  Lvlm fresh = tiny_model();
  EXPECT_THAT(numerics_fault([&] { load_adapter(fresh, folder.path()); }),
              HasSubstr("layers.2.self_attn.q_proj.lora_B.weight: element 3 is not a finite number"));
  EXPECT_FALSE(has_adapter(fresh));
}

}  // namespace
}  // namespace rrpo::model
