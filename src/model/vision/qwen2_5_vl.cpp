// The eye of Qwen2.5-VL: a vision transformer over patches of two frames, most layers of which attend inside windows, and a
// merger that makes one visual token of a block of patches.
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

#include <algorithm>
#include <map>

#include "../functions.h"
#include "../shapes.h"
#include "qwen_parts.h"
#include "rows.h"

namespace rrpo::model {

namespace {

const std::string kTop = "model.visual.";
/// Fixed in transformers' code, as no configuration has it.
constexpr double kEps = 1e-6;

struct Block {
  Norm norm1;
  PatchAttention attention;
  Norm norm2;
  Linear gate, up, down;
};

/// Visual tokens of a temporal patch in the order of their windows, those of equal size together, and the patches' groups.
struct WindowOrder {
  std::vector<int64_t> tokens;
  std::vector<PatchGroups> groups;
};

/// Windows of side x side visual tokens, cut off at the right and at the bottom.
WindowOrder window_order(const PatchForm& form, const PatchGrid& grid, int64_t side) {
  const int64_t rows = grid.height / form.merge, columns = grid.width / form.merge;
  std::map<int64_t, std::vector<int64_t>> by_size;
  for (int64_t top = 0; top < rows; top += side) {
    for (int64_t left = 0; left < columns; left += side) {
      const int64_t bottom = std::min(top + side, rows), right = std::min(left + side, columns);
      std::vector<int64_t>& tokens = by_size[(bottom - top) * (right - left)];
      for (int64_t row = top; row < bottom; ++row) {
        for (int64_t column = left; column < right; ++column) tokens.push_back(row * columns + column);
      }
    }
  }
  WindowOrder order;
  const int64_t block = form.merge * form.merge;
  for (const auto& [size, tokens] : by_size) {
    order.groups.push_back({.begin = static_cast<int64_t>(order.tokens.size()) * block,
                            .count = static_cast<int64_t>(tokens.size()) / size,
                            .length = size * block});
    order.tokens.insert(order.tokens.end(), tokens.begin(), tokens.end());
  }
  return order;
}

class Qwen25Eye final : public Vision {
 public:
  Qwen25Eye(const ConfigReader& vision, int64_t width, bool time_counts, const Shapes& shapes)
      : form_(read_patch_form(vision)), time_counts_(time_counts) {
    vision.only("hidden_act", "silu");
    vision.only("in_channels", 3);
    vision.only("in_chans", 3);
    vision.only("out_hidden_size", width);
    const int64_t inner = vision.integer("hidden_size", 1, kMaxWidth),
                  wide = vision.integer("intermediate_size", 1, kMaxWidth);
    const int64_t depth = vision.integer("depth", 0, kMaxLayers);
    heads_ = vision.integer("num_heads", 1, inner);
    if (inner % heads_ != 0 || inner / heads_ % 4 != 0)
      vision.refuse("num_heads", "makes heads whose width is no multiple of 4");
    vision.only("head_dim", inner / heads_);
    tokens_per_second_ = vision.integer("tokens_per_second", 1, 1 << 20);
    // Two roundings down, in this order.
    window_ = vision.integer("window_size", 1, 1 << 20) / form_.merge / form_.patch;
    if (window_ < 1) vision.refuse("window_size", "is smaller than a visual token");
    read_rotary(vision);
    read_full_layers(vision, depth);
    patch_weight_ = shapes.tensor({inner, 3, form_.temporal, form_.patch, form_.patch});
    for (int64_t i = 0; i < depth; ++i) {
      blocks_.push_back(
          {shapes.rms_norm(inner, kEps),
           {.heads = heads_, .qkv = shapes.linear(inner, 3 * inner, true), .proj = shapes.linear(inner, inner, true)},
           shapes.rms_norm(inner, kEps),
           shapes.linear(inner, wide, true),
           shapes.linear(inner, wide, true),
           shapes.linear(wide, inner, true)});
    }
    const int64_t merged = inner * form_.merge * form_.merge;
    merger_norm_ = shapes.rms_norm(inner, kEps);
    merger_in_ = shapes.linear(merged, merged, true);
    merger_out_ = shapes.linear(merged, width, true);
  }

