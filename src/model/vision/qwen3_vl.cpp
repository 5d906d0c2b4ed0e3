// The eye of Qwen3-VL: a learned table of positions, stretched over the grid, beside 2-D rotary ones; features of some
// blocks go to the first layers of the decoder too. Each temporal patch is a run of its own, whose moment the prompt says.
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "../shapes.h"
#include "qwen_parts.h"
#include "rows.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

const std::string kTop = "model.visual.";
constexpr double kEps = 1e-6;       // fixed in the original's code, as the frequencies' base is in older configurations
constexpr double kUnknownFps = 24;  // what its processor takes for a clip of unknown rate

struct Block {
  Norm norm1;
  PatchAttention attention;
  Norm norm2;
  Linear fc1, fc2;
};

/// merge^2 patches to one visual token.
struct Merger {
  Norm norm;  ///< over a patch, or over all that are joined
  Linear fc1, fc2;
};

struct Qwen3Tower {
  PatchForm form;
  int64_t heads = 0, inner = 0;  ///< of a block; width of its MLP
  double theta = 10000;
  at::Tensor patch_weight;  ///< [D, 3, temporal, patch, patch]
  at::Tensor patch_bias;    ///< [D]
  at::Tensor position;      ///< [P, D], a square of side x side and what is left
  std::vector<Block> blocks;
  Merger merger;
  std::vector<int64_t> deep_blocks;  ///< whose output deep[i] merges
  std::vector<Merger> deep;

  int64_t width() const { return patch_bias.size(0); }
  int64_t side() const { return static_cast<int64_t>(std::sqrt(static_cast<double>(position.size(0)))); }
};

/// The two rows (or columns) of the table between which a row of patches stands, and what it gets of each. All in float32,
/// in the original's order: other roundings give other neighbours.
struct Between {
  std::array<int64_t, 2> row = {};
  std::array<float, 2> weight = {};
};

Between between(int64_t index, int64_t count, int64_t side) {
  const auto last = static_cast<float>(std::max<int64_t>(count - 1, 1));
  const float at = static_cast<float>(index) * static_cast<float>(side - 1) / last;
  const float floor = std::floor(at);
  const auto first = static_cast<int64_t>(floor);
  const float near = 1 - (at - floor);
  return {{first, std::min(first + 1, side - 1)}, {near, 1 - near}};
}

/// [S, D]: the table stretched over the grid, corners on corners; summed in float32 or better.
at::Tensor positions(const Qwen3Tower& tower, const std::vector<PatchPlace>& places, const PatchGrid& grid,
                     const VisionPass& pass) {
  const int64_t side = tower.side(), count = grid.area();
  std::vector<int64_t> taps;
  at::Tensor weights = at::empty({count, 4, 1}, at::kFloat);
  float* weight = weights.mutable_data_ptr<float>();
  for (const PatchPlace& place : places) {
    const Between down = between(place.row, grid.height, side), right = between(place.column, grid.width, side);
    for (size_t i : {0, 1}) {
      for (size_t j : {0, 1}) {
        taps.push_back(down.row[i] * side + right.row[j]);
        *weight++ = down.weight[i] * right.weight[j];
      }
    }
  }
  const at::ScalarType wide = c10::promoteTypes(pass.type, at::kFloat);
  const at::Tensor rows = tower.position.to(pass.type).index_select(0, index_tensor(taps, pass.device)).to(wide);
  return rows.view({count, 4, tower.width()}).mul(weights.to(pass.device, wide)).sum(1).to(pass.type);
}

/// x [T, S, D] to visual tokens [T * S / merge^2, out].
at::Tensor merge(const Merger& merger, const at::Tensor& x, bool norm_of_patches, Adapter adapter) {
  const int64_t joined = merger.fc1.weight.size(1);
  const at::Tensor rows =
      norm_of_patches ? layer_norm(x, merger.norm).reshape({-1, joined}) : layer_norm(x.reshape({-1, joined}), merger.norm);
  return linear(at::gelu(linear(rows, merger.fc1, adapter)), merger.fc2, adapter);
}

at::Tensor run_block(const Block& block, const at::Tensor& x, const Rotary& angles, Adapter adapter) {
  const std::vector<PatchGroups> all = {{0, 1, x.size(1)}};
  const at::Tensor y = x.add(patch_attention(block.attention, layer_norm(x, block.norm1), angles, all, adapter));
  return y.add(linear(at::gelu(linear(layer_norm(y, block.norm2), block.fc1, adapter), "tanh"), block.fc2, adapter));
}

void list_merger(Listing& list, const std::string& top, Merger& merger) {
  list.add(top + "norm", merger.norm);
  list.add(top + "linear_fc1", merger.fc1);
  list.add(top + "linear_fc2", merger.fc2);
}

void each_merger_linear(const SeeLinear& see, const std::string& top, Merger& merger) {
  see(top + "linear_fc1", merger.fc1);
  see(top + "linear_fc2", merger.fc2);
}

std::string block_name(size_t i) { return kTop + "blocks." + std::to_string(i) + "."; }
std::string deep_name(size_t i) { return kTop + "deepstack_merger_list." + std::to_string(i) + "."; }

