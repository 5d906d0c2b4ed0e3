// The row kernels against their formulas in double, at every width and place of a tail.
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../../src/model/formulas.h"
#include "../../src/model/row_math.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

constexpr double kTolerance = 3e-6;  ///< a few roundings of float32, of values about 1

/// Values about 1, another row for each seed; now and then one that saturates a sigmoid.
std::vector<float> row_of(int64_t size, double seed) {
  std::vector<float> row;
  for (int64_t i = 0; i < size; ++i) {
    const double at = static_cast<double>(i);
    row.push_back(static_cast<float>(2 * std::sin(seed + 1.7 * at) * (i % 11 == 5 ? 60 : 1)));
  }
  return row;
}

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

void expect_near(float got, double wanted, const char* what, int64_t place) {
  EXPECT_NEAR(static_cast<double>(got), wanted, kTolerance * std::max(1.0, std::abs(wanted))) << what << " at " << place;
}

const std::vector<int64_t> kWidths = {1, 7, 8, 9, 15, 16, 17, 31, 64, 250};

class RowMathTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!math.runs_here()) GTEST_SKIP() << "no AVX2 here";
  }
  const RowMath& math = avx2_math();
};

TEST_F(RowMathTest, Gates) {
  for (const int64_t n : kWidths) {
    const std::vector<float> gate = row_of(n, 1), up = row_of(n, 2), gradient = row_of(n, 3);
    std::vector<float> out(gate.size()), to_gate = out, to_up = out;
    math.gated(gate.data(), up.data(), n, out.data());
    math.gated_back(gate.data(), up.data(), gradient.data(), n, to_gate.data(), to_up.data());
    for (size_t i = 0; i < gate.size(); ++i) {
      const double g = gate[i], u = up[i], d = gradient[i], s = sigmoid(g);
      const auto place = static_cast<int64_t>(i);
      expect_near(out[i], g * s * u, "gated", place);
      expect_near(to_gate[i], d * u * s * (1 + g * (1 - s)), "to gate", place);
      expect_near(to_up[i], d * g * s, "to up", place);
    }
  }
}

TEST_F(RowMathTest, GatesFarOutAndNoNumber) {
  const float infinite = std::numeric_limits<float>::infinity(), none = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> gate = {-1e30F, -200, -87.4F, -0.0F, 0, 87.4F, 200, 1e30F, none, infinite}, up(gate.size(), 1);
  std::vector<float> out(gate.size()), to_gate = out, to_up = out;
  math.gated(gate.data(), up.data(), 10, out.data());
  math.gated_back(gate.data(), up.data(), up.data(), 10, to_gate.data(), to_up.data());
  EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + 2), (std::vector<float>{0, 0}));
  EXPECT_EQ(std::vector<float>(out.begin() + 5, out.begin() + 8), (std::vector<float>{87.4F, 200, 1e30F}));
  EXPECT_EQ(to_gate[6], 1);
  EXPECT_EQ(to_gate[4], 0.5F);
  EXPECT_TRUE(std::isnan(out[8]) && std::isnan(to_gate[8]) && std::isnan(to_up[8]));
  EXPECT_EQ(out[9], infinite);
}

TEST_F(RowMathTest, Gelu) {
  std::vector<float> x = row_of(257, 9);
  x.insert(x.end(), {-1e30F, -60, 0, 60, 1e30F});
  std::vector<float> out(x.size());
  math.gelu_tanh(x.data(), static_cast<int64_t>(x.size()), out.data());
  for (size_t i = 0; i < x.size(); ++i) {
    const double own = x[i], u = 0.7978845608028654 * (own + 0.044715 * own * own * own);
    expect_near(out[i], own * sigmoid(2 * u), "gelu", static_cast<int64_t>(i));
  }
}

TEST_F(RowMathTest, Norms) {
  for (const int64_t width : kWidths) {
    const std::vector<float> x = row_of(width, 4), weight = row_of(width, 5), gradient = row_of(width, 6);
    const auto n = static_cast<double>(width);
    double squares = 0, along = 0;
    for (const float value : x) squares += static_cast<double>(value) * static_cast<double>(value);
    const double scale = 1 / std::sqrt(squares / n + 1e-6);
    const float own = math.inverse_rms(x.data(), width, 1e-6);
    expect_near(own, scale, "scale", width);
    std::vector<float> out(x.size()), back(x.size());
    math.normed(x.data(), own, weight.data(), width, out.data());
    math.normed_back(gradient.data(), x.data(), own, weight.data(), width, back.data());
    const auto pull = [&](size_t i) { return static_cast<double>(gradient[i]) * static_cast<double>(weight[i]); };
    for (size_t i = 0; i < x.size(); ++i) along += pull(i) * static_cast<double>(x[i]) * scale / n;
    for (size_t i = 0; i < x.size(); ++i) {
      const double normal = static_cast<double>(x[i]) * scale;
      expect_near(out[i], normal * static_cast<double>(weight[i]), "normed", static_cast<int64_t>(i));
      EXPECT_NEAR(static_cast<double>(back[i]), (pull(i) - normal * along) * scale, 1e-5 * scale * 300) << i;
    }
  }
}

