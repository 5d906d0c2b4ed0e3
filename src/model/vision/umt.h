// VideoChat2's video tower (UMT): patches of all frames attend to each other, at places that a formula gives.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "../config_reader.h"
#include "../shapes.h"
#include "rrpo/model/vision.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

struct UmtLayer {
  Norm norm1;
  at::Tensor qkv;             ///< [3D, D]: queries, keys, values
  at::Tensor q_bias, v_bias;  ///< [D]; keys have none
  Linear out;
  Norm norm2;
  Linear fc1, fc2;
};

struct Umt {
  int64_t image = 0, patch = 0, heads = 0;
  int64_t table_frames = 0, table_side = 0;  ///< grid of the places that the tower was trained at
  at::Tensor patch_weight;                   ///< [D, 3, 1, patch, patch]
  at::Tensor patch_bias;                     ///< [D]
  std::vector<UmtLayer> layers;
  Norm output;  ///< behind the last layer
  int64_t grid() const { return image / patch; }
  int64_t width() const { return patch_weight.size(0); }
};

/// The layers that a `vision_config` counts: those that run. (The original leaves its last one out.)
Umt umt_tower(const ConfigReader& config, const Shapes& shapes);

/// Its tensors and its linears under the original's names. Its q, k and v are one matrix that an adapter cannot sit on: the
/// original multiplies by its weight itself.
void list_umt(Listing& list, Umt& tower);
void each_umt_linear(Umt& tower, const SeeLinear& see);

/// Places of `frames` frames, [frames * grid^2, D] float32 on the CPU: sines and cosines of the places of the trained grid,
/// to more rows and columns by bicubic, to more frames by linear interpolation. One frame has the places of the first.
at::Tensor umt_places(const Umt& tower, int64_t frames);

/// Pixels [F, 3, S, S] of a clip to features [F * grid^2, D], normed.
at::Tensor run_umt(const Umt& tower, const at::Tensor& pixels, Adapter adapter);

/// What of its numbers changes its output, beside the weights.
Json umt_json(const Umt& tower);
/// Forward cost of a clip.
VisionCost umt_cost(const Umt& tower, int64_t frames);

}  // namespace rrpo::model
