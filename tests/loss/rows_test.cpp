// The row kernels against the library's exp in double, against each other, and under token_values.
#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "../../src/loss/token_function.h"
#include "rrpo/util/error.h"

namespace rrpo::loss {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

/// Those that run on this machine; `aten` as null.
std::vector<const RowKernel*> all_ways() {
  std::vector<const RowKernel*> ways{nullptr};
  for (const RowKernel* kernel : {&plain_rows(), &avx2_rows(), &avx512_rows()}) {
    if (kernel->runs_here()) ways.push_back(kernel);
  }
  return ways;
}
std::vector<const RowKernel*> kernels() {
  std::vector<const RowKernel*> ways = all_ways();
  ways.erase(ways.begin());
  return ways;
}
const char* name_of(const RowKernel* kernel) { return kernel == nullptr ? "aten" : kernel->name; }

/// A row of logits about as wide as those of a model, another for each seed.
std::vector<float> row_of(int64_t size, double seed) {
  std::vector<float> row;
  for (int64_t i = 0; i < size; ++i) {
    const double at = static_cast<double>(i);
    row.push_back(static_cast<float>(9 * std::sin(seed + 1.7 * at) * std::cos(0.3 * at * seed) - 4));
  }
  return row;
}

double ulps(float value, double exact) {
  int exponent = 0;
  std::frexp(exact, &exponent);
  return std::abs(static_cast<double>(value) - exact) / std::ldexp(1.0, exponent - 24);
}

TEST(RowKernel, ExpIsWithinTwoUlps) {
  for (const RowKernel* kernel : kernels()) {
    SCOPED_TRACE(kernel->name);
    std::vector<float> x;
    for (int i = 0; i < 1 << 18; ++i) x.push_back(-87.33F * static_cast<float>(i) / static_cast<float>(1 << 18));
    for (float small = -1; small < -1e-30F; small /= 3) x.push_back(small);
    std::vector<float> e = x;
    const double sum = kernel->exponentials(e.data(), static_cast<int64_t>(e.size()), 0);
    double worst = 0, exact = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double one = std::exp(static_cast<double>(x[i]));
      worst = std::max(worst, ulps(e[i], one));
      exact += one;
    }
    EXPECT_LT(worst, 2);
    EXPECT_NEAR(sum / exact, 1, 1e-6);
  }
}

TEST(RowKernel, TheWideOnesAgreeInEveryBit) {
  if (!avx512_rows().runs_here()) GTEST_SKIP() << "no AVX-512 here";
  for (const int64_t size : {1, 7, 16, 33, 1023, 1024, 1025, 5000}) {
    std::vector<float> policy = row_of(size, 1), other = row_of(size, 2), out(policy), out_wide(policy);
    std::vector<float> policy_wide = policy, other_wide = other;
    EXPECT_EQ(avx2_rows().largest(policy.data(), size), avx512_rows().largest(policy.data(), size));
    const RowSums narrow = avx2_rows().both(policy.data(), other.data(), size, 5, 6);
    const RowSums wide = avx512_rows().both(policy_wide.data(), other_wide.data(), size, 5, 6);
    EXPECT_EQ(std::memcmp(&narrow, &wide, sizeof(RowSums)), 0) << size;
    EXPECT_EQ(policy, policy_wide);
    EXPECT_EQ(other, other_wide);
    const RowSlope slope{.ratio = 0.9F, .pull = 0.3F, .push = -0.2F};
    avx2_rows().slope(policy.data(), other.data(), size, slope, out.data());
    avx512_rows().slope(policy.data(), other.data(), size, slope, out_wide.data());
    EXPECT_EQ(out, out_wide);
  }
}