TEST_F(RowMathTest, Turns) {
  for (const int64_t half : {1, 4, 8, 11, 16, 32}) {
    const std::vector<float> head = row_of(2 * half, 7), angle = row_of(half, 8);
    std::vector<float> cos, sin, out(head.size()), back(head.size());
    for (const float one : angle) {
      cos.push_back(std::cos(one));
      sin.push_back(std::sin(one));
    }
    math.turned(head.data(), cos.data(), sin.data(), 1, half, out.data());
    math.turned(out.data(), cos.data(), sin.data(), -1, half, back.data());
    for (size_t i = 0; i < angle.size(); ++i) {
      const double a = head[i], b = head[i + angle.size()], c = cos[i], s = sin[i];
      expect_near(out[i], a * c - b * s, "first", static_cast<int64_t>(i));
      expect_near(out[i + angle.size()], b * c + a * s, "second", static_cast<int64_t>(i));
    }
    for (size_t i = 0; i < head.size(); ++i) EXPECT_NEAR(back[i], head[i], 1e-4);
  }
}

/// Pictures in front of the places share their angles.
TEST_F(RowMathTest, TurnsOfSeveralPictures) {
  const int64_t pictures = 3, places = 5, heads = 2, half = 6;
  const at::Tensor x = at::randn({pictures, places, heads, 2 * half}), angle = at::randn({places, 1, half});
  const at::Tensor cos = angle.cos(), sin = angle.sin();
  const at::Tensor a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  const at::Tensor wanted = at::cat({a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))}, -1);
  EXPECT_TRUE(turned(x, cos, sin, false).equal(wanted));
  EXPECT_LT(turned(turned(x, cos, sin, false), cos, sin, true).sub(x).abs().max().item<double>(), 1e-6);
}

TEST_F(RowMathTest, FewRows) {
  for (const int64_t width : kWidths) {
    for (int64_t rows = 1; rows <= kFewRows; ++rows) {
      const int64_t columns = 19, begin = 1, end = 18;
      const std::vector<float> x = row_of(rows * width, 1), weight = row_of(columns * width, 0.3), bias = row_of(columns, 2);
      for (const float* given : {bias.data(), static_cast<const float*>(nullptr)}) {
        std::vector<float> out(static_cast<size_t>(rows * columns), -7);
        math.few_rows(x.data(), rows, width, weight.data(), given, columns, begin, end, out.data());
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t c = 0; c < columns; ++c) {
            double sum = given == nullptr ? 0 : given[c], size = 1;
            for (int64_t i = 0; i < width; ++i) {
              const double term = static_cast<double>(x[static_cast<size_t>(r * width + i)]) *
                                  static_cast<double>(weight[static_cast<size_t>(c * width + i)]);
              sum += term;
              size += std::abs(term);
            }
            const auto got = static_cast<double>(out[static_cast<size_t>(r * columns + c)]);
            EXPECT_NEAR(got, c >= begin && c < end ? sum : -7, 1e-6 * size)
                << rows << " rows, row " << r << ", column " << c;
          }
        }
      }
    }
  }
}

/// The same through tensors of many rows, against double, which takes the operators.
TEST_F(RowMathTest, FormulasMeetDouble) {
  const auto both = [](std::vector<int64_t> shape, const char* name) {
    const at::Tensor wide = random_tensor(std::move(shape), name).to(at::kFloat).to(at::kDouble);
    return std::pair(wide.to(at::kFloat), wide);
  };
  const auto [x, x_wide] = both({70, 3, 20}, "x");
  const auto [g, g_wide] = both({70, 3, 20}, "gradient");
  const auto [w, w_wide] = both({20}, "weight");
  const auto [cos, cos_wide] = both({70, 1, 10}, "cos");
  const auto [sin, sin_wide] = both({70, 1, 10}, "sin");
  const at::Tensor scale = inverse_rms(x, 1e-6), scale_wide = inverse_rms(x_wide, 1e-6);
  EXPECT_EQ(scale.sizes(), scale_wide.sizes());
  EXPECT_LT(largest_difference(scale, scale_wide), 2e-6);
  EXPECT_LT(largest_difference(normed_rows(x, scale, w), normed_rows(x_wide, scale_wide, w_wide)), 1e-5);
  EXPECT_LT(
      largest_difference(normed_rows_backward(g, x, scale, w), normed_rows_backward(g_wide, x_wide, scale_wide, w_wide)),
      1e-5);
  for (const bool back : {false, true})
    EXPECT_LT(largest_difference(turned(x, cos, sin, back), turned(x_wide, cos_wide, sin_wide, back)), 2e-6);
  // Heads that are a part of a wider matrix have no row of their own: by operators.
  const auto [broad, broad_wide] = both({70, 3, 40}, "broad");
  EXPECT_LT(largest_difference(turned(broad.narrow(-1, 5, 20), cos, sin, false),
                               turned(broad_wide.narrow(-1, 5, 20), cos_wide, sin_wide, false)),
            2e-6);
  EXPECT_LT(largest_difference(gated(x, g), gated(x_wide, g_wide)), 1e-5);
  const GateGradients back = gated_backward(x, g, x), back_wide = gated_backward(x_wide, g_wide, x_wide);
  EXPECT_LT(largest_difference(back.gate, back_wide.gate), 1e-5);
  EXPECT_LT(largest_difference(back.up, back_wide.up), 1e-5);
  const c10::InferenceMode answering;
  const auto [m, m_wide] = both({37, 20}, "matrix");
  const auto [b, b_wide] = both({37}, "bias");
  for (const int64_t rows : {int64_t{1}, int64_t{5}, kFewRows, kFewRows + 1})
    EXPECT_LT(largest_difference(product(x.flatten(0, 1).narrow(0, 0, rows), m, b),
                                 product(x_wide.flatten(0, 1).narrow(0, 0, rows), m_wide, b_wide)),
              2e-5);
}

}  // namespace
}  // namespace rrpo::model
