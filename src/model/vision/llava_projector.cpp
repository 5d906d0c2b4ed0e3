#include "llava_projector.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/max_pool2d.h>
#include <ATen/ops/upsample_bilinear2d.h>

#include <cmath>

#include "../layers.h"
#include "rrpo/util/error.h"

namespace rrpo::model {

namespace {

/// Side of a pooled grid.
int64_t pooled_side(Pool pool, int64_t grid) {
  switch (pool) {
    case Pool::none:
      return grid;
    case Pool::bilinear:
      return (grid + 1) / 2;
    case Pool::average:
    case Pool::max:
      return grid / 2;
  }
  return grid;
}

int64_t square_side(int64_t patches) {
  const auto grid = static_cast<int64_t>(std::llround(std::sqrt(static_cast<double>(patches))));
  expect(grid * grid == patches, "patches of a frame that make no square");
  return grid;
}

at::Tensor project(const Projector& projector, const at::Tensor& features, Adapter adapter) {
  return linear(at::gelu(linear(features, projector.linear_1, adapter)), projector.linear_2, adapter);
}

/// Larger pictures than this many times the tokens that are allowed, as a ratio of sides, are shrunk.
constexpr double kShrinkAbove = 1.1;

/// A side in patches: int(round(x, 7)) in transformers, int(x) in lmms-lab's code.
int64_t whole_part(const Tiles& tiles, double x) {
  return static_cast<int64_t>(tiles.cuts ? x : std::nearbyint(x * 1e7) / 1e7);
}

/// Python's x // y of two floats above zero.
int64_t floor_divide(double x, double y) { return std::llround((x - std::fmod(x, y)) / y); }

/// [F, g^2, D] -> [F, s, s, D].
at::Tensor pool_frames(const at::Tensor& x, Pool pool) {
  const int64_t frames = x.size(0), width = x.size(2);
  const int64_t grid = square_side(x.size(1));
  const at::Tensor map = x.reshape({frames, grid, grid, width});
  const int64_t side = pooled_side(pool, grid);
  if (pool == Pool::none) return map;
  const at::Tensor planes = map.permute({0, 3, 1, 2});
  at::Tensor small;
  if (pool == Pool::bilinear) small = at::upsample_bilinear2d(planes, {side, side}, /*align_corners=*/false);
  if (pool == Pool::average) small = at::avg_pool2d(planes, 2);
  if (pool == Pool::max) small = at::max_pool2d(planes, 2);
  return small.permute({0, 2, 3, 1});
}

}  // namespace

at::Tensor pool_and_lay(const at::Tensor& x, const at::Tensor& newline, Pool pool, Newline layout) {
  const at::Tensor small = pool_frames(x, pool);
  const int64_t frames = small.size(0), side = small.size(1), width = small.size(3);
  const at::Tensor end = newline.to(x.scalar_type());
  switch (layout) {
    case Newline::none:
      return small.reshape({-1, width});
    case Newline::video:
      return at::cat({small.reshape({-1, width}), end.view({1, width})});
    case Newline::frame:
      return at::cat({small.reshape({frames, side * side, width}), end.expand({frames, 1, width})}, 1).view({-1, width});
    case Newline::row:
      return at::cat({small, end.expand({frames, side, 1, width})}, 2).view({-1, width});
  }
  return {};
}

at::Tensor run_projector(const Projector& projector, const at::Tensor& features, Adapter adapter) {
  return pool_and_lay(project(projector, features, adapter), projector.newline, projector.pool, projector.layout);
}

TileMap map_tiles(const Tiles& tiles, int64_t grid, int64_t side, video::Resolution picture) {
  const video::Resolution whole = video::best_resolution(tiles.offered, picture);
  TileMap map;
  map.rows = whole.height / side;
  map.columns = whole.width / side;
  map.height = map.rows * grid;
  map.width = map.columns * grid;
  const auto height = static_cast<double>(map.height), width = static_cast<double>(map.width);
  const auto own_height = static_cast<double>(picture.height), own_width = static_cast<double>(picture.width);
  if (own_width / own_height > width / height) {
    map.top = (map.height - whole_part(tiles, own_height * (width / own_width))) / 2;
    map.height -= 2 * map.top;
  } else {
    map.left = (map.width - whole_part(tiles, own_width * (height / own_height))) / 2;
    map.width -= 2 * map.left;
  }
  const double ratio =
      std::sqrt(static_cast<double>(map.height * map.width) / static_cast<double>(tiles.most * grid * grid));
  const bool shrink = ratio > kShrinkAbove;
  map.final_height = shrink ? floor_divide(static_cast<double>(map.height), ratio) : map.height;
  map.final_width = shrink ? floor_divide(static_cast<double>(map.width), ratio) : map.width;
  return map;
}

at::Tensor run_tiles(const Projector& projector, const at::Tensor& features, int64_t side, video::Resolution picture,
                     Adapter adapter) {
  expect(projector.tiles.has_value(), "tiles for a model that takes none");
  const at::Tensor x = project(projector, features, adapter);
  const int64_t width = x.size(2), grid = square_side(x.size(1));
  const TileMap map = map_tiles(*projector.tiles, grid, side, picture);
  expect(x.size(0) == 1 + map.rows * map.columns, "tiles of another number than the picture's size asks for");
  at::Tensor planes = x.narrow(0, 1, map.rows * map.columns)
                          .reshape({map.rows, map.columns, grid, grid, width})
                          .permute({4, 0, 2, 1, 3})
                          .reshape({1, width, map.rows * grid, map.columns * grid})
                          .narrow(2, map.top, map.height)
                          .narrow(3, map.left, map.width);
  if (map.final_height != map.height || map.final_width != map.width) {
    planes = at::upsample_bilinear2d(planes, {map.final_height, map.final_width}, /*align_corners=*/false);
  }
  const at::Tensor rows = planes[0].permute({1, 2, 0});
  const at::Tensor end = projector.newline.to(x.scalar_type()).expand({map.final_height, 1, width});
  return at::cat({x[0], at::cat({rows, end}, 1).view({-1, width})});
}

int64_t projected_tokens(const Projector& projector, int64_t grid, int64_t frames) {
  const int64_t side = pooled_side(projector.pool, grid), plain = frames * side * side;
  switch (projector.layout) {
    case Newline::none:
      return plain;
    case Newline::video:
      return plain + 1;
    case Newline::frame:
      return plain + frames;
    case Newline::row:
      return plain + frames * side;
  }
  return plain;
}

}  // namespace rrpo::model
