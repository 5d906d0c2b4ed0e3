// Spatial vision aggregator, the connector of Cambrian and LongVU: a grid of queries, each of which attends to its own
// window in the feature maps of several towers.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "../shapes.h"
#include "longvu_reduction.h"
#include "rrpo/model/vision.h"
#include "rrpo/model/weights.h"

namespace rrpo::model {

inline constexpr size_t kSvaTowers = 2;

/// What brings a tower's features to the connector's width: linear, GELU, linear, norm.
struct SvaInput {
  Linear first, second;
  Norm norm;
};

/// Keys and values out of one tower's windows.
struct SvaSource {
  Norm k_norm, v_norm;
  Linear k, v;
  at::Tensor position;  ///< [window, C]; undefined where a window is one feature
};

struct SvaLayer {
  Linear context, in;
  Norm q_norm;
  Linear q;
  std::array<SvaSource, kSvaTowers> sources;
  Linear o;
  Norm norm;
  Linear out_1, out_2;
};

struct Sva {
  int64_t grid = 12;  ///< queries on a side
  int64_t side = 24;  ///< features on a side, of every tower
  std::array<SvaInput, kSvaTowers> inputs;
  at::Tensor query;  ///< [1, C]
  std::vector<SvaLayer> layers;
};

struct SvaForm {
  int64_t width = 0, depth = 0;  ///< C and the number of layers
  int64_t grid = 0, side = 0;
  std::array<int64_t, kSvaTowers> towers = {};  ///< widths of their features
};
Sva sva(const SvaForm& form, const Shapes& shapes);

/// Its tensors and linears under the authors' names (`model.mm_projector_aux_0.0`, `model.vision_sampler_0.layers.0…`).
void list_sva(Listing& list, Sva& sva);
void each_sva_linear(Sva& sva, const SeeLinear& see);

/// Feature maps [F, side^2, Dt] of both towers to [F, grid^2, C]. Queries see what of their window lies in `part` of the
/// map, all of it where nothing does.
at::Tensor run_sva(const Sva& sva, const std::array<at::Tensor, kSvaTowers>& features, const MapPart& part, Adapter adapter);

/// Forward cost of one frame.
double sva_flop(const Sva& sva);

}  // namespace rrpo::model
