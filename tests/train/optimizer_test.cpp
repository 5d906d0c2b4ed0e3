#include "rrpo/train/optimizer.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "rrpo/train/schedule.h"
#include "rrpo/util/error.h"

namespace rrpo::train {
namespace {

TEST(Schedule, WarmsUpFromZeroAndFallsToZero) {
  OptimConfig optim;
  optim.lr = 2;
  optim.warmup_ratio = 0.03;
  // ceil(0.03 * 250) = 8 steps of warm-up, then 242 of decay.
  EXPECT_EQ(warmup_steps(0.03, 250), 8);
  EXPECT_EQ(learning_rate(optim, 0, 250), 0);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 4, 250), 1);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 8, 250), 2);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 8 + 121, 250), 1);
  EXPECT_NEAR(learning_rate(optim, 249, 250), 1 + std::cos(std::acos(-1.0) * 241 / 242), 1e-12);
  optim.schedule = "linear";
  EXPECT_DOUBLE_EQ(learning_rate(optim, 8 + 121, 250), 1);
  EXPECT_NEAR(learning_rate(optim, 249, 250), 2.0 / 242, 1e-15);
  optim.schedule = "constant";
  EXPECT_EQ(learning_rate(optim, 249, 250), 2);
  EXPECT_DOUBLE_EQ(learning_rate(optim, 4, 250), 1);
  optim.warmup_ratio = 0;
  EXPECT_EQ(learning_rate(optim, 0, 250), 2);
}

/// Three double tensors, the last one never with a gradient.
struct Weights {
  std::vector<at::Tensor> tensors = {at::randn({3, 4}, at::kDouble), at::randn({5}, at::kDouble),
                                     at::randn({2}, at::kDouble)};
  Weights() {
    for (at::Tensor& tensor : tensors) tensor.requires_grad_(true);
  }
  std::vector<model::NamedTensor> named() {
    std::vector<model::NamedTensor> list;
    for (at::Tensor& tensor : tensors)
      list.push_back({"w" + std::to_string(list.size()), &tensor, tensor.sizes().vec(), model::Part::decoder});
    return list;
  }
};

TEST(AdamW, FollowsTheFormulaInDouble) {
  Weights weights;
  OptimConfig config;
  config.betas = {0.9, 0.98};
  config.weight_decay = 0.1;
  config.eps = 1e-6;
  config.max_grad_norm = 0.5;
  AdamW optimizer(weights.named(), config);
  std::vector<at::Tensor> w, m, v;
  for (const at::Tensor& tensor : weights.tensors) {
    w.push_back(tensor.detach().clone());
    m.push_back(w.back().mul(0));
    v.push_back(w.back().mul(0));
  }
  for (int t = 1; t <= 5; ++t) {
    const double lr = 0.01 * t, scale = 0.25;
    std::vector<at::Tensor> g = {at::randn({3, 4}, at::kDouble), at::randn({5}, at::kDouble)};
    const double norm = std::sqrt(g[0].square().sum().item<double>() + g[1].square().sum().item<double>());
    for (size_t i = 0; i < 2; ++i) weights.tensors[i].mutable_grad() = g[i].clone();
    EXPECT_NEAR(optimizer.gradient_norm(), norm, 1e-12);
    EXPECT_NEAR(optimizer.step(lr, scale, norm), norm * scale, 1e-12);
    const double clip = std::min(1.0, 0.5 / (norm * scale + 1e-6));
    for (size_t i = 0; i < 2; ++i) {
      const at::Tensor gradient = g[i].mul(scale * clip);
      m[i] = m[i].mul(0.9).add(gradient, 0.1);
      v[i] = v[i].mul(0.98).add(gradient.square(), 0.02);
      const at::Tensor root = v[i].div(1 - std::pow(0.98, t)).sqrt().add(1e-6);
      w[i] = w[i].mul(1 - lr * 0.1).sub(m[i].div(1 - std::pow(0.9, t)).div(root), lr);
      EXPECT_TRUE(at::allclose(weights.tensors[i].detach(), w[i], 1e-12, 1e-12));
      EXPECT_FALSE(weights.tensors[i].grad().defined());
    }
  }
  EXPECT_TRUE(weights.tensors[2].detach().equal(w[2])) << "a tensor without a gradient moved";
}

TEST(AdamW, GoesOnFromItsState) {
  Weights first;
  OptimConfig config;
  AdamW one(first.named(), config);
  const auto move = [](Weights& weights, AdamW& optimizer, double value) {
    for (at::Tensor& tensor : weights.tensors) tensor.mutable_grad() = at::full(tensor.sizes(), value, at::kDouble);
    optimizer.step(0.1, 1, optimizer.gradient_norm());
  };
  move(first, one, 0.3);
  Weights second;
  for (size_t i = 0; i < 3; ++i) second.tensors[i] = first.tensors[i].detach().clone().requires_grad_(true);
  AdamW two(second.named(), config);
  two.set_state(one.state(), "state");
  move(first, one, -0.7);
  move(second, two, -0.7);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(first.tensors[i].equal(second.tensors[i]));
  data::TensorMap state = one.state();
  state.erase("exp_avg.w1");
  EXPECT_THROW(two.set_state(state, "state"), Error);
}

