// The causal decoder: one pass over packed rows.
#include <ATen/ops/empty.h>

#include <algorithm>

#include "attention/tiled.h"
#include "functions.h"
#include "layers.h"
#include "recompute.h"
#include "rrpo/util/error.h"
#include "shared_rows.h"

namespace rrpo::model {

namespace {

void check_reads(const PackedRows& packed) {
  const auto rows = static_cast<int64_t>(packed.ids.size());
  const std::vector<int64_t>& read = packed.read_rows;
  expect(!read.empty() && std::all_of(read.begin(), read.end(), [rows](int64_t row) { return row >= 0 && row < rows; }),
         "a pass that reads no row, or one beyond its rows");
}

/// The rows to read, each once, and where each wanted one stands among them.
struct Reads {
  std::vector<int64_t> rows;
  std::vector<int64_t> place;
};
Reads unique_reads(const PackedRows& packed) {
  Reads reads{packed.read_rows, {}};
  std::sort(reads.rows.begin(), reads.rows.end());
  reads.rows.erase(std::unique(reads.rows.begin(), reads.rows.end()), reads.rows.end());
  for (const int64_t row : packed.read_rows) {
    reads.place.push_back(std::lower_bound(reads.rows.begin(), reads.rows.end(), row) - reads.rows.begin());
  }
  return reads;
}

/// How the rows of a whole pass are attended to: the fused kernels of a GPU take no mask.
Attention whole_kind(const Weights& weights) {
  const Decoder& decoder = weights.decoder;
  const auto options = at::TensorOptions(weights.device).dtype(weights.type);
  if (attends_in_tiles(options)) return Attention::tiled;
  if (weights.device.is_cpu()) return Attention::merged;
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

Attend along(const std::shared_ptr<const AttentionPlan>& who) {
  return [who](const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) { return attend(q, k, v, who); };
}

/// What of layer `number` is computed again in backward.
Recompute recompute_of(const PassRules& rules, size_t number) {
  const bool among = rules.recompute_layers < 0 || static_cast<int64_t>(number) < rules.recompute_layers;
  return among ? rules.recompute : Recompute::none;
}

}  // namespace

struct RowsPlan {
  PackedRows rows;  ///< those that are computed
  TextRows text;
  std::vector<int64_t> read_rows;                  ///< each once, in order
  at::Tensor read;                                 ///< the same as an index
  at::Tensor place;                                ///< where each wanted row stands among them; undefined: in order
  std::shared_ptr<const AttentionPlan> all, last;  ///< of every layer but the last, and of that one
  Rotary angles;
};

std::shared_ptr<const RowsPlan> plan_rows(const Lvlm& lvlm, const PackedRows& given) {
  const Weights& weights = lvlm.weights();
  check_positions(given);
  check_reads(given);
  const PackedRows rows = rows_are_shared() ? share_rows(given).rows : given;
  Reads reads = unique_reads(rows);
  const auto options = at::TensorOptions(weights.device).dtype(weights.type);
  const Attention whole = whole_kind(weights), few = weights.device.is_cpu() ? whole : Attention::dense;
  const bool in_order = reads.rows == rows.read_rows;
  return std::make_shared<const RowsPlan>(
      RowsPlan{.rows = rows,
               .text = text_rows(weights, rows),
               .read_rows = reads.rows,
               .read = index_tensor(reads.rows, weights.device),
               .place = in_order ? at::Tensor() : index_tensor(reads.place, weights.device),
               .all = plan_attention(rows, count_to(static_cast<int64_t>(rows.ids.size())), whole, options),
               .last = plan_attention(rows, reads.rows, few, options),
               .angles = rotary(weights.decoder, rows.positions, weights.type, weights.device)});
}

at::Tensor hidden(const Lvlm& lvlm, const RowsPlan& plan, const std::vector<VisualTokens>& visual, const PassRules& rules) {
  const Weights& weights = lvlm.weights();
  const Decoder& decoder = weights.decoder;
  const DeepRows deep(weights, plan.rows, visual, plan.read_rows);
  at::Tensor x = input_rows(weights, plan.rows, plan.text, visual);
  for (size_t i = 0; i < decoder.layers.size(); ++i) {
    const DecoderLayer& layer = decoder.layers[i];
    const bool last = i + 1 == decoder.layers.size();
    const Recompute again = recompute_of(rules, i);
    // By value: a layer that is run again in backward outlives this call.
    const RowsFunction run = [&layer, who = last ? plan.last : plan.all, wanted = Wanted{last ? plan.read : at::Tensor()},
                              pass = LayerPass{decoder, plan.angles, rules.adapter, again == Recompute::mlp}](
                                 const at::Tensor& rows) { return run_layer(pass, layer, rows, along(who), wanted); };
    x = again == Recompute::layer ? run_again(x, trained_tensors(layer, rules.adapter), run) : run(x);
    x = deep.add(x, i, last);
  }
  x = final_norm(decoder, x);
  return plan.place.defined() ? x.index_select(0, plan.place) : x;
}

at::Tensor hidden(const Lvlm& lvlm, const PackedRows& rows, const std::vector<VisualTokens>& visual, Adapter adapter) {
  return hidden(lvlm, *plan_rows(lvlm, rows), visual, {.adapter = adapter});
}

}  // namespace rrpo::model