TEST(RowKernel, RowsOfAnyLengthMeetThePlainLoopAndEndWhereTheyEnd) {
  for (const RowKernel* kernel : kernels()) {
    SCOPED_TRACE(kernel->name);
    for (int64_t size = 1; size < 40; ++size) {
      const size_t end = static_cast<size_t>(size);
      std::vector<float> policy = row_of(size + 1, 3), other = row_of(size + 1, 4), alone = policy;
      std::vector<float> plain_policy = policy, plain_other = other, out(end + 1, 7), plain_out(end + 1, 7);
      const float shift = plain_rows().largest(policy.data(), size), behind = policy[end];
      EXPECT_EQ(kernel->largest(policy.data(), size), shift);
      const RowSums sums = kernel->both(policy.data(), other.data(), size, shift, 6);
      const RowSums plain = plain_rows().both(plain_policy.data(), plain_other.data(), size, shift, 6);
      EXPECT_NEAR(sums.policy, plain.policy, 1e-6 * plain.policy);
      EXPECT_NEAR(sums.other, plain.other, 1e-6 * plain.other);
      EXPECT_NEAR(sums.gap, plain.gap, 1e-5 * plain.other);
      EXPECT_EQ(kernel->exponentials(alone.data(), size, shift), sums.policy);
      EXPECT_EQ(alone, policy);
      const RowSlope slope{.ratio = 1.1F, .pull = -0.3F, .push = 0.2F};
      kernel->slope(policy.data(), other.data(), size, slope, out.data());
      plain_rows().slope(plain_policy.data(), plain_other.data(), size, slope, plain_out.data());
      for (size_t i = 0; i < end; ++i) EXPECT_NEAR(out[i], plain_out[i], 3e-7) << i << " of " << size;
      EXPECT_EQ(policy[end], behind);
      EXPECT_EQ(out[end], 7);
    }
  }
}

TEST(RowKernel, WhatIsNotFiniteComesOutOfTheSum) {
  for (const RowKernel* kernel : kernels()) {
    SCOPED_TRACE(kernel->name);
    for (const size_t place : {0, 15, 16, 36}) {
      std::vector<float> row(37, 1.0F);
      row[place] = kNan;
      EXPECT_TRUE(std::isnan(kernel->exponentials(row.data(), 37, 1)));
      row.assign(37, 1.0F);
      row[place] = -kInfinity;  // a word that cannot be: no part of the sum
      EXPECT_EQ(kernel->exponentials(row.data(), 37, 1), 36);
      row.assign(37, 1.0F);
      row[place] = kInfinity;
      const float shift = kernel->largest(row.data(), 37);
      EXPECT_FALSE(std::isfinite(kernel->exponentials(row.data(), 37, shift)));
    }
    std::vector<float> far{0, -88, -1e4F, -3e38F};
    const double sum = kernel->exponentials(far.data(), 4, 0);
    EXPECT_EQ(sum, static_cast<double>(far[0]) + static_cast<double>(far[1]));
    EXPECT_LT(far[1], 1e-37F);
    EXPECT_EQ(far[3], 0);
  }
}

TEST(RowKernel, IsNamed) {
  EXPECT_EQ(rows_named("plain"), &plain_rows());
  EXPECT_EQ(rows_named("aten"), nullptr);
  EXPECT_THAT([] { rows_named("sse"); }, testing::ThrowsMessage<Error>(testing::HasSubstr("plain, avx2, avx512, aten")));
}

/// Rows of a small vocabulary, the first half like chosen answers, the second like rejected ones.
struct Rows {
  static constexpr int64_t kRows = 12, kWidth = 6, kWords = 1100;
  at::Tensor hidden = at::randn({kRows, kWidth}), reference = hidden.add(at::randn({kRows, kWidth}), 0.1),
             head = at::randn({kWords, kWidth}), labels = at::randint(kWords, {kRows}, at::kLong);
  at::Tensor g_kl = at::cat({at::ones({kRows / 2}).mul(0.3), at::zeros({kRows / 2})}), g_logp = at::zeros({kRows});