TEST(AdamW, SaysWhenAGradientIsNotFinite) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Weights weights;
    AdamW optimizer(weights.named(), {});
    weights.tensors[0].mutable_grad() = at::full({3, 4}, 1, at::kDouble);
    weights.tensors[1].mutable_grad() = at::full({5}, bad, at::kDouble);
    EXPECT_FALSE(std::isfinite(optimizer.gradient_norm()));
  }
}

/// Float tensors whose sizes leave gaps behind some of them, and none behind others.
struct Uneven {
  std::vector<at::Tensor> tensors;
  Uneven() {
    for (const int64_t size : {64, 128, 5, 64, 64, 77}) tensors.push_back(at::randn({size, 1}).requires_grad_(true));
  }
  explicit Uneven(const Uneven& other) {
    for (const at::Tensor& one : other.tensors) tensors.push_back(one.detach().clone().requires_grad_(true));
  }
  std::vector<model::NamedTensor> named() {
    std::vector<model::NamedTensor> list;
    for (at::Tensor& tensor : tensors)
      list.push_back({"w" + std::to_string(list.size()), &tensor, tensor.sizes().vec(), model::Part::decoder});
    return list;
  }
  /// A loss over the tensors whose numbers stand in `of`.
  void backward(const std::vector<size_t>& of) const {
    for (const size_t i : of) tensors[i].square().mul(0.3 + 0.1 * static_cast<double>(i)).sum().backward();
  }
};

TEST(Parameters, AreViewsOfOneBufferAndSoAreTheirGradientsInAWindow) {
  Uneven weights;
  const at::Tensor before = weights.tensors[2].detach().clone();
  Parameters parameters(weights.named());
  EXPECT_TRUE(weights.tensors[2].detach().equal(before));
  ASSERT_EQ(parameters.values().buffers().size(), 1U);
  parameters.values().buffers()[0].fill_(3);
  for (const at::Tensor& one : weights.tensors) {
    EXPECT_EQ(one.min().item<float>(), 3);
    EXPECT_TRUE(one.is_leaf() && one.requires_grad());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(one.const_data_ptr()) % 64, 0U);
  }
  EXPECT_FALSE(parameters.gradient_norm().defined());
  parameters.open_window();
  for (size_t i = 0; i < 6; ++i) EXPECT_FALSE(parameters.touched(i));
  weights.backward({0, 3});
  weights.backward({3});
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(parameters.touched(i), i == 0 || i == 3);
  EXPECT_NEAR(parameters.gradients().at(3).max().item<float>(), 2 * 2 * 3 * 0.6, 1e-5);
  parameters.drop_gradients();
  EXPECT_FALSE(weights.tensors[3].grad().defined());
  parameters.open_window();
  EXPECT_EQ(parameters.gradients().buffers()[0].abs().max().item<float>(), 0);
  EXPECT_FALSE(parameters.touched(3));
}

// One call over a stretch of the buffer, or one for each tensor: the same bits, whatever was reached by a gradient when.
TEST(AdamW, RoundsInABufferAsTensorByTensor) {
  const std::vector<std::vector<size_t>> reached = {{0, 1, 2, 3, 4, 5}, {1, 2, 3}, {0, 1, 2, 3, 4, 5}, {5}, {0, 3, 4, 5}};
  Uneven windows, single(windows);
  OptimConfig config;
  config.weight_decay = 0.1;
  AdamW one(windows.named(), config), other(single.named(), config);
  for (const std::vector<size_t>& of : reached) {
    one.weights().open_window();
    windows.backward(of);
    single.backward(of);  // gradients of its own, tensor by tensor
    const double norm = one.gradient_norm();
    EXPECT_EQ(norm, other.gradient_norm());
    EXPECT_EQ(one.step(0.01, 0.5, norm), other.step(0.01, 0.5, norm));
    for (size_t i = 0; i < 6; ++i) {
      EXPECT_TRUE(windows.tensors[i].equal(single.tensors[i])) << i;
      EXPECT_FALSE(windows.tensors[i].grad().defined());
    }
  }
  const data::TensorMap a = one.state(), b = other.state();
  ASSERT_EQ(a.size(), 18U);
  for (const auto& [name, tensor] : a) EXPECT_TRUE(tensor.equal(b.at(name))) << name;
  EXPECT_EQ(a.at("step.w2").item<float>(), 3);
  EXPECT_EQ(a.at("step.w5").item<float>(), 4);
}

}  // namespace
}  // namespace rrpo::train