class Qwen3VlEye final : public Vision {
 public:
  explicit Qwen3VlEye(Qwen3Tower tower) : tower_(std::move(tower)) {}

  void list(Listing& list) override {
    list.part = Part::vision;
    list.add(kTop + "patch_embed.proj.weight", tower_.patch_weight);
    list.add(kTop + "patch_embed.proj.bias", tower_.patch_bias);
    list.add(kTop + "pos_embed.weight", tower_.position);
    for (size_t i = 0; i < tower_.blocks.size(); ++i) {
      Block& block = tower_.blocks[i];
      list.add(block_name(i) + "norm1", block.norm1);
      list.add(block_name(i) + "attn.qkv", block.attention.qkv);
      list.add(block_name(i) + "attn.proj", block.attention.proj);
      list.add(block_name(i) + "norm2", block.norm2);
      list.add(block_name(i) + "mlp.linear_fc1", block.fc1);
      list.add(block_name(i) + "mlp.linear_fc2", block.fc2);
    }
    list.part = Part::projector;
    list_merger(list, kTop + "merger.", tower_.merger);
    for (size_t i = 0; i < tower_.deep.size(); ++i) list_merger(list, deep_name(i), tower_.deep[i]);
  }

  void each_linear(const SeeLinear& see) override {
    for (size_t i = 0; i < tower_.blocks.size(); ++i) {
      Block& block = tower_.blocks[i];
      see(block_name(i) + "attn.qkv", block.attention.qkv);
      see(block_name(i) + "attn.proj", block.attention.proj);
      see(block_name(i) + "mlp.linear_fc1", block.fc1);
      see(block_name(i) + "mlp.linear_fc2", block.fc2);
    }
    each_merger_linear(see, kTop + "merger.", tower_.merger);
    for (size_t i = 0; i < tower_.deep.size(); ++i) each_merger_linear(see, deep_name(i), tower_.deep[i]);
  }

  /// Temporal patches stand one after the other, each with a grid of its own: time is in the words before it.
  std::optional<std::vector<VisualRun>> runs(const ClipForm& form) const override {
    const PatchForm& patch = tower_.form;
    const int64_t count = (form.frames + patch.temporal - 1) / patch.temporal;
    const PatchGrid grid = patch_grid(patch, count * patch.temporal, form.height, form.width);
    VisualRun run{.count = grid.area() / (patch.merge * patch.merge),
                  .positions = grid_positions(patch, {1, grid.height, grid.width}, {0}),
                  .extent = std::max(grid.height, grid.width) / patch.merge};
    std::vector<VisualRun> runs(static_cast<size_t>(count), run);
    if (form.still) return runs;
    const auto time_of = [&](int64_t frame) {
      const int64_t last = form.index.empty() ? form.frames - 1 : static_cast<int64_t>(form.index.size()) - 1;
      const int64_t at = std::min(frame, last);
      const int64_t number = form.index.empty() ? at : form.index[static_cast<size_t>(at)];
      return static_cast<double>(number) / (form.fps > 0 ? form.fps : kUnknownFps);
    };
    for (int64_t k = 0; k < count; ++k) {
      const int64_t first = k * patch.temporal;
      runs[static_cast<size_t>(k)].time_s = (time_of(first) + time_of(first + patch.temporal - 1)) / 2;
    }
    return runs;
  }
  std::vector<VisualRun> frame_runs(const ClipForm& form) const override { return runs(form).value(); }

  VisualTokens encode(const ClipInput& clip, const VisionPass& pass) const override {
    const at::Tensor& pixels = clip.pixels.front();
    expect(pixels.dim() == 4 && pixels.size(0) > 0 && pixels.size(1) == 3, "pixels of another shape than [F, 3, H, W]");
    const PatchGrid grid = patch_grid(tower_.form, pixels.size(0), pixels.size(2), pixels.size(3));
    const std::vector<PatchPlace> places = patch_places(tower_.form, grid);
    const Rotary angles = patch_rotary(places, tower_.width() / tower_.heads, tower_.theta, pass.device);
    at::Tensor x = at::linear(cut_patches(tower_.form, pixels.to(pass.device, pass.type)),
                              tower_.patch_weight.flatten(1).to(pass.type), tower_.patch_bias.to(pass.type));
    x = x.add(positions(tower_, places, grid, pass));
    VisualTokens made;
    for (size_t i = 0; i < tower_.blocks.size(); ++i) {
      x = run_block(tower_.blocks[i], x, angles, pass.adapter);
      const auto found = std::find(tower_.deep_blocks.begin(), tower_.deep_blocks.end(), static_cast<int64_t>(i));
      if (found == tower_.deep_blocks.end()) continue;
      const auto number = static_cast<size_t>(found - tower_.deep_blocks.begin());
      made.deep.push_back(merge(tower_.deep[number], x, /*norm_of_patches=*/false, pass.adapter));
    }
    made.tokens = merge(tower_.merger, x, /*norm_of_patches=*/true, pass.adapter);
    ClipForm form = clip.form;
    form.frames = pixels.size(0);
    form.height = pixels.size(2);
    form.width = pixels.size(3);
    made.runs = *runs(form);
    return made;
  }