  void list(Listing& list) override {
    list.part = Part::vision;
    list.add(kTop + "patch_embed.proj.weight", patch_weight_);
    for (size_t i = 0; i < blocks_.size(); ++i) {
      Block& block = blocks_[i];
      const std::string at = block_name(i);
      list.add(at + "norm1", block.norm1);
      list.add(at + "attn.qkv", block.attention.qkv);
      list.add(at + "attn.proj", block.attention.proj);
      list.add(at + "norm2", block.norm2);
      list.add(at + "mlp.gate_proj", block.gate);
      list.add(at + "mlp.up_proj", block.up);
      list.add(at + "mlp.down_proj", block.down);
    }
    list.part = Part::projector;
    list.add(kTop + "merger.ln_q", merger_norm_);
    list.add(kTop + "merger.mlp.0", merger_in_);
    list.add(kTop + "merger.mlp.2", merger_out_);
  }

  void each_linear(const SeeLinear& see) override {
    for (size_t i = 0; i < blocks_.size(); ++i) {
      Block& block = blocks_[i];
      const std::string at = block_name(i);
      see(at + "attn.qkv", block.attention.qkv);
      see(at + "attn.proj", block.attention.proj);
      see(at + "mlp.gate_proj", block.gate);
      see(at + "mlp.up_proj", block.up);
      see(at + "mlp.down_proj", block.down);
    }
    see(kTop + "merger.mlp.0", merger_in_);
    see(kTop + "merger.mlp.2", merger_out_);
  }

  std::optional<std::vector<VisualRun>> runs(const ClipForm& form) const override {
    const PatchGrid grid = patch_grid(form_, form.frames, form.height, form.width);
    // In float32, as the processor stores seconds per temporal patch.
    const float interval = form.still ? 1.0F : static_cast<float>(tokens_per_second_) * seconds_per_patch(form);
    std::vector<int64_t> times;
    for (int64_t k = 0; k < grid.time; ++k) times.push_back(static_cast<int64_t>(static_cast<float>(k) * interval));
    const int64_t sides = std::max(grid.height, grid.width) / form_.merge;
    VisualRun run{.positions = grid_positions(form_, grid, times)};
    run.count = static_cast<int64_t>(run.positions.size());
    run.extent = time_counts_ ? std::max(times.back() + 1, sides) : sides;
    return std::vector<VisualRun>{std::move(run)};
  }

  VisualTokens encode(const ClipInput& clip, const VisionPass& pass) const override {
    const at::Tensor& pixels = clip.pixels.front();
    expect(pixels.dim() == 4 && pixels.size(1) == 3, "pixels of another shape than frames of three colours");
    const PatchGrid grid = patch_grid(form_, pixels.size(0), pixels.size(2), pixels.size(3));
    const at::Tensor patches = cut_patches(form_, pixels.to(pass.device, pass.type));
    at::Tensor x = at::linear(patches, patch_weight_.flatten(1).to(pass.type));
    const WindowOrder order = window_order(form_, grid, window_);
    const at::Tensor forth = index_tensor(order.tokens, pass.device);
    const int64_t block = form_.merge * form_.merge, tokens = grid.area() / block;
    x = x.view({grid.time, tokens, block, -1}).index_select(1, forth).flatten(1, 2);
    x = run_blocks(x, grid, order, pass);
    // Back to the order of the grid.
    std::vector<int64_t> place(order.tokens.size());
    for (size_t i = 0; i < place.size(); ++i) place[static_cast<size_t>(order.tokens[i])] = static_cast<int64_t>(i);
    x = merge(x.view({grid.time, tokens, block, -1}), pass.adapter).index_select(1, index_tensor(place, pass.device));
    VisualTokens visual{.tokens = x.flatten(0, 1), .deep = {}, .runs = runs(clip.form).value()};
    expect(visual.runs.front().count == visual.size(), "a clip of another form than its pixels");
    return visual;
  }

  Json resolved() const override {
    return {{"patch", form_.patch},
            {"temporal", form_.temporal},
            {"merge", form_.merge},
            {"heads", heads_},
            {"window", window_},
            {"full", full_},
            {"theta", theta_},
            {"tokens_per_second", tokens_per_second_},
            {"time_counts", time_counts_}};
  }

  VisionCost cost(const ClipForm& form) const override {
    const PatchGrid grid = patch_grid(form_, form.frames, form.height, form.width);
    const std::vector<PatchGroups> whole = {{.begin = 0, .count = 1, .length = grid.area()}};
    const std::vector<PatchGroups> windows = window_order(form_, grid, window_).groups;
    const auto rows = static_cast<double>(grid.time * grid.area());
    const auto inner = static_cast<double>(merger_norm_.weight.size(0)),
               merged = static_cast<double>(merger_in_.weight.size(0));
    const double tokens = rows * inner / merged;
    VisionCost cost;
    cost.flop = 2 * rows * inner * static_cast<double>(form_.values()) +
                2 * tokens * merged * (merged + static_cast<double>(merger_out_.weight.size(0)));
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const auto wide = static_cast<double>(blocks_[i].gate.weight.size(0));
      cost.flop +=
          patch_attention_flop(grid, merger_norm_.weight.size(0), full_[i] ? whole : windows) + 6 * rows * inner * wide;
      cost.kept_values += rows * (8 * inner + 3 * wide);
    }
    cost.kept_values += 3 * rows * inner;
    return cost;
  }

