// DINOv2's vision transformer: a class token before the patches, layers with scales and gated MLPs.
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

struct DinoLayer {
  Norm norm1;
  Linear q, k, v, out;
  at::Tensor scale1;  ///< [D], of what attention adds
  Norm norm2;
  Linear in, down;    ///< gate and value in one, and back
  at::Tensor scale2;  ///< [D], of what the MLP adds
};

struct DinoTower {
  int64_t patch = 0, heads = 0, table = 0;  ///< sides of the position table, in patches
  at::Tensor cls;                           ///< [1, 1, D]
  at::Tensor position;                      ///< [1, 1 + table * table, D], the class token's first
  at::Tensor patch_weight, patch_bias;      ///< [D, 3, patch, patch], [D]
  std::vector<DinoLayer> layers;
  Norm norm;
};

/// The tower that the configuration of a `dinov2` model describes.
DinoTower dino_tower(const ConfigReader& config, const Shapes& shapes);

/// Its tensors and its linears under transformers' names below `top`, which ends in a dot.
void list_dino(Listing& list, const std::string& top, DinoTower& tower);
void each_dino_linear(const std::string& top, DinoTower& tower, const SeeLinear& see);

/// The position table resized to side x side patches, [1, 1 + side * side, D] in its own type: bicubic in float32, by the
/// factor (side + 0.1) / table as transformers did until 4.47, which shifts where it samples.
at::Tensor dino_positions(const DinoTower& tower, int64_t side);

/// Pixels [F, 3, S, S] to normed patch features [F, (S / patch)^2, D], without the class token.
at::Tensor run_dino(const DinoTower& tower, const at::Tensor& pixels, Adapter adapter);

/// What of its numbers changes its output, beside the weights.
Json dino_json(const DinoTower& tower);
/// Forward cost of one frame of that side in pixels.
VisionCost dino_cost(const DinoTower& tower, int64_t side);

}  // namespace rrpo::model
