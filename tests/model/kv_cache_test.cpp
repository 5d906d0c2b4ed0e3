// Generation's cache against the packed pass.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "../../src/model/growth.h"
#include "rrpo/model/kv_cache.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

class KvCache : public testing::Test {
 protected:
  KvCache() : lvlm_(tiny_model()) {
    add_adapter(lvlm_, {4, 8}, 3);
    fill_adapter(lvlm_);
    visual_ = shown(random_tensor({token_count(lvlm_, 2), width(lvlm_)}, "video").mul(0.2));
  }

  /// Final hidden state of the last token of the prefix followed by `branch`.
  at::Tensor packed(const std::vector<int64_t>& before, const std::vector<int64_t>& branch) const {
    PackedRows rows;
    const int64_t root = rows.add_clip({before}, visual_.runs, 0);
    rows.read_rows = {rows.last_row(rows.add_segment(branch, root))};
    return hidden(lvlm_, rows, {visual_})[0];
  }

  Prefix read_prefix(const Lvlm& lvlm, const std::vector<int64_t>& before) const {
    PackedRows rows;
    rows.add_clip({before}, visual_.runs, 0);
    return prefill(lvlm, rows, {visual_});
  }

  const at::NoGradGuard no_grad_;
  Lvlm lvlm_;
  VisualTokens visual_;
};

TEST_F(KvCache, ExtendEqualsThePackedPass) {
  const std::vector<int64_t> before = tokens(4, 1);
  const Prefix prefix = read_prefix(lvlm_, before);
  EXPECT_EQ(prefix.length, 4 + visual_.size());
  Branches branches = open_branches(lvlm_, {{&prefix, 3}}, 12);
  std::vector<std::vector<int64_t>> so_far(3);
  const std::vector<std::vector<std::vector<int64_t>>> steps = {
      {tokens(5, 2), tokens(2, 3), tokens(7, 4)}, {{1}, {2}, {3}}, {{4}, {}, {5}}, {{6, 7, 8}, {9}, {}}, {{}, {}, {10}}};
  for (const auto& step : steps) {
    const at::Tensor out = extend(lvlm_, branches, step);
    for (size_t k = 0; k < 3; ++k) {
      so_far[k].insert(so_far[k].end(), step[k].begin(), step[k].end());
      const at::Tensor row = out[static_cast<int64_t>(k)];
      if (step[k].empty())
        EXPECT_EQ(row.abs().max().item<double>(), 0);
      else
        EXPECT_LT(largest_difference(row, packed(before, so_far[k])), 1e-12);
      EXPECT_EQ(branches.lengths[k], static_cast<int64_t>(so_far[k].size()));
    }
  }
}

TEST_F(KvCache, AllBranchesFinished) {
  const Prefix prefix = read_prefix(lvlm_, tokens(4, 1));
  Branches branches = open_branches(lvlm_, {{&prefix, 2}}, 4);
  EXPECT_EQ(extend(lvlm_, branches, {{}, {}}).abs().max().item<double>(), 0);
}

TEST_F(KvCache, NoRoomIsAFault) {
  const Prefix prefix = read_prefix(lvlm_, tokens(4, 1));
  Branches branches = open_branches(lvlm_, {{&prefix, 1}}, 4);
  EXPECT_THROW(extend(lvlm_, branches, {tokens(5, 1)}), Error);
}

/// Branches of two prefixes, of other lengths and with other words, in common steps.
TEST_F(KvCache, BranchesOfSeveralPrefixesEqualThePackedPass) {
  const std::vector<std::vector<int64_t>> before = {tokens(4, 1), tokens(9, 11)};
  const Prefix first = read_prefix(lvlm_, before[0]), second = read_prefix(lvlm_, before[1]);
  Branches branches = open_branches(lvlm_, {{&first, 2}, {&second, 1}}, 12);
  const std::vector<size_t> stem = {0, 0, 1};
  std::vector<std::vector<int64_t>> so_far(3);
  const std::vector<std::vector<std::vector<int64_t>>> steps = {
      {tokens(5, 2), tokens(5, 3), tokens(5, 4)}, {{1}, {2}, {3}}, {{4}, {}, {5}}, {{6}, {9}, {8}}, {{}, {}, {10, 11}}};
  for (const auto& step : steps) {
    const at::Tensor out = extend(lvlm_, branches, step);
    for (size_t k = 0; k < 3; ++k) {
      so_far[k].insert(so_far[k].end(), step[k].begin(), step[k].end());
      if (step[k].empty()) continue;
      EXPECT_LT(largest_difference(out[static_cast<int64_t>(k)], packed(before[stem[k]], so_far[k])), 1e-12) << k;
    }
  }
}