 private:
  static std::string block_name(size_t i) { return kTop + "blocks." + std::to_string(i) + "."; }

  void read_rotary(const ConfigReader& vision) {
    if (!vision.has("rope_parameters")) return;
    const ConfigReader rope = vision.object("rope_parameters");
    rope.only("rope_type", "axial");
    theta_ = rope.number("rope_theta", theta_);
  }

  void read_full_layers(const ConfigReader& vision, int64_t depth) {
    full_.assign(static_cast<size_t>(depth), false);
    if (!vision.has("fullatt_block_indexes")) vision.refuse("fullatt_block_indexes", "missing");
    const Json& layers = vision.json().at("fullatt_block_indexes");
    for (const Json& layer : layers) {
      if (!layers.is_array() || !layer.is_number_unsigned() || layer.get<int64_t>() >= depth)
        vision.refuse("fullatt_block_indexes", printable(layers.dump()) + " is no list of layers from 0 to depth - 1");
      full_[layer.get<size_t>()] = true;
    }
  }

  /// Seconds from one temporal patch to the next. The rate of the frames shown is their share of the file's frames times the
  /// file's rate, and 24 where that is not known.
  float seconds_per_patch(const ClipForm& form) const {
    constexpr double kUnknownRate = 24;
    double rate = form.fps > 0 ? form.fps : kUnknownRate;
    if (form.fps > 0 && form.total > 0 && !form.index.empty())
      rate = static_cast<double>(form.index.size()) / static_cast<double>(form.total) * form.fps;
    return static_cast<float>(static_cast<double>(form_.temporal) / rate);
  }

  /// x [T, S, D] in the order of windows.
  at::Tensor run_blocks(at::Tensor x, const PatchGrid& grid, const WindowOrder& order, const VisionPass& pass) const {
    const std::vector<PatchPlace> places = patch_places(form_, grid);
    const auto block_size = static_cast<size_t>(form_.merge * form_.merge);
    std::vector<PatchPlace> ordered;
    for (const int64_t token : order.tokens) {
      const auto first = places.begin() + token * static_cast<int64_t>(block_size);
      ordered.insert(ordered.end(), first, first + static_cast<int64_t>(block_size));
    }
    const Rotary angles = patch_rotary(ordered, x.size(2) / heads_, theta_, pass.device);
    const std::vector<PatchGroups> whole = {{.begin = 0, .count = 1, .length = grid.area()}};
    for (size_t i = 0; i < blocks_.size(); ++i) {
      const Block& block = blocks_[i];
      const at::Tensor normed = rms_norm(x, block.norm1.weight, block.norm1.eps);
      x = x.add(patch_attention(block.attention, normed, angles, full_[i] ? whole : order.groups, pass.adapter));
      const at::Tensor y = rms_norm(x, block.norm2.weight, block.norm2.eps);
      x = x.add(
          linear(swiglu(linear(y, block.gate, pass.adapter), linear(y, block.up, pass.adapter)), block.down, pass.adapter));
    }
    return x;
  }

  /// Blocks of patches [T, N, merge^2, D] to visual tokens [T, N, width].
  at::Tensor merge(const at::Tensor& x, Adapter adapter) const {
    const at::Tensor rows = rms_norm(x, merger_norm_.weight, merger_norm_.eps).flatten(2, 3);
    return linear(at::gelu(linear(rows, merger_in_, adapter)), merger_out_, adapter);
  }

  PatchForm form_;
  bool time_counts_ = true;  ///< of where the text behind a clip stands
  int64_t heads_ = 0, tokens_per_second_ = 0, window_ = 0;
  double theta_ = 10000;
  std::vector<bool> full_;  ///< which layers attend over a whole temporal patch
  at::Tensor patch_weight_;
  std::vector<Block> blocks_;
  Norm merger_norm_;
  Linear merger_in_, merger_out_;
};

}  // namespace

std::unique_ptr<Vision> qwen2_5_eye(const ConfigReader& vision, int64_t width, bool time_counts, const Shapes& shapes) {
  return std::make_unique<Qwen25Eye>(vision, width, time_counts, shapes);
}

}  // namespace rrpo::model
