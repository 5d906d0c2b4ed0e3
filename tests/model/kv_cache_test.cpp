// Generation's cache against the packed pass.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

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
  Branches branches = open_branches(lvlm_, prefix, 3, 12);
  std::vector<std::vector<int64_t>> so_far(3);
  const std::vector<std::vector<std::vector<int64_t>>> steps = {
      {tokens(5, 2), tokens(2, 3), tokens(7, 4)}, {{1}, {2}, {3}}, {{4}, {}, {5}}, {{6, 7, 8}, {9}, {}}, {{}, {}, {10}}};
  for (const auto& step : steps) {
    const at::Tensor out = extend(lvlm_, prefix, branches, step);
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
  Branches branches = open_branches(lvlm_, prefix, 2, 4);
  EXPECT_EQ(extend(lvlm_, prefix, branches, {{}, {}}).abs().max().item<double>(), 0);
}

TEST_F(KvCache, NoRoomIsAFault) {
  const Prefix prefix = read_prefix(lvlm_, tokens(4, 1));
  Branches branches = open_branches(lvlm_, prefix, 1, 4);
  EXPECT_THROW(extend(lvlm_, prefix, branches, {tokens(5, 1)}), Error);
}

TEST_F(KvCache, OtherTypes) {
  for (const Dtype dtype : {Dtype::float32, Dtype::bfloat16}) {
    const Lvlm lvlm = tiny_model(1, dtype);
    const Prefix prefix = read_prefix(lvlm, tokens(4, 1));
    Branches branches = open_branches(lvlm, prefix, 2, 8);
    const at::Tensor out = extend(lvlm, prefix, branches, {tokens(5, 2), tokens(3, 3)});
    PackedRows rows;
    const int64_t root = rows.add_clip({tokens(4, 1)}, visual_.runs, 0);
    rows.read_rows = {rows.last_row(rows.add_segment(tokens(5, 2), root)),
                      rows.last_row(rows.add_segment(tokens(3, 3), root))};
    EXPECT_LT(largest_difference(out, hidden(lvlm, rows, {visual_})), dtype == Dtype::float32 ? 1e-5 : 0.2);
  }
}

}  // namespace
}  // namespace rrpo::model
