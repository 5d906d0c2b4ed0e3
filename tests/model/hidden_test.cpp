// One pass over packed trees against its sequences one by one.
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <array>

#include "../../src/model/shared_rows.h"
#include "tiny.h"

namespace rrpo::model {
namespace {

/// Two videos with questions and answers (depth 3), one lone sequence, an empty segment, rows of two trees interleaved.
PackedRows forest(const Lvlm& lvlm) {
  const int64_t count = token_count(lvlm, 2);
  PackedRows rows;
  const int64_t first = rows.add_clip({tokens(3, 1)}, {plain_run(count)}, 0);
  const int64_t second = rows.add_clip({tokens(5, 2)}, {plain_run(count)}, 1);
  const int64_t q1 = rows.add_segment(tokens(4, 3), first);
  rows.add_segment(tokens(6, 4), q1);
  rows.add_segment(tokens(3, 5), q1);
  const int64_t q2 = rows.add_segment(tokens(2, 6), second);
  const int64_t empty = rows.add_segment({}, q2);
  rows.add_segment(tokens(7, 8), empty);
  const int64_t q3 = rows.add_segment(tokens(5, 9), first);
  rows.add_segment(tokens(2, 10), q3);
  rows.add_segment(tokens(9, 11), -1);
  return rows;
}

/// Questions and answers that begin alike, one that is the beginning of another, one that stands twice; of the other clip
/// the same question, which is another one.
PackedRows alike(const Lvlm& lvlm) {
  const int64_t count = token_count(lvlm, 2);
  PackedRows rows;
  const int64_t first = rows.add_clip({tokens(3, 1)}, {plain_run(count)}, 0);
  const int64_t question = rows.add_segment({3, 10, 17, 24}, first);
  rows.add_segment({5, 6, 7, 8, 9}, question);
  rows.add_segment({5, 6, 7, 1}, question);
  rows.add_segment({5, 6}, question);
  rows.add_segment({5, 6, 7, 8, 9}, question);
  const int64_t other = rows.add_segment({3, 10, 2}, first);
  rows.add_segment({5, 6, 7}, other);
  const int64_t second = rows.add_clip({tokens(3, 1)}, {plain_run(count)}, 1);
  const int64_t again = rows.add_segment({3, 10, 17, 24}, second);
  rows.add_segment({5, 6}, again);
  return rows;
}

std::vector<int64_t> leaves(const PackedRows& rows) {
  std::vector<int64_t> result;
  for (size_t s = 0; s < rows.segments.size(); ++s) {
    bool leaf = true;
    for (const Segment& other : rows.segments) leaf = leaf && other.parent != static_cast<int64_t>(s);
    if (leaf) result.push_back(static_cast<int64_t>(s));
  }
  return result;
}

std::vector<VisualTokens> two_videos(const Lvlm& lvlm) {
  std::vector<VisualTokens> visual;
  for (const char* name : {"a", "b"})
    visual.push_back(shown(random_tensor({token_count(lvlm, 2), width(lvlm)}, name).mul(0.2)));
  return visual;
}

void require_gradients(Lvlm& lvlm) {
  for (NamedTensor& tensor : tensors(lvlm)) *tensor.tensor = tensor.tensor->detach().requires_grad_(true);
  for (NamedTensor& tensor : adapter_tensors(lvlm)) *tensor.tensor = tensor.tensor->detach().requires_grad_(true);
}

std::vector<at::Tensor> gradients(Lvlm& lvlm, const std::vector<VisualTokens>& visual) {
  std::vector<at::Tensor> all;
  for (const auto& list : {tensors(lvlm), adapter_tensors(lvlm)}) {
    for (const NamedTensor& tensor : list) {
      at::Tensor gradient = tensor.tensor->grad();
      all.push_back(gradient.defined() ? gradient.clone() : tensor.tensor->new_zeros(tensor.tensor->sizes()));
      tensor.tensor->mutable_grad().reset();
    }
  }
  for (const VisualTokens& video : visual) {
    all.push_back(video.tokens.grad().clone());
    video.tokens.mutable_grad().reset();
  }
  return all;
}

/// A weight for each row of the tree, so that each path's loss adds up to the tree's.
at::Tensor row_weight(int64_t row, int64_t width) { return random_tensor({width}, "row" + std::to_string(row)); }

void expect_sequences(PackedRows (*tree)(const Lvlm&)) {
  Lvlm lvlm = tiny_model();
  add_adapter(lvlm, {4, 8}, 3);
  fill_adapter(lvlm);
  require_gradients(lvlm);
  std::vector<VisualTokens> visual = two_videos(lvlm);
  for (VisualTokens& video : visual) video.tokens.requires_grad_(true);
  PackedRows rows = tree(lvlm);
  std::vector<at::Tensor> expected(rows.ids.size());
  at::Tensor loss = at::empty({}, at::kDouble).zero_();
  for (const int64_t leaf : leaves(rows)) {
    const Path path = path_of(rows, leaf);
    const at::Tensor out = hidden(lvlm, path.rows, visual);
    for (size_t i = 0; i < path.row_of.size(); ++i) {
      at::Tensor& row = expected[static_cast<size_t>(path.row_of[i])];
      if (row.defined()) continue;
      row = out[static_cast<int64_t>(i)];
      loss = loss.add(row.mul(row_weight(path.row_of[i], width(lvlm))).sum());
    }
  }
  loss.backward();
  const std::vector<at::Tensor> wanted = gradients(lvlm, visual);
  for (size_t i = 0; i < rows.ids.size(); ++i) rows.read_rows.push_back(static_cast<int64_t>(i));
  const at::Tensor out = hidden(lvlm, rows, visual);
  at::Tensor packed_loss = at::empty({}, at::kDouble).zero_();
  for (size_t i = 0; i < rows.ids.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    EXPECT_LT(largest_difference(out[row], expected[i]), 1e-12) << "row " << i;
    packed_loss = packed_loss.add(out[row].mul(row_weight(row, width(lvlm))).sum());
  }
  packed_loss.backward();
  const std::vector<at::Tensor> got = gradients(lvlm, visual);
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_LT(largest_difference(got[i], wanted[i]), 1e-12 * (1 + wanted[i].abs().max().item<double>()) * 10)
        << "tensor " << i;
  }
}

TEST(Hidden, TreesEqualTheirSequencesInValuesAndGradients) { expect_sequences(forest); }

TEST(Hidden, BranchesThatBeginAlikeEqualTheirSequences) { expect_sequences(alike); }

TEST(SharedRows, StandOnce) {
  const Lvlm lvlm = tiny_model();
  PackedRows rows = alike(lvlm);
  const auto clip = static_cast<int64_t>(rows.segments[0].length);
  rows.read_rows = {rows.segments[5].begin + 4, 0};
  const SharedRows shared = share_rows(rows);
  std::vector<std::array<int64_t, 3>> found;
  for (const Segment& own : shared.rows.segments) found.push_back({own.begin, own.length, own.parent});
  EXPECT_EQ(found, (std::vector<std::array<int64_t, 3>>{{0, clip + 2, -1},  // with what both questions begin with
                                                        {clip + 2, 5, 0},   // the rest of one, and 5 6 7
                                                        {clip + 7, 2, 1},   // 8 9
                                                        {clip + 9, 1, 1},   // 1
                                                        {clip + 10, 4, 0},  // the other one with its answer
                                                        {clip + 14, clip + 6, -1}}));
  ASSERT_EQ(shared.place.size(), rows.ids.size());
  for (size_t i = 0; i < rows.ids.size(); ++i) {
    const auto place = static_cast<size_t>(shared.place[i]);
    EXPECT_EQ(shared.rows.ids[place], rows.ids[i]);
    EXPECT_EQ(shared.rows.positions[place], rows.positions[i]);
  }
  EXPECT_EQ(shared.rows.read_rows, (std::vector<int64_t>{clip + 8, 0}));
  EXPECT_EQ(shared.rows.segments[1].next_position, rows.positions[static_cast<size_t>(rows.segments[2].begin)].time + 3);
  ASSERT_EQ(shared.rows.visual.size(), 2U);
  EXPECT_EQ(shared.rows.visual[1].begin, clip + 14 + 3);
  EXPECT_EQ(shared.rows.visual[1].video, 1);
}

TEST(Hidden, ReadRowsInAnyOrderAndRepeated) {
  const Lvlm lvlm = tiny_model();
  const at::NoGradGuard no_grad;
  const std::vector<VisualTokens> visual = two_videos(lvlm);
  PackedRows rows = forest(lvlm);
  for (size_t i = 0; i < rows.ids.size(); ++i) rows.read_rows.push_back(static_cast<int64_t>(i));
  const at::Tensor all = hidden(lvlm, rows, visual);
  rows.read_rows = {20, 3, 3, 41, 20, 0};
  const at::Tensor some = hidden(lvlm, rows, visual);
  for (int64_t i = 0; i < 6; ++i) {
    EXPECT_LT(largest_difference(some[i], all[rows.read_rows[static_cast<size_t>(i)]]), 1e-12);
  }
}

TEST(Hidden, SiblingsAndLaterTokensAreInvisible) {
  const Lvlm lvlm = tiny_model();
  const at::NoGradGuard no_grad;
  const std::vector<VisualTokens> visual = two_videos(lvlm);
  PackedRows rows = forest(lvlm);
  const Segment answer = rows.segments[3], sibling = rows.segments[4], other_tree = rows.segments[7];
  for (int64_t i = 0; i < answer.length - 1; ++i) rows.read_rows.push_back(answer.begin + i);
  const at::Tensor before = hidden(lvlm, rows, visual);
  rows.ids[static_cast<size_t>(sibling.begin)] = 49;
  rows.ids[static_cast<size_t>(other_tree.begin)] = 48;
  rows.ids[static_cast<size_t>(answer.begin + answer.length - 1)] = 47;
  EXPECT_EQ(largest_difference(hidden(lvlm, rows, visual), before), 0);
  rows.ids[static_cast<size_t>(rows.segments[2].begin)] = 49;
  EXPECT_GT(largest_difference(hidden(lvlm, rows, visual), before), 1e-6);
}

TEST(Hidden, SameBytesTwice) {
  Lvlm lvlm = tiny_model(1, Dtype::float32);
  const std::vector<VisualTokens> visual = two_videos(lvlm);
  PackedRows rows = forest(lvlm);
  rows.read_rows = {5, 6, 7, 40};
  require_gradients(lvlm);
  const auto run = [&] {
    const at::Tensor out = hidden(lvlm, rows, visual);
    out.square().sum().backward();
    return std::make_pair(out.detach(), tensors(lvlm).back().tensor->grad().clone());
  };
  const auto first = run();
  for (NamedTensor& tensor : tensors(lvlm)) tensor.tensor->mutable_grad().reset();
  const auto second = run();
  EXPECT_TRUE(first.first.equal(second.first));
  EXPECT_TRUE(first.second.equal(second.second));
}

TEST(Hidden, FollowsDoubleInOtherTypes) {
  const at::NoGradGuard no_grad;
  Lvlm exact = tiny_model();
  const std::vector<VisualTokens> visual = two_videos(exact);
  PackedRows rows = forest(exact);
  for (size_t i = 0; i < rows.ids.size(); ++i) rows.read_rows.push_back(static_cast<int64_t>(i));
  const at::Tensor wanted = hidden(exact, rows, visual);
  EXPECT_LT(largest_difference(hidden(tiny_model(1, Dtype::float32), rows, visual), wanted), 2e-5);
  EXPECT_LT(largest_difference(hidden(tiny_model(1, Dtype::bfloat16), rows, visual), wanted), 0.3);
}

TEST(Hidden, TrainedWeightsStayFloatUnderBfloat16) {
  Lvlm lvlm = tiny_model(1, Dtype::bfloat16);
  add_adapter(lvlm, {4, 8}, 3);
  fill_adapter(lvlm);
  for (NamedTensor& tensor : adapter_tensors(lvlm)) *tensor.tensor = tensor.tensor->detach().requires_grad_(true);
  at::Tensor& norm = lvlm.weights().decoder.layers[0].input_norm.weight;
  norm = norm.to(at::kFloat).requires_grad_(true);
  PackedRows rows;
  rows.add_segment(tokens(6, 1), -1);
  rows.read_rows = {4, 5};
  const at::Tensor out = hidden(lvlm, rows, {});
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  out.to(at::kFloat).square().sum().backward();
  for (const NamedTensor& tensor : adapter_tensors(lvlm)) EXPECT_EQ(tensor.tensor->grad().scalar_type(), at::kFloat);
  EXPECT_EQ(norm.grad().scalar_type(), at::kFloat);
}

TEST(Hidden, RefusesBrokenRows) {
  const Lvlm lvlm = tiny_model();
  PackedRows rows;
  rows.add_segment({1, 50}, -1);
  rows.read_rows = {1};
  EXPECT_THROW(hidden(lvlm, rows, {}), Error);
  rows.ids[1] = 2;
  rows.read_rows = {2};
  EXPECT_THROW(hidden(lvlm, rows, {}), Error);
  PackedRows video;
  video.add_clip({{1}}, {plain_run(4)}, 0);
  video.read_rows = {0};
  EXPECT_THROW(hidden(lvlm, video, {shown(random_tensor({5, 32}, "v"))}), Error);
  EXPECT_THROW(hidden(lvlm, video, {shown(random_tensor({3, 32}, "v"))}), Error);
  EXPECT_THROW(hidden(lvlm, video, {}), Error);
}

}  // namespace
}  // namespace rrpo::model
