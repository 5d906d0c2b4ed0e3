// LLaVA's projector: two linears, then pooling of each frame's grid, then newlines.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "rows.h"

namespace rrpo::model {

struct Projector {
  Linear linear_1, linear_2;
  at::Tensor newline;  ///< [D]
  Pool pool = Pool::bilinear;
  Newline layout = Newline::video;
  std::optional<Tiles> tiles;  ///< absent: stills are shown as videos of one frame only
};

/// Patch features [F, grid^2, Dv] of one video to visual tokens [N, D].
at::Tensor run_projector(const Projector& projector, const at::Tensor& features, Adapter adapter);
/// N of the line above.
int64_t projected_tokens(const Projector& projector, int64_t grid, int64_t frames);

/// Where the tokens of a picture's tiles lie: in the map of all tiles put together, and the map that is made of them.
struct TileMap {
  int64_t rows = 0, columns = 0;                     ///< of tiles
  int64_t top = 0, left = 0, height = 0, width = 0;  ///< the part that shows the picture
  int64_t final_height = 0, final_width = 0;         ///< after shrinking
};
TileMap map_tiles(const Tiles& tiles, int64_t grid, int64_t side, video::Resolution picture);
/// Patch features [1 + n, grid^2, Dv] of a picture's tiles of `side` pixels to visual tokens [N, D].
at::Tensor run_tiles(const Projector& projector, const at::Tensor& features, int64_t side, video::Resolution picture,
                     Adapter adapter);

/// Pooling and newlines alone: x [F, grid^2, D] to [N, D].
at::Tensor pool_and_lay(const at::Tensor& x, const at::Tensor& newline, Pool pool, Newline layout);

}  // namespace rrpo::model
