// The forms of tree attention against each other and against a plain masked softmax, values and gradients.
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <limits>

#include "../../src/model/functions.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

constexpr int64_t kHeads = 4, kKvHeads = 2, kWidth = 6;

/// Trees of depth 1 to 4 and unequal sizes; children of one tree stand between those of others.
PackedRows uneven() {
  PackedRows rows;
  const int64_t a = rows.add_segment(tokens(150, 1), -1), b = rows.add_segment(tokens(3, 1), -1);
  const int64_t a1 = rows.add_segment(tokens(40, 1), a);
  rows.add_segment(tokens(1, 1), b);
  const int64_t a2 = rows.add_segment(tokens(2, 1), a1);
  rows.add_segment(tokens(90, 1), -1);
  rows.add_segment(tokens(30, 1), a2);
  rows.add_segment(tokens(5, 1), a2);
  rows.add_segment(tokens(60, 1), a);
  return rows;
}

bool sees(const PackedRows& rows, int64_t query, int64_t key) {
  const auto segment_of = [&rows](int64_t row) {
    for (size_t s = 0; s < rows.segments.size(); ++s) {
      const Segment& own = rows.segments[s];
      if (row >= own.begin && row < own.begin + own.length) return static_cast<int64_t>(s);
    }
    return int64_t{-1};
  };
  const int64_t own = segment_of(query), other = segment_of(key);
  if (own == other) return key <= query;
  for (int64_t s = rows.segments[static_cast<size_t>(own)].parent; s >= 0;
       s = rows.segments[static_cast<size_t>(s)].parent) {
    if (s == other) return true;
  }
  return false;
}

/// softmax(q k^T / sqrt d + mask) v over all rows at once.
at::Tensor plain(const PackedRows& rows, const std::vector<int64_t>& queries, const at::Tensor& q, const at::Tensor& k,
                 const at::Tensor& v) {
  const auto count = static_cast<int64_t>(queries.size()), all = static_cast<int64_t>(rows.ids.size());
  at::Tensor mask = at::zeros({count, all}, at::kDouble);
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t j = 0; j < all; ++j) {
      if (sees(rows, queries[static_cast<size_t>(i)], j)) continue;
      mask.mutable_data_ptr<double>()[i * all + j] = -std::numeric_limits<double>::infinity();
    }
  }
  const at::Tensor keys = k.repeat_interleave(kHeads / kKvHeads, 1).permute({1, 2, 0});
  const at::Tensor values = v.repeat_interleave(kHeads / kKvHeads, 1).transpose(0, 1);
  const at::Tensor scores = q.transpose(0, 1).matmul(keys).div(std::sqrt(static_cast<double>(kWidth))).add(mask);
  return scores.softmax(-1).matmul(values).transpose(0, 1).flatten(1);
}

TEST(Attention, EveryFormEqualsAMaskedSoftmax) {
  const PackedRows rows = uneven();
  const auto all = static_cast<int64_t>(rows.ids.size());
  std::vector<int64_t> every, some;
  for (int64_t i = 0; i < all; ++i) every.push_back(i);
  for (int64_t i = 140; i < all; i += 3) some.push_back(i);
  for (const std::vector<int64_t>& queries : {every, some}) {
    const auto count = static_cast<int64_t>(queries.size());
    std::vector<std::vector<at::Tensor>> results;
    // The split form attends from whole segments only.
    const int forms = queries.size() == every.size() ? 4 : 3;
    for (int form = 0; form < forms; ++form) {
      const at::Tensor q = random_tensor({count, kHeads, kWidth}, "q").requires_grad_(true);
      const at::Tensor k = random_tensor({all, kKvHeads, kWidth}, "k").requires_grad_(true);
      const at::Tensor v = random_tensor({all, kKvHeads, kWidth}, "v").requires_grad_(true);
      const auto kind = form == 1 ? Attention::dense : form == 2 ? Attention::merged : Attention::split;
      const at::Tensor out =
          form == 0 ? plain(rows, queries, q, k, v) : attend(q, k, v, plan_attention(rows, queries, kind, q.options()));
      out.mul(random_tensor({count, kHeads * kWidth}, "weight")).sum().backward();
      results.push_back({out, q.grad(), k.grad(), v.grad()});
    }
    for (size_t form = 1; form < results.size(); ++form) {
      for (size_t i = 0; i < 4; ++i)
        EXPECT_LT(largest_difference(results[form][i], results[0][i]), 1e-12) << form << " " << i;
    }
  }
}

TEST(Attention, PaddingStaysSmall) {
  const PackedRows rows = uneven();
  std::vector<int64_t> every;
  for (size_t i = 0; i < rows.ids.size(); ++i) every.push_back(static_cast<int64_t>(i));
  const auto plan = plan_attention(rows, every, Attention::merged, at::TensorOptions(at::kFloat));
  int64_t padded = 0, real = 0;
  for (const Block& block : plan->blocks) padded += block.count * block.queries * block.keys;
  for (const Segment& own : rows.segments) {
    for (const Segment& other : rows.segments) {
      if (own.begin == other.begin || sees(rows, other.begin, own.begin)) real += own.length * other.length;
    }
  }
  EXPECT_GE(padded, real);
  EXPECT_LE(padded, real * 4 / 3 + static_cast<int64_t>(plan->blocks.size()) * 16384);
  EXPECT_LE(plan->blocks.size(), 8U);
}

}  // namespace
}  // namespace rrpo::model
