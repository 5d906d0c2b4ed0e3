// The forms of tree attention against each other, a plain masked softmax and one row after the other, values and gradients.
#include <ATen/Parallel.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "../../src/model/functions.h"
#include "../../src/model/layers.h"
#include "rrpo/util/error.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

constexpr int64_t kHeads = 4, kKvHeads = 2, kWidth = 6;
constexpr Attention kForms[] = {Attention::dense, Attention::merged, Attention::split, Attention::tiled};

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

std::vector<int64_t> every_row(const PackedRows& rows) {
  std::vector<int64_t> every;
  for (size_t i = 0; i < rows.ids.size(); ++i) every.push_back(static_cast<int64_t>(i));
  return every;
}

/// Outputs and gradients of one form on the same operands.
template <class Form>
std::vector<at::Tensor> run_form(const PackedRows& rows, const std::vector<int64_t>& queries, const Form& form) {
  const auto count = static_cast<int64_t>(queries.size()), all = static_cast<int64_t>(rows.ids.size());
  const at::Tensor q = random_tensor({count, kHeads, kWidth}, "q").requires_grad_(true);
  const at::Tensor k = random_tensor({all, kKvHeads, kWidth}, "k").requires_grad_(true);
  const at::Tensor v = random_tensor({all, kKvHeads, kWidth}, "v").requires_grad_(true);
  const at::Tensor out = form(q, k, v);
  out.mul(random_tensor({count, kHeads * kWidth}, "weight")).sum().backward();
  return {out, q.grad(), k.grad(), v.grad()};
}

/// The split form attends from `whole` segments only.
void expect_every_form(const PackedRows& rows, const std::vector<int64_t>& queries, const std::vector<at::Tensor>& expected,
                       bool whole) {
  for (const Attention kind : kForms) {
    if (kind == Attention::split && !whole) continue;
    const auto results = run_form(rows, queries, [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
      return attend(q, k, v, plan_attention(rows, queries, kind, q.options()));
    });
    for (size_t i = 0; i < results.size(); ++i) {
      EXPECT_LT(largest_difference(results[i], expected[i]), 1e-12) << static_cast<int>(kind) << " " << i;
    }
  }
}

TEST(Attention, EveryFormEqualsAMaskedSoftmax) {
  const PackedRows rows = uneven();
  std::vector<int64_t> some;
  for (int64_t i = 140; i < static_cast<int64_t>(rows.ids.size()); i += 3) some.push_back(i);
  for (const std::vector<int64_t>& queries : {every_row(rows), some}) {
    const auto expected = run_form(rows, queries, [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
      return plain(rows, queries, q, k, v);
    });
    expect_every_form(rows, queries, expected, /*whole=*/queries.size() == rows.ids.size());
  }
}

/// The kernel of float32 and its loops in double differ by rounding alone.
TEST(Attention, TilesInFloatAreThoseInDouble) {
  const PackedRows rows = uneven();
  const std::vector<int64_t> every = every_row(rows);
  const auto in = [&](at::ScalarType type) {
    return run_form(rows, every, [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
      const auto plan = plan_attention(rows, every, Attention::tiled, q.options());
      return attend(q.to(type), k.to(type), v.to(type), plan).to(at::kDouble);
    });
  };
  const auto single = in(at::kFloat), expected = in(at::kDouble);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_LT(largest_difference(single[i], expected[i]), 3e-6) << i;
}

/// Several threads take tiles of one head: what they add to the keys is added up.
TEST(Attention, TilesOnSeveralThreadsAreThoseOnOne) {
  const PackedRows rows = uneven();
  const std::vector<int64_t> every = every_row(rows);
  const int before = at::get_num_threads();
  std::vector<std::vector<at::Tensor>> results;
  for (const int threads : {1, 5}) {
    at::set_num_threads(threads);
    results.push_back(run_form(rows, every, [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
      return attend(q, k, v, plan_attention(rows, every, Attention::tiled, q.options()));
    }));
  }
  at::set_num_threads(before);
  for (size_t i = 0; i < results[0].size(); ++i) EXPECT_LT(largest_difference(results[0][i], results[1][i]), 1e-13) << i;
}

