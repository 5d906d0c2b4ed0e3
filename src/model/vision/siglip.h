// SigLIP's vision transformer: patches without a class token, pre-norm layers.
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

struct VisionLayer {
  Norm norm1;
  Linear q, k, v, out;
  Norm norm2;
  Linear fc1, fc2;
};

struct Tower {
  int64_t image = 0, patch = 0, heads = 0;
  at::Tensor patch_weight;  ///< [D, 3, patch, patch]
  at::Tensor patch_bias;    ///< [D]
  at::Tensor position;      ///< [grid * grid, D]
  std::vector<VisionLayer> layers;
  Norm post;  ///< carried along where the checkpoint has it; not in the path
  int64_t grid() const { return image / patch; }
};

/// The first `layers` layers of the tower that a `vision_config` describes.
Tower siglip_tower(const ConfigReader& config, int64_t layers, const Shapes& shapes);

/// Its tensors and its linears under transformers' names below `top`, which ends in a dot.
void list_tower(Listing& list, const std::string& top, Tower& tower);
void each_tower_linear(const std::string& top, Tower& tower, const SeeLinear& see);

/// Pixels [F, 3, S, S] to patch features [F, grid^2, D]: output of the last layer, before the post norm.
at::Tensor run_tower(const Tower& tower, const at::Tensor& pixels, Adapter adapter);

/// What of its numbers changes its output, beside the weights.
Json tower_json(const Tower& tower);
/// Forward cost of one frame.
VisionCost tower_cost(const Tower& tower);

}  // namespace rrpo::model