  Rows() {
    g_logp.select(0, 1).fill_(-0.5);
    g_logp.select(0, 9).fill_(0.7);
  }
  struct Result {
    TokenValues values;
    at::Tensor to_hidden, to_head;
  };
  Result run(const RowRules& rules, at::ScalarType type = at::kFloat) const {
    const at::Tensor x = hidden.to(type, false, /*copy=*/true).requires_grad_(),
                     w = head.to(type, false, /*copy=*/true).requires_grad_();
    const at::Tensor other = reference.defined() ? reference.to(type) : reference;
    Result result{token_values_by(rules, x, w, other, labels), {}, {}};
    at::Tensor loss = result.values.logp.mul(g_logp.to(type)).sum();
    if (other.defined()) loss = loss.add(result.values.kl.mul(g_kl.to(type)).sum());
    loss.backward();
    result.to_hidden = x.grad();
    result.to_head = w.grad();
    return result;
  }
};

void expect_close(const at::Tensor& actual, const at::Tensor& exact, double tolerance) {
  const double error = actual.to(at::kDouble).sub(exact.to(at::kDouble)).abs().max().item<double>();
  EXPECT_LT(error, tolerance * std::max(1.0, exact.abs().max().item<double>()));
}

TEST(TokenRows, EveryWayMeetsDouble) {
  for (const bool with_reference : {true, false}) {
    Rows rows;
    if (!with_reference) rows.reference.reset();
    const Rows::Result exact = rows.run({}, at::kDouble);
    for (const RowKernel* kernel : all_ways()) {
      SCOPED_TRACE(name_of(kernel));
      const Rows::Result result = rows.run({.kernel = kernel});
      expect_close(result.values.logp.detach(), exact.values.logp.detach(), 3e-6);
      expect_close(result.to_hidden, exact.to_hidden, 3e-6);
      expect_close(result.to_head, exact.to_head, 3e-6);
      if (!with_reference) continue;
      expect_close(result.values.ref_logp, exact.values.ref_logp, 3e-6);
      expect_close(result.values.kl.detach(), exact.values.kl.detach(), 3e-6);
    }
  }
}

TEST(TokenRows, KeptRowsAreThoseComputedAgain) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    for (const RowKernel* kernel : all_ways()) {
      SCOPED_TRACE(name_of(kernel));
      Rows rows;
      rows.g_kl.fill_(0.3);  // every row in its place: the products are the same
      const Rows::Result kept = rows.run({.kernel = kernel}, type),
                         again = rows.run({.kernel = kernel, .kept_values = 0}, type);
      EXPECT_TRUE(kept.to_hidden.equal(again.to_hidden));
      EXPECT_TRUE(kept.to_head.equal(again.to_head));
      EXPECT_TRUE(kept.values.kl.equal(again.values.kl));
    }
  }
}

TEST(TokenRows, ChunksMeetTheWhole) {
  for (const RowKernel* kernel : all_ways()) {
    SCOPED_TRACE(name_of(kernel));
    const Rows rows;
    const Rows::Result whole = rows.run({.kernel = kernel});
    for (const int64_t length : {1, 5, 7}) {
      const Rows::Result parts = rows.run({.kernel = kernel, .kept_values = 0, .chunk_values = length * Rows::kWords});
      expect_close(parts.values.logp.detach(), whole.values.logp.detach(), 2e-6);
      expect_close(parts.values.kl.detach(), whole.values.kl.detach(), 2e-6);
      expect_close(parts.to_hidden, whole.to_hidden, 2e-6);
      expect_close(parts.to_head, whole.to_head, 2e-6);
    }
  }
}

TEST(TokenRows, TheReferenceIsReadWhereTheKlHasAGradientAlone) {
  for (const RowKernel* kernel : all_ways()) {
    for (const int64_t kept : {int64_t{1} << 25, int64_t{0}}) {
      SCOPED_TRACE(name_of(kernel));
      Rows rows;
      const Rows::Result whole = rows.run({.kernel = kernel, .kept_values = kept});
      rows.reference = rows.reference.clone();
      rows.reference.narrow(0, Rows::kRows / 2, Rows::kRows / 2).fill_(kNan);
      const at::Tensor x = rows.hidden.clone().requires_grad_();
      const TokenValues values =
          token_values_by({.kernel = kernel, .kept_values = kept}, x, rows.head, rows.reference, rows.labels);
      EXPECT_TRUE(values.kl.select(0, Rows::kRows - 1).isnan().item<bool>());
      values.logp.mul(rows.g_logp).sum().add(values.kl.narrow(0, 0, Rows::kRows / 2).mul(0.3).sum()).backward();
      expect_close(x.grad(), whole.to_hidden, 2e-6);
      // Neither marked nor pulled: nothing at all.
      EXPECT_EQ(x.grad().select(0, Rows::kRows - 1).abs().max().item<double>(), 0);
    }
  }
}