/// Three pictures of two tiles each, against the operator that eyes have elsewhere.
TEST(Attention, PicturesLookAtThemselvesAlone) {
  const auto run = [](const auto& form) {
    std::vector<at::Tensor> all;
    for (const char* name : {"q", "k", "v"})
      all.push_back(random_tensor({3, 100, kHeads, kWidth}, name).requires_grad_(true));
    const at::Tensor out = form(all[0], all[1], all[2]);
    out.mul(random_tensor({3, 100, kHeads * kWidth}, "weight")).sum().backward();
    return std::vector<at::Tensor>{out, all[0].grad(), all[1].grad(), all[2].grad()};
  };
  const auto mine = run(attend_pictures);
  const auto expected = run([](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        .transpose(1, 2)
        .flatten(2);
  });
  for (size_t i = 0; i < mine.size(); ++i) EXPECT_LT(largest_difference(mine[i], expected[i]), 1e-12) << i;
}

/// A pair of answers below a prompt: 70 queries are two tiles, of which the first looks at no row behind its own.
TEST(Attention, ATileTakesJustTheRowsThatItLooksAt) {
  PackedRows pair;
  const int64_t prompt = pair.add_segment(tokens(40, 1), -1);
  pair.add_segment(tokens(15, 1), prompt);
  pair.add_segment(tokens(15, 1), prompt);
  pair.add_segment(tokens(3, 1), -1);
  const auto plan = plan_attention(pair, every_row(pair), Attention::tiled, at::TensorOptions(at::kFloat));
  ASSERT_EQ(plan->tiles.size(), 3U);
  const auto shown = [](const Range* ranges, int64_t count) {
    std::vector<std::pair<int64_t, int64_t>> all;
    for (int64_t i = 0; i < count; ++i) all.emplace_back(ranges[i].begin, ranges[i].length);
    return all;
  };
  using Ranges = std::vector<std::pair<int64_t, int64_t>>;
  const Tile &first = plan->tiles[0], &second = plan->tiles[1], &third = plan->tiles[2];
  EXPECT_EQ(first.queries.length, 64);
  EXPECT_EQ(shown(first.keys.data(), 1), (Ranges{{0, 64}}));
  EXPECT_EQ(shown(first.seen_by(50).ranges, first.seen_by(50).count), (Ranges{{0, 51}}));
  EXPECT_EQ(shown(first.seen_by(57).ranges, first.seen_by(57).count), (Ranges{{0, 40}, {55, 3}}));
  EXPECT_EQ(second.queries.begin, 64);
  EXPECT_EQ(shown(second.keys.data(), 2), (Ranges{{0, 40}, {55, 15}}));
  EXPECT_EQ(second.columns, 55);
  EXPECT_EQ(shown(second.seen_by(5).ranges, second.seen_by(5).count), (Ranges{{0, 55}}));
  EXPECT_EQ(shown(third.keys.data(), 1), (Ranges{{70, 3}}));
}

/// Two long segments, one below the other, beside short ones.
PackedRows long_segments() {
  PackedRows rows;
  const int64_t clip = rows.add_segment(tokens(600, 1), -1);
  const int64_t question = rows.add_segment(tokens(7, 1), clip);
  rows.add_segment(tokens(520, 1), question);
  rows.add_segment(tokens(30, 1), question);
  rows.add_segment(tokens(40, 1), -1);
  return rows;
}

TEST(Attention, ALongSegmentLooksAtItselfWithoutAMask) {
  const PackedRows rows = long_segments();
  const std::vector<int64_t> every = every_row(rows);
  const auto expected = run_form(rows, every, [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return plain(rows, every, q, k, v);
  });
  expect_every_form(rows, every, expected, /*whole=*/true);
  int64_t causal = 0;
  for (const Block& block : plan_attention(rows, every, Attention::merged, at::TensorOptions(at::kFloat))->blocks) {
    causal += block.causal ? 1 : 0;
    EXPECT_TRUE(!block.mask.defined() || block.mask.numel() < 512 * 512);
  }
  EXPECT_EQ(causal, 2);
}

TEST(Attention, PaddingStaysSmall) {
  const PackedRows rows = uneven();
  const auto plan = plan_attention(rows, every_row(rows), Attention::merged, at::TensorOptions(at::kFloat));
  int64_t padded = 0, real = 0;
  for (const Block& block : plan->blocks) padded += block.count * block.queries.length * block.keys.length;
  for (const Segment& own : rows.segments) {
    for (const Segment& other : rows.segments) {
      if (own.begin == other.begin || sees(rows, other.begin, own.begin)) real += own.length * other.length;
    }
  }
  EXPECT_GE(padded, real);
  EXPECT_LE(padded, real * 4 / 3 + static_cast<int64_t>(plan->blocks.size()) * 16384);
  EXPECT_LE(plan->blocks.size(), 8U);
}

