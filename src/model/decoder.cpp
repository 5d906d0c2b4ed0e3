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

struct RowsPlan {
  const PackedRows& rows;
  Reads reads;
  std::shared_ptr<const AttentionPlan> all, last;  ///< of every layer but the last, and of that one
  Rotary angles;
};

std::shared_ptr<const RowsPlan> plan_rows(const Lvlm& lvlm, const PackedRows& rows) {
  const Weights& weights = lvlm.weights();
  check_positions(rows);
  Reads reads = unique_reads(rows);
  const auto options = at::TensorOptions(weights.device).dtype(weights.type);
  auto all = plan_attention(rows, count_to(static_cast<int64_t>(rows.ids.size())), whole_kind(weights, rows), options);
  auto last = plan_attention(rows, reads.rows, weights.device.is_cpu() ? Attention::merged : Attention::dense, options);
  Rotary angles = rotary(weights.decoder, rows.positions, weights.type, weights.device);
  return std::make_shared<const RowsPlan>(
      RowsPlan{rows, std::move(reads), std::move(all), std::move(last), std::move(angles)});
}

at::Tensor hidden(const Lvlm& lvlm, const RowsPlan& plan, const std::vector<VisualTokens>& visual, const PassRules& rules) {
  const Weights& weights = lvlm.weights();
  const Decoder& decoder = weights.decoder;
  const auto along = [](const std::shared_ptr<const AttentionPlan>& who) -> Attend {
    return [who](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) { return attend(q, k, v, who); };
  };
  const LayerPass pass{decoder, plan.angles, rules.adapter};
  const DeepRows deep(weights, plan.rows, visual, plan.reads.rows);
  const size_t end = decoder.layers.size() - 1;
  at::Tensor x = input_rows(weights, plan.rows, visual);
  for (size_t i = 0; i < end; ++i) x = deep.add(run_layer(pass, decoder.layers[i], x, along(plan.all)), i, false);
  const Wanted read{.queries = index_tensor(plan.reads.rows, weights.device)};
  x = deep.add(run_layer(pass, decoder.layers[end], x, along(plan.last), read), end, true);
  x = final_norm(decoder, x);
  const bool in_order = plan.reads.rows == plan.rows.read_rows;
  return in_order ? x : x.index_select(0, index_tensor(plan.reads.place, weights.device));
}

at::Tensor hidden(const Lvlm& lvlm, const PackedRows& rows, const std::vector<VisualTokens>& visual, Adapter adapter) {
  return hidden(lvlm, *plan_rows(lvlm, rows), visual, {.adapter = adapter});
}

}  // namespace rrpo::model