/// What grows token by token, planned several tokens at a time, is what extend makes of the same tokens.
TEST_F(KvCache, GrowEqualsExtend) {
  const Prefix prefix = read_prefix(lvlm_, tokens(4, 1));
  for (const int64_t second : {5, 3}) {  // branches of equal and of different lengths
    const std::vector<std::vector<int64_t>> prompts = {tokens(5, 2), tokens(second, 3)};
    Branches grown = open_branches(lvlm_, {{&prefix, 2}}, 12), extended = open_branches(lvlm_, {{&prefix, 2}}, 12);
    extend(lvlm_, grown, prompts);
    extend(lvlm_, extended, prompts);
    std::vector<at::Tensor> seen;
    std::vector<std::vector<int64_t>> fed = {{7}, {8}};
    grow(lvlm_, grown, {7, 8}, 4, [&](const at::Tensor& hidden) {
      seen.push_back(hidden);
      return hidden.matmul(head(lvlm_).t()).argmax(1);
    });
    ASSERT_EQ(seen.size(), 4U);
    for (const at::Tensor& hidden : seen) {
      EXPECT_LT(largest_difference(hidden, extend(lvlm_, extended, fed)), 1e-12);
      const at::Tensor ids = hidden.matmul(head(lvlm_).t()).argmax(1);
      for (size_t k = 0; k < 2; ++k) fed[k] = {ids.const_data_ptr<int64_t>()[k]};
    }
    EXPECT_EQ(grown.lengths, extended.lengths);
  }
}

TEST_F(KvCache, KeptBranchesGoOnAsTheyWould) {
  const std::vector<std::vector<int64_t>> before = {tokens(4, 1), tokens(9, 11)};
  const Prefix first = read_prefix(lvlm_, before[0]), second = read_prefix(lvlm_, before[1]);
  Branches branches = open_branches(lvlm_, {{&first, 2}, {&second, 2}}, 12);
  extend(lvlm_, branches, {tokens(5, 2), tokens(2, 3), tokens(3, 4), tokens(4, 5)});
  keep_branches(branches, {1, 3});
  EXPECT_EQ(branches.lengths, (std::vector<int64_t>{2, 4}));
  const at::Tensor out = extend(lvlm_, branches, {{20}, {21}});
  std::vector<int64_t> a = tokens(2, 3), b = tokens(4, 5);
  a.push_back(20);
  b.push_back(21);
  EXPECT_LT(largest_difference(out[0], packed(before[0], a)), 1e-12);
  EXPECT_LT(largest_difference(out[1], packed(before[1], b)), 1e-12);
  keep_branches(branches, {1});
  b.push_back(22);
  EXPECT_LT(largest_difference(extend(lvlm_, branches, {{22}})[0], packed(before[1], b)), 1e-12);
}

/// A step cut into neighbours of equal length, as fused kernels take it, is the step under a mask.
TEST_F(KvCache, PartsWithoutAMaskEqualOneWithIt) {
  const Prefix prefix = read_prefix(lvlm_, tokens(4, 1));
  Branches branches = open_branches(lvlm_, {{&prefix, 4}}, 8);
  extend(lvlm_, branches, {tokens(3, 1), tokens(3, 2), tokens(5, 3), tokens(1, 4)});
  const Growth parts = plan_growth(branches, branches.lengths, {1, 1, 1, 1}, 8);
  const Growth whole = plan_growth(branches, branches.lengths, {1, 1, 1, 1}, 2);
  ASSERT_EQ(parts.own.size(), 3U);
  ASSERT_EQ(whole.own.size(), 1U);
  for (const OwnPart& part : parts.own) EXPECT_FALSE(part.mask.defined());
  EXPECT_TRUE(whole.own.front().mask.defined());
  const int64_t width = lvlm_.weights().decoder.head_width;
  const at::Tensor q = random_tensor({4, 4, width}, "q"), k = random_tensor({4, 2, width}, "k");
  store(branches.layers[1], whole, k, k.mul(2));
  EXPECT_LT(largest_difference(attend_new(q, parts, branches.layers[1], 1), attend_new(q, whole, branches.layers[1], 1)),
            1e-12);
}

/// Text without a clip before it: the prefix holds nothing, and a branch is all there is.
TEST_F(KvCache, APrefixMayBeEmpty) {
  PackedRows nothing;
  nothing.add_segment({}, -1);
  const Prefix prefix = prefill(lvlm_, nothing, {});
  ASSERT_EQ(prefix.length, 0);
  Branches branches = open_branches(lvlm_, {{&prefix, 1}}, 8);
  extend(lvlm_, branches, {tokens(3, 1)});
  std::vector<int64_t> all = tokens(3, 1);
  all.push_back(9);
  PackedRows rows;
  rows.read_rows = {rows.last_row(rows.add_segment(all, -1))};
  EXPECT_LT(largest_difference(extend(lvlm_, branches, {{9}}), hidden(lvlm_, rows, {})), 1e-12);
}

TEST_F(KvCache, OtherTypes) {
  for (const Dtype dtype : {Dtype::float32, Dtype::bfloat16}) {
    const Lvlm lvlm = tiny_model(1, dtype);
    const Prefix prefix = read_prefix(lvlm, tokens(4, 1));
    Branches branches = open_branches(lvlm, {{&prefix, 2}}, 8);
    const at::Tensor out = extend(lvlm, branches, {tokens(5, 2), tokens(3, 3)});
    PackedRows rows;
    const int64_t root = rows.add_clip({tokens(4, 1)}, visual_.runs, 0);
    rows.read_rows = {rows.last_row(rows.add_segment(tokens(5, 2), root)),
                      rows.last_row(rows.add_segment(tokens(3, 3), root))};
    EXPECT_LT(largest_difference(out, hidden(lvlm, rows, {visual_})), dtype == Dtype::float32 ? 1e-5 : 0.2);
  }
}

}  // namespace
}  // namespace rrpo::model
