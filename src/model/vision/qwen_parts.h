// What the eyes of Qwen2.5-VL and Qwen3-VL share: how a clip is cut into patches, where a patch and a visual token stand,
// and attention inside groups of patches. T temporal patches of S = height x width patches each; pixels of any size.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../config_reader.h"
#include "../layers.h"
#include "rrpo/model/vision.h"

namespace rrpo::model {

/// A patch is `temporal` frames of `patch` x `patch` pixels; `merge` x `merge` patches become one visual token.
struct PatchForm {
  int64_t patch = 14, temporal = 2, merge = 2;
  int64_t factor() const { return patch * merge; }                 ///< sides of pictures are multiples of it
  int64_t values() const { return 3 * temporal * patch * patch; }  ///< numbers of a patch
};

/// By patch_size, temporal_patch_size and spatial_merge_size of a `vision_config`.
PatchForm read_patch_form(const ConfigReader& vision);

/// A clip in patches.
struct PatchGrid {
  int64_t time = 0, height = 0, width = 0;
  int64_t area() const { return height * width; }  ///< S
};

/// The grid of `frames` pictures of height x width. Throws Error(internal) where it does not come out even: whoever prepares
/// the pixels (video::PixelSpec) sees to that.
PatchGrid patch_grid(const PatchForm& form, int64_t frames, int64_t height, int64_t width);

/// Pixels [F, 3, H, W] to [T, S, values]. The patches of one visual token stand together: order (row of tokens, column of
/// tokens, row in the token, column in the token); the numbers of a patch are ordered (colour, frame, row, column).
at::Tensor cut_patches(const PatchForm& form, const at::Tensor& pixels);

/// Row and column, in patches, of each of the S patches in that order.
struct PatchPlace {
  int64_t row = 0, column = 0;
};
std::vector<PatchPlace> patch_places(const PatchForm& form, const PatchGrid& grid);

/// cos and sin [S, 1, d/2] in float32: the first half of the d/2 angles by rows, the second by columns, both with the
/// frequencies theta^(-4i/d).
Rotary patch_rotary(const std::vector<PatchPlace>& places, int64_t head_width, double theta, at::Device device);

/// Attention with one matrix for queries, keys and values.
struct PatchAttention {
  int64_t heads = 0;
  Linear qkv, proj;
};

/// `count` groups of `length` patches each, one after the other from patch `begin` of the S; patches attend to their own
/// group. A list of them covers the S in order.
struct PatchGroups {
  int64_t begin = 0, count = 0, length = 0;
};

/// x [T, S, D] to [T, S, D]. Queries and keys are rotated in float32 whatever x is, as in transformers. Attention never
/// crosses temporal patches.
at::Tensor patch_attention(const PatchAttention& layer, const at::Tensor& x, const Rotary& angles,
                           const std::vector<PatchGroups>& groups, Adapter adapter);

/// Its forward cost for a whole clip, the two matrices' too.
double patch_attention_flop(const PatchGrid& grid, int64_t width, const std::vector<PatchGroups>& groups);

/// Positions of the visual tokens of a run, from its start: time `times[k]` for those of temporal patch k, rows and columns
/// of the merged grid.
std::vector<Position> grid_positions(const PatchForm& form, const PatchGrid& grid, const std::vector<int64_t>& times);

}  // namespace rrpo::model
