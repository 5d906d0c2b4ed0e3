// A small random model for tests, and reference forms of what it computes.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <string>
#include <vector>

#include "rrpo/model/family.h"
#include "rrpo/model/weights.h"
#include "rrpo/util/random.h"
#include "support/temp_dir.h"

namespace rrpo::model {

/// config.json of a decoder with grouped heads, three layers, and a tower of 6 x 6 patches.
inline Json tiny_config() {
  return Json::parse(R"({
    "architectures": ["LlavaOnevisionForConditionalGeneration"], "model_type": "llava_onevision",
    "projector_hidden_act": "gelu", "vision_feature_layer": -1, "vision_feature_select_strategy": "full",
    "tie_word_embeddings": true,
    "vision_config": {"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 24,
      "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 20, "patch_size": 4,
      "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6},
    "text_config": {"model_type": "qwen2", "vocab_size": 50, "hidden_size": 32, "intermediate_size": 40,
      "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_act": "silu",
      "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "use_sliding_window": false, "tie_word_embeddings": true}})");
}

inline Lvlm tiny_model(uint64_t seed = 1, Dtype dtype = Dtype::float64, const Json& config = tiny_config()) {
  const test::TempDir folder;
  LoadOptions options;
  options.dtype = dtype;
  return init(folder.write("config.json", config.dump()), seed, options);
}

inline at::Tensor random_tensor(std::vector<int64_t> shape, const std::string& purpose, at::ScalarType type = at::kDouble) {
  at::Tensor values = at::empty(shape, at::kDouble);
  Random random(7, purpose);
  double* out = values.mutable_data_ptr<double>();
  for (int64_t i = 0; i < values.numel(); ++i) out[i] = random.normal();
  return values.to(type);
}

/// Visual tokens that a prompt shows in one run, as they stand.
inline VisualTokens shown(const at::Tensor& tokens) { return {tokens, {}, {plain_run(tokens.size(0))}}; }

/// How many visual tokens a clip of `frames` squares comes to.
inline int64_t token_count(const Lvlm& lvlm, int64_t frames) {
  const int64_t side = lvlm.vision().image_side();
  int64_t count = 0;
  const auto runs = lvlm.vision().runs({.frames = frames, .height = side, .width = side});
  for (const VisualRun& run : runs.value()) count += run.count;
  return count;
}

/// Gives the adapter's B values, so that it does something.
inline void fill_adapter(Lvlm& lvlm) {
  for (NamedTensor& tensor : adapter_tensors(lvlm)) {
    if (!tensor.name.ends_with("lora_B.weight")) continue;
    *tensor.tensor = random_tensor(tensor.shape, tensor.name, tensor.tensor->scalar_type()).mul(0.1);
  }
}

inline double largest_difference(const at::Tensor& x, const at::Tensor& y) {
  if (x.sizes() != y.sizes()) return 1e300;
  if (x.numel() == 0) return 0;
  return x.detach().to(at::kDouble).sub(y.detach().to(at::kDouble)).abs().max().item<double>();
}

/// Tokens that differ from one another.
inline std::vector<int64_t> tokens(int64_t count, int64_t first) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back((first + 7 * i) % 50);
  return ids;
}

/// Rows of one root-to-leaf path of `rows` as a single segment, with the read rows that lie on it.
struct Path {
  PackedRows rows;
  std::vector<int64_t> row_of;  ///< row in the tree of each row of the path
};
inline Path path_of(const PackedRows& tree, int64_t leaf) {
  std::vector<int64_t> chain;
  for (int64_t s = leaf; s >= 0; s = tree.segments[static_cast<size_t>(s)].parent) chain.insert(chain.begin(), s);
  Path path;
  Segment whole;
  for (const int64_t s : chain) {
    const Segment& own = tree.segments[static_cast<size_t>(s)];
    for (const VisualRows& part : tree.visual) {
      if (part.begin < own.begin || part.begin >= own.begin + own.length) continue;
      path.rows.visual.push_back(
          {static_cast<int64_t>(path.row_of.size()) + part.begin - own.begin, part.video, part.first, part.count});
    }
    for (int64_t i = 0; i < own.length; ++i) {
      path.rows.ids.push_back(tree.ids[static_cast<size_t>(own.begin + i)]);
      path.rows.positions.push_back(tree.positions[static_cast<size_t>(own.begin + i)]);
      path.row_of.push_back(own.begin + i);
    }
  }
  whole.length = static_cast<int64_t>(path.row_of.size());
  whole.next_position = tree.segments[static_cast<size_t>(leaf)].next_position;
  path.rows.segments.push_back(whole);
  for (int64_t i = 0; i < whole.length; ++i) path.rows.read_rows.push_back(i);
  return path;
}

}  // namespace rrpo::model