TEST(TokenRows, AlikeRowsAreLookedAtOnce) {
  for (const bool with_reference : {true, false}) {
    Rows rows;
    // Rows 6, 7, 8 say what 0, 1, 2 do; of 8 the label is another one, of 9 the policy alone is row 3's.
    for (const int64_t i : {0, 1, 2}) {
      rows.hidden.select(0, 6 + i).copy_(rows.hidden.select(0, i));
      rows.reference.select(0, 6 + i).copy_(rows.reference.select(0, i));
      rows.labels.select(0, 6 + i).copy_(rows.labels.select(0, i));
    }
    rows.labels.select(0, 8).fill_((rows.labels.select(0, 2).item<int64_t>() + 1) % Rows::kWords);
    rows.hidden.select(0, 9).copy_(rows.hidden.select(0, 3));
    rows.labels.select(0, 9).copy_(rows.labels.select(0, 3));
    rows.g_logp.select(0, 6).fill_(0.2);
    rows.g_kl.select(0, 7).fill_(-0.1);
    if (!with_reference) rows.reference.reset();
    const Rows::Result exact = rows.run({.once = false}, at::kDouble), double_once = rows.run({}, at::kDouble);
    expect_close(double_once.to_hidden, exact.to_hidden, 1e-14);
    for (const RowKernel* kernel : all_ways()) {
      for (const int64_t kept : {int64_t{1} << 25, int64_t{0}}) {
        SCOPED_TRACE(name_of(kernel));
        const Rows::Result result = rows.run({.kernel = kernel, .kept_values = kept, .chunk_values = 5 * Rows::kWords});
        expect_close(result.values.logp.detach(), exact.values.logp.detach(), 3e-6);
        expect_close(result.to_hidden, exact.to_hidden, 3e-6);
        expect_close(result.to_head, exact.to_head, 3e-6);
        EXPECT_TRUE(result.values.logp.select(0, 6).equal(result.values.logp.select(0, 0)));
        if (with_reference) expect_close(result.values.kl.detach(), exact.values.kl.detach(), 3e-6);
      }
    }
  }
}

TEST(TokenRows, ModelsThatAgreeAreNotPulled) {
  for (const RowKernel* kernel : all_ways()) {
    SCOPED_TRACE(name_of(kernel));
    Rows rows;
    rows.reference = rows.hidden;
    rows.g_logp.zero_();
    const Rows::Result result = rows.run({.kernel = kernel});
    EXPECT_EQ(result.values.kl.abs().max().item<double>(), 0);
    EXPECT_EQ(result.to_hidden.abs().max().item<double>(), 0);
  }
}

TEST(TokenRows, NoGradientAtAllIsZero) {
  for (const int64_t kept : {int64_t{1} << 25, int64_t{0}}) {
    Rows rows;
    rows.g_kl.zero_();
    rows.g_logp.zero_();
    const Rows::Result result = rows.run({.kept_values = kept});
    EXPECT_EQ(result.to_hidden.abs().max().item<double>(), 0);
    EXPECT_EQ(result.to_head.abs().max().item<double>(), 0);
  }
}

TEST(TokenRows, ALabelOutsideTheVocabularyIsRefused) {
  const Rows rows;
  for (const RowKernel* kernel : kernels()) {
    for (const int64_t label : {int64_t{-1}, Rows::kWords}) {
      const at::Tensor labels = rows.labels.clone();
      labels.select(0, 3).fill_(label);
      EXPECT_THROW(token_values_by({.kernel = kernel}, rows.hidden, rows.head, rows.reference, labels), Error);
    }
  }
}

}  // namespace
}  // namespace rrpo::loss
