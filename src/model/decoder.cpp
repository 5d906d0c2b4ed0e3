// The causal decoder: one pass over packed rows.
#include <ATen/ops/empty.h>

#include <algorithm>

#include "functions.h"
#include "layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// The rows to read, each once, and where each wanted one stands among them.
struct Reads {
  std::vector<int64_t> rows;
  std::vector<int64_t> place;
};
Reads unique_reads(const PackedRows& packed) {
  Reads reads{packed.read_rows, {}};
  std::sort(reads.rows.begin(), reads.rows.end());
  reads.rows.erase(std::unique(reads.rows.begin(), reads.rows.end()), reads.rows.end());
  expect(!reads.rows.empty() && reads.rows.front() >= 0 && reads.rows.back() < static_cast<int64_t>(packed.ids.size()),
         "a pass that reads no row, or one beyond its rows");
  for (const int64_t row : packed.read_rows) {
    reads.place.push_back(std::lower_bound(reads.rows.begin(), reads.rows.end(), row) - reads.rows.begin());
  }
  return reads;
}

/// How the rows of a whole pass are attended to: the fused kernels of a GPU take no mask.
Attention whole_kind(const Weights& weights, const PackedRows& rows) {
  constexpr int64_t kLong = 4096;  // of these rows a mask of their own would take 64 MB
  if (weights.device.is_cpu()) {
    const bool any_long = std::any_of(rows.segments.begin(), rows.segments.end(),
                                      [](const Segment& segment) { return segment.length > kLong; });
    return any_long ? Attention::split : Attention::merged;
  }
  const Decoder& decoder = weights.decoder;
  const auto options = at::TensorOptions(weights.device).dtype(weights.type);
  const at::Tensor q = at::empty({1, decoder.heads, 1, decoder.head_width}, options),
                   k = at::empty({1, decoder.kv_heads, 1, decoder.head_width}, options);
  return has_flash(q, k, k) ? Attention::split : Attention::dense;
}

std::vector<int64_t> count_to(int64_t end) {
  std::vector<int64_t> values(static_cast<size_t>(end));
  for (int64_t i = 0; i < end; ++i) values[static_cast<size_t>(i)] = i;
  return values;
}

void check_positions(const PackedRows& rows) {
  expect(rows.positions.size() == rows.ids.size(), "rows without positions");
  std::vector<char> covered(rows.ids.size(), 0);
  for (const Segment& segment : rows.segments) {
    expect(segment.begin >= 0 && segment.begin + segment.length <= static_cast<int64_t>(covered.size()),
           "a segment beyond the rows");
    std::fill_n(covered.begin() + segment.begin, segment.length, 1);
  }
  expect(std::all_of(covered.begin(), covered.end(), [](char c) { return c == 1; }), "a row in no segment");
}

}  // namespace

at::Tensor hidden(const Lvlm& lvlm, const PackedRows& rows, const std::vector<VisualTokens>& visual, Adapter adapter) {
  const Weights& weights = lvlm.weights();
  const Decoder& decoder = weights.decoder;
  check_positions(rows);
  const Reads reads = unique_reads(rows);
  const auto options = at::TensorOptions(weights.device).dtype(weights.type);
  const auto all = plan_attention(rows, count_to(static_cast<int64_t>(rows.ids.size())), whole_kind(weights, rows), options);
  const Attention few = weights.device.is_cpu() ? Attention::merged : Attention::dense;
  const auto last = plan_attention(rows, reads.rows, few, options);
  const auto along = [](const std::shared_ptr<const AttentionPlan>& plan) -> Attend {
    return [plan](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) { return attend(q, k, v, plan); };
  };
  const LayerPass pass{decoder, rotary(decoder, rows.positions, weights.type, weights.device), adapter};
  const DeepRows deep(weights, rows, visual, reads.rows);
  const size_t end = decoder.layers.size() - 1;
  at::Tensor x = input_rows(weights, rows, visual);
  for (size_t i = 0; i < end; ++i) x = deep.add(run_layer(pass, decoder.layers[i], x, along(all)), i, false);
  const Wanted read{.queries = index_tensor(reads.rows, weights.device)};
  x = deep.add(run_layer(pass, decoder.layers[end], x, along(last), read), end, true);
  x = final_norm(decoder, x);
  return reads.rows == rows.read_rows ? x : x.index_select(0, index_tensor(reads.place, weights.device));
}

}  // namespace rrpo::model