  Json resolved() const override {
    return {{"patch", tower_.form.patch},     {"temporal", tower_.form.temporal},
            {"merge", tower_.form.merge},     {"heads", tower_.heads},
            {"theta", tower_.theta},          {"deep", tower_.deep_blocks},
            {"blocks", tower_.blocks.size()}, {"eps", kEps}};
  }

  VisionCost cost(const ClipForm& form) const override {
    const PatchForm& patch = tower_.form;
    const int64_t count = (form.frames + patch.temporal - 1) / patch.temporal;
    const PatchGrid grid = patch_grid(patch, count * patch.temporal, form.height, form.width);
    const auto patches = static_cast<double>(count * grid.area()), width = static_cast<double>(tower_.width());
    const auto inner = static_cast<double>(tower_.inner);
    const auto blocks = static_cast<double>(tower_.blocks.size());
    const auto cells = static_cast<double>(patch.merge * patch.merge), joined = cells * width;
    const auto out = static_cast<double>(tower_.merger.fc2.weight.size(0));
    const double mergers = 2 * patches / cells * joined * (joined + out) * static_cast<double>(1 + tower_.deep.size());
    const double attention = patch_attention_flop(grid, tower_.width(), {{0, 1, grid.area()}});
    return {.flop = 2 * patches * static_cast<double>(patch.values()) * width + mergers +
                    blocks * (attention + 4 * patches * width * inner),
            .kept_values = patches * blocks * (7 * width + 2 * inner)};
  }

 private:
  Qwen3Tower tower_;
};

/// Blocks behind which a merger stands, each once.
std::vector<int64_t> read_deep_blocks(const ConfigReader& vision, int64_t depth) {
  const std::string key = "deepstack_visual_indexes";
  std::vector<int64_t> blocks;
  if (!vision.has(key)) vision.refuse(key, "missing");
  const Json& list = vision.json().at(key);
  if (!list.is_array()) vision.refuse(key, "no list");
  for (const Json& entry : list) {
    const bool known = entry.is_number_integer() && entry.get<int64_t>() >= 0 && entry.get<int64_t>() < depth;
    if (!known || std::find(blocks.begin(), blocks.end(), entry.get<int64_t>()) != blocks.end())
      vision.refuse(key, "not numbers of blocks below depth, each once");
    blocks.push_back(entry.get<int64_t>());
  }
  return blocks;
}

double read_theta(const ConfigReader& vision) {
  if (!vision.has("rope_parameters")) return Qwen3Tower().theta;
  const ConfigReader rope = vision.object("rope_parameters");
  rope.only("rope_type", "axial");
  return rope.number("rope_theta", Qwen3Tower().theta);
}

}  // namespace

std::unique_ptr<Vision> qwen3_vl_eye(const ConfigReader& vision, int64_t decoder_width, const Shapes& shapes) {
  vision.only("hidden_act", "gelu_pytorch_tanh");
  vision.only("in_channels", 3);
  vision.only("out_hidden_size", decoder_width);
  Qwen3Tower tower;
  tower.form = read_patch_form(vision);
  tower.theta = read_theta(vision);
  const int64_t width = vision.integer("hidden_size", 1, kMaxWidth),
                inner = vision.integer("intermediate_size", 1, kMaxWidth);
  const int64_t heads = vision.integer("num_heads", 1, width), depth = vision.integer("depth", 0, kMaxLayers);
  if (width % heads != 0 || width / heads % 4 != 0) vision.refuse("num_heads", "does not make heads of a width in fours");
  vision.only("head_dim", width / heads);
  tower.heads = heads;
  tower.inner = inner;
  const PatchForm& form = tower.form;
  tower.patch_weight = shapes.tensor({width, 3, form.temporal, form.patch, form.patch});
  tower.patch_bias = shapes.tensor({width});
  tower.position = shapes.tensor({vision.integer("num_position_embeddings", 1, kMaxVocabulary), width});
  for (int64_t i = 0; i < depth; ++i) {
    tower.blocks.push_back({shapes.layer_norm(width, kEps),
                            {heads, shapes.linear(width, 3 * width, true), shapes.linear(width, width, true)},
                            shapes.layer_norm(width, kEps),
                            shapes.linear(width, inner, true),
                            shapes.linear(inner, width, true)});
  }
  const int64_t joined = width * form.merge * form.merge;
  const auto merger = [&](int64_t normed) {
    return Merger{shapes.layer_norm(normed, kEps), shapes.linear(joined, joined, true),
                  shapes.linear(joined, decoder_width, true)};
  };
  tower.merger = merger(width);
  tower.deep_blocks = read_deep_blocks(vision, depth);
  for (size_t i = 0; i < tower.deep_blocks.size(); ++i) tower.deep.push_back(merger(joined));
  return std::make_unique<Qwen3VlEye>(std::move(tower));
}

}  // namespace rrpo::model