/// Softmax over the rows that a query sees and nothing else, one query after the other.
at::Tensor row_by_row(const PackedRows& rows, const std::vector<int64_t>& queries, const at::Tensor& q, const at::Tensor& k,
                      const at::Tensor& v) {
  const at::Tensor all_keys = k.repeat_interleave(kHeads / kKvHeads, 1),
                   all_values = v.repeat_interleave(kHeads / kKvHeads, 1);
  std::vector<at::Tensor> results;
  for (size_t i = 0; i < queries.size(); ++i) {
    std::vector<int64_t> seen;
    for (const int64_t key : every_row(rows)) {
      if (sees(rows, queries[i], key)) seen.push_back(key);
    }
    const at::Tensor index = index_tensor(seen, at::kCPU);
    const at::Tensor scores = all_keys.index_select(0, index).mul(q.select(0, static_cast<int64_t>(i))).sum(-1);
    const at::Tensor weights = scores.div(std::sqrt(static_cast<double>(kWidth))).softmax(0);
    results.push_back(all_values.index_select(0, index).mul(weights.unsqueeze(-1)).sum(0).flatten());
  }
  return at::stack(results);
}

void expect_row_by_row(const PackedRows& rows, const std::vector<int64_t>& queries, bool whole) {
  const auto expected = run_form(rows, queries, [&](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return row_by_row(rows, queries, q, k, v);
  });
  expect_every_form(rows, queries, expected, whole);
}

/// A tree of any depth; a third of its segments may be empty, and some are as long as the one before.
PackedRows random_tree(Random& random) {
  PackedRows rows;
  const int64_t count = 1 + random.below(10);
  for (int64_t s = 0; s < count; ++s) {
    int64_t length = random.chance(0.3) ? 0 : 1 + random.below(9);
    if (s > 0 && random.chance(0.3)) length = rows.segments.back().length;
    rows.add_segment(tokens(length, 1), random.chance(0.2) ? -1 : random.below(s + 1) - 1);
  }
  if (rows.ids.empty()) rows.add_segment(tokens(3, 1), count - 1);
  return rows;
}

TEST(Attention, RandomTreesEqualOneRowAfterTheOther) {
  for (uint64_t trial = 0; trial < 30; ++trial) {
    SCOPED_TRACE(trial);
    Random random(11, "tree", trial);
    const PackedRows rows = random_tree(random);
    std::vector<int64_t> some, whole;
    for (const Segment& own : rows.segments) {
      const bool taken = random.chance(0.6);
      for (int64_t row = own.begin; row < own.begin + own.length; ++row) {
        if (random.chance(0.4)) some.push_back(row);
        if (taken) whole.push_back(row);
      }
    }
    expect_row_by_row(rows, every_row(rows), true);
    if (!whole.empty()) expect_row_by_row(rows, whole, true);
    if (!some.empty()) expect_row_by_row(rows, some, false);
  }
}

TEST(Attention, EmptySegmentsChangeNothing) {
  PackedRows below_root, between, last;  // of one, two and three rows in a block or more
  below_root.add_segment(tokens(3, 1), below_root.add_segment({}, -1));
  between.add_segment({}, -1);
  const int64_t first = between.add_segment(tokens(4, 1), 0), empty = between.add_segment({}, first);
  between.add_segment(tokens(2, 1), empty);
  between.add_segment(tokens(5, 1), empty);
  between.add_segment(tokens(2, 1), 0);
  last.add_segment({}, last.add_segment(tokens(1, 1), -1));
  for (const PackedRows& rows : {below_root, between, last}) expect_row_by_row(rows, every_row(rows), true);
}

TEST(Attention, NobodyLooks) {
  const PackedRows rows = uneven();
  const at::Tensor q = at::zeros({0, kHeads, kWidth}, at::kDouble);
  const at::Tensor k = at::zeros({static_cast<int64_t>(rows.ids.size()), kKvHeads, kWidth}, at::kDouble);
  for (const Attention kind : kForms) {
    const at::Tensor out = attend(q, k, k, plan_attention(rows, {}, kind, q.options()));
    EXPECT_EQ(out.sizes(), (std::vector<int64_t>{0, kHeads * kWidth}));
  }
}

