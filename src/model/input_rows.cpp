// What goes into the decoder: token embeddings and visual tokens in the order of the rows.
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>

#include <algorithm>
#include <numeric>

#include "layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

const VisualTokens& tokens_of(const VisualRows& part, const std::vector<VisualTokens>& visual) {
  expect(part.video >= 0 && part.video < static_cast<int64_t>(visual.size()), "rows of a video that is not given");
  const VisualTokens& own = visual[static_cast<size_t>(part.video)];
  expect(part.first >= 0 && part.count >= 0 && part.first + part.count <= own.size(),
         "rows of visual tokens that a video does not have");
  return own;
}

/// Lengths of the stretches of text around the visual rows: one more than there are of those.
std::vector<int64_t> text_lengths(const PackedRows& rows) {
  std::vector<int64_t> lengths;
  int64_t at = 0;
  for (const VisualRows& part : rows.visual) {
    expect(part.begin >= at, "visual rows out of order");
    const auto first = rows.ids.begin() + part.begin;
    expect(part.begin + part.count <= static_cast<int64_t>(rows.ids.size()) &&
               std::all_of(first, first + part.count, [](int64_t id) { return id == kVisualRow; }),
           "a video with another number of visual tokens than its rows");
    lengths.push_back(part.begin - at);
    at = part.begin + part.count;
  }
  lengths.push_back(static_cast<int64_t>(rows.ids.size()) - at);
  return lengths;
}

/// Every token of each video stands in some row.
void check_whole(const PackedRows& rows, const std::vector<VisualTokens>& visual) {
  std::vector<int64_t> shown(visual.size(), 0);
  for (const VisualRows& part : rows.visual) shown[static_cast<size_t>(part.video)] += part.count;
  for (size_t v = 0; v < visual.size(); ++v) {
    expect(shown[v] == 0 || shown[v] % visual[v].size() == 0, "a video with another number of visual tokens than its rows");
  }
}

}  // namespace

TextRows text_rows(const Weights& weights, const PackedRows& rows) {
  std::vector<int64_t> ids;
  std::copy_if(rows.ids.begin(), rows.ids.end(), std::back_inserter(ids), [](int64_t id) { return id != kVisualRow; });
  TextRows text = text_rows(weights, ids);
  text.lengths = text_lengths(rows);
  expect(std::accumulate(text.lengths.begin(), text.lengths.end(), int64_t{0}) == static_cast<int64_t>(ids.size()),
         "visual rows of no video");
  return text;
}

TextRows text_rows(const Weights& weights, const std::vector<int64_t>& ids) {
  const int64_t rows = weights.decoder.embedding.size(0);
  expect(std::all_of(ids.begin(), ids.end(), [rows](int64_t id) { return id == kOnesRow || (id >= 0 && id < rows); }),
         "a token id outside the model's vocabulary");
  const at::Tensor index = index_tensor(ids, weights.device);
  const bool ones = std::find(ids.begin(), ids.end(), kOnesRow) != ids.end();
  if (!ones) return {index, {}, {index.size(0)}};
  return {index.clamp_min(0), index.eq(kOnesRow).unsqueeze(1), {index.size(0)}};
}

at::Tensor embed(const Weights& weights, const TextRows& text) {
  const at::Tensor embedded = at::embedding(weights.decoder.embedding, text.ids).to(weights.type);
  return text.ones.defined() ? embedded.masked_fill(text.ones, 1) : embedded;
}

at::Tensor embed(const Weights& weights, const std::vector<int64_t>& ids) { return embed(weights, text_rows(weights, ids)); }

at::Tensor input_rows(const Weights& weights, const PackedRows& rows, const TextRows& text,
                      const std::vector<VisualTokens>& visual) {
  const std::vector<at::Tensor> texts = embed(weights, text).split_with_sizes(text.lengths);
  std::vector<at::Tensor> pieces;
  for (size_t i = 0; i < texts.size(); ++i) {
    pieces.push_back(texts[i]);
    if (i == rows.visual.size()) break;
    const VisualRows& part = rows.visual[i];
    pieces.push_back(tokens_of(part, visual).tokens.to(weights.device, weights.type).narrow(0, part.first, part.count));
  }
  check_whole(rows, visual);
  return at::cat(pieces);
}

at::Tensor input_rows(const Weights& weights, const PackedRows& rows, const std::vector<VisualTokens>& visual) {
  return input_rows(weights, rows, text_rows(weights, rows), visual);
}

DeepRows::DeepRows(const Weights& weights, const PackedRows& rows, const std::vector<VisualTokens>& visual,
                   const std::vector<int64_t>& kept) {
  size_t levels = 0;
  for (const VisualRows& part : rows.visual) levels = std::max(levels, tokens_of(part, visual).deep.size());
  if (levels == 0) return;
  std::vector<int64_t> places, chosen, kept_rows;
  std::vector<std::vector<at::Tensor>> pieces(levels);
  for (const VisualRows& part : rows.visual) {
    const VisualTokens& own = tokens_of(part, visual);
    expect(own.deep.size() == levels, "visual tokens with features for other layers");
    for (size_t i = 0; i < levels; ++i)
      pieces[i].push_back(own.deep[i].to(weights.device, weights.type).narrow(0, part.first, part.count));
    for (int64_t row = part.begin; row < part.begin + part.count; ++row) {
      const auto found = std::lower_bound(kept.begin(), kept.end(), row);
      if (found != kept.end() && *found == row) {
        chosen.push_back(static_cast<int64_t>(places.size()));
        kept_rows.push_back(found - kept.begin());
      }
      places.push_back(row);
    }
  }
  for (const std::vector<at::Tensor>& level : pieces) features_.push_back(at::cat(level));
  rows_ = index_tensor(places, weights.device);
  chosen_ = index_tensor(chosen, weights.device);
  kept_rows_ = index_tensor(kept_rows, weights.device);
}

at::Tensor DeepRows::add(const at::Tensor& x, size_t number, bool last) const {
  if (number >= features_.size()) return x;
  if (!last) return x.index_add(0, rows_, features_[number]);
  return x.index_add(0, kept_rows_, features_[number].index_select(0, chosen_));
}

}  // namespace rrpo::model