/// Rows are gathered where they stand apart or are padded, and there only.
TEST(Attention, RowsThatStandTogetherAreNotGathered) {
  PackedRows pair;
  const int64_t prompt = pair.add_segment(tokens(40, 1), -1);
  pair.add_segment(tokens(9, 1), prompt);
  pair.add_segment(tokens(9, 1), prompt);
  const auto plain = at::TensorOptions(at::kFloat);
  for (const Attention kind : {Attention::dense, Attention::merged, Attention::split}) {
    const auto plan = plan_attention(pair, every_row(pair), kind, plain);
    EXPECT_EQ(plan->blocks.size(), kind == Attention::dense ? 1U : kind == Attention::merged ? 2U : 3U);
    EXPECT_FALSE(plan->place.defined());
    for (const Block& block : plan->blocks) {
      EXPECT_FALSE(block.queries.index.defined() || block.keys.index.defined());
      EXPECT_EQ(block.mask.defined(), kind != Attention::split);
    }
  }
  pair.add_segment(tokens(5, 1), prompt);
  const auto plan = plan_attention(pair, every_row(pair), Attention::merged, plain);
  ASSERT_EQ(plan->blocks.size(), 2U);
  EXPECT_FALSE(plan->blocks[0].queries.index.defined());
  EXPECT_EQ(plan->blocks[1].queries.real.size(0), 23);
  EXPECT_EQ(plan->blocks[1].queries.index.size(0), 27);
}

/// The rows that are read of a pair, the last one of the prompt and those of the answers, see the whole prompt.
TEST(Attention, NoMaskWhereNothingIsHidden) {
  PackedRows pair;
  const int64_t prompt = pair.add_segment(tokens(40, 1), -1);
  pair.add_segment(tokens(9, 1), prompt);
  pair.add_segment(tokens(9, 1), prompt);
  const auto masked = [&pair](int64_t first) {
    std::vector<int64_t> reads;
    for (int64_t row = first; row < 58; ++row) reads.push_back(row);
    return plan_attention(pair, reads, Attention::merged, at::TensorOptions(at::kFloat))->blocks.front().mask.defined();
  };
  EXPECT_TRUE(masked(38));
  EXPECT_FALSE(masked(39));
  EXPECT_FALSE(masked(40));
}

TEST(Attention, RowsOfNoTreeAreRefused) {
  const auto plan = [](const PackedRows& rows, const std::vector<int64_t>& queries) {
    return plan_attention(rows, queries, Attention::merged, at::TensorOptions(at::kFloat));
  };
  const PackedRows good = uneven();
  const auto all = static_cast<int64_t>(good.ids.size());
  EXPECT_NO_THROW(plan(good, {0, 5, all - 1}));
  for (const std::vector<int64_t>& queries : std::vector<std::vector<int64_t>>{{-1, 0}, {all - 1, all}, {3, 3}, {4, 2}}) {
    EXPECT_THROW(plan(good, queries), Error);
  }
  PackedRows bad = good;
  bad.segments[3].parent = 3;
  EXPECT_THROW(plan(bad, {0}), Error);
  bad = good;
  bad.segments[2].begin += 1;
  EXPECT_THROW(plan(bad, {0}), Error);
  bad = good;
  bad.ids.push_back(1);
  EXPECT_THROW(plan(bad, {0}), Error);
  bad = good;
  bad.segments[1].length = -3;
  EXPECT_THROW(plan(bad, {0}), Error);
  bad = good;
  bad.segments.back().length += 1;
  EXPECT_THROW(plan(bad, {0}), Error);
  EXPECT_THROW(plan_attention(good, {0}, Attention::split, at::TensorOptions(at::kFloat)), Error);  // half a segment
  const at::Tensor q = at::zeros({1, kHeads, kWidth}, at::kDouble), k = at::zeros({all - 1, kKvHeads, kWidth}, at::kDouble);
  EXPECT_THROW(attend(q, k, k, plan(good, {0})), Error);  // keys of other rows
}

TEST(Attention, AMaskBeyondMemoryIsRefused) {
  EXPECT_NO_THROW(check_mask(1, int64_t{1} << 15, int64_t{1} << 15, 4));
  try {
    check_mask(2, int64_t{1} << 15, int64_t{1} << 15, 4);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::environment);
    EXPECT_THAT(error.what(), testing::HasSubstr("mask of 8 GB"));
  }
}

}  // namespace
}  // namespace rrpo::model
